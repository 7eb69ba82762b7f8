/* test_event.c - numbers and names of an event belong together, and identity is told from content.
 */
#include "journal/event.h"
#include "tests/support/test.h"

static void every_name_leads_back_to_its_number(void **state)
{
    (void)state;
    for (int op = OP_CREATE; op <= OP_NETWORK; op++)
        if (strcmp(op_name((enum op)op), "unknown") != 0)
            assert_int_equal(op_from_name(op_name((enum op)op)), op);
    assert_int_equal(op_from_name("unlink"), OP_UNLINK);
    assert_int_equal(op_from_name("network"), OP_NETWORK);
    assert_int_equal(op_from_name("no such"), OP_NONE);
    assert_string_equal(op_name((enum op)9999), "unknown");
    assert_string_equal(outcome_name(OUTCOME_DENIED), "denied");
    assert_string_equal(outcome_name((enum outcome)77), "unknown");
}

static void only_what_alters_the_workspace_is_a_change(void **state)
{
    (void)state;
    assert_true(op_changes(OP_CREATE));
    assert_true(op_changes(OP_REMOVEXATTR));
    assert_false(op_changes(OP_OPEN));
    assert_false(op_changes(OP_UNDO));
    assert_false(op_changes(OP_NETWORK));
    assert_false(op_changes(OP_NONE));
}

static void a_rewritten_file_is_the_same_object_with_other_content(void **state)
{
    char folder[64];
    struct attr before = {0};
    struct attr after = {0};
    (void)state;
    int dir = test_folder_make(folder, sizeof folder);
    test_file_text(dir, "f", "one");
    assert_int_equal(attr_read(dir, "f", &before), 0);
    test_file_text(dir, "f", "longer");
    assert_int_equal(attr_read(dir, "f", &after), 0);
    assert_true(attr_same_object(&before, &after));
    assert_false(attr_same_content(&before, &after));
    assert_true(attr_same_content(&after, &after));
    assert_int_equal(after.size, 6);
    assert_string_equal(type_name(after.mode), "file");
    assert_int_equal(attr_read(dir, "", &after), 0);
    assert_string_equal(type_name(after.mode), "dir");
    assert_int_equal(attr_read(dir, "nothing", &after), -ENOENT);
    close(dir);
    test_folder_remove(folder);
}

static void a_number_used_again_is_another_object(void **state)
{
    struct attr a = {.ino = 5, .born = 100, .mode = S_IFREG | 0644};
    struct attr b = a;
    (void)state;
    b.born = 200;
    assert_false(attr_same_object(&a, &b));
    b = a;
    b.mode = S_IFLNK | 0777;
    assert_false(attr_same_object(&a, &b));
    b.mode = S_IFREG | 0600; /* permissions are not identity */
    assert_true(attr_same_object(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_leads_back_to_its_number),
        cmocka_unit_test(only_what_alters_the_workspace_is_a_change),
        cmocka_unit_test(a_rewritten_file_is_the_same_object_with_other_content),
        cmocka_unit_test(a_number_used_again_is_another_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
