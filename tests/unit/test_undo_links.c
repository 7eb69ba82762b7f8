/* Files with several names, and files that were removed and are still open: found by programs that
 * hammer on few names at once, told here one at a time. */
#include "tests/support/mediator.h"
#include "tests/support/test.h"

static struct mediator given_workspace(void)
{
    struct mediator m;
    mediator_open(&m);
    m.copies_names = true;
    do_mkdir(&m, "d");
    do_create(&m, "f", "first content\n");
    return m;
}

/* Takes back everything from `first` on, and finds the tree as it was. */
static void assert_taken_back(struct mediator *m, uint64_t first, char *before)
{
    assert_true(undo_range(m, first, 0) > 0);
    assert_tree(m, before);
    free(before);
    mediator_close(m);
}

static void a_file_lives_on_under_the_name_that_is_left(void **state)
{
    struct mediator m = given_workspace();
    char *before = tree_look(&m);
    (void)state;
    uint64_t first = do_link(&m, "f", "d/g");
    do_unlink(&m, "f");
    assert_taken_back(&m, first, before);
}

static void a_file_lives_on_although_a_truncation_swapped_its_inode(void **state)
{
    struct mediator m = given_workspace();
    char *before = tree_look(&m);
    (void)state;
    uint64_t first = do_truncate_swapped(&m, "f");
    do_link(&m, "f", "d/g");
    do_write(&m, "f", 0, "second", CAPTURE_COPY);
    do_unlink(&m, "f");
    do_rename(&m, "d", "e");
    assert_taken_back(&m, first, before);
}

static void the_first_name_to_return_is_not_the_last_one_that_is_looked_for(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_create(&m, "other", "other\n");
    char *before = tree_look(&m);
    uint64_t first = do_truncate_swapped(&m, "f");
    do_link(&m, "f", "d/g");
    do_unlink(&m, "f");
    do_link(&m, "other", "d/other");
    do_unlink(&m, "other"); /* met first, and searched for */
    assert_taken_back(&m, first, before);
}

/* An undo and its redo leave the file as another inode, which no event before them tells. */
static void a_name_that_came_and_went_returns_to_what_an_earlier_undo_left(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t first = do_write(&m, "f", 0, "FIRST CONTENT\n", CAPTURE_COPY);
    uint64_t link = do_link(&m, "f", "d/g");
    uint64_t gone = do_unlink(&m, "f");
    const uint64_t all[] = {first, link, gone};
    redo(&m, undo_ids(&m, all, 3));
    redo(&m, undo_ids(&m, &gone, 1));
    undo_ids(&m, all, 3);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

static void a_name_that_was_renamed_over_returns_beside_the_others(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_symlink(&m, "somewhere", "s");
    char *before = tree_look(&m);
    uint64_t first = do_link(&m, "s", "t");
    do_link(&m, "f", "d/g");
    do_mkdir(&m, "new");
    do_create(&m, "new/x", "x\n");
    do_create(&m, "new/y", "y\n");
    do_rename(&m, "new/x", "t");
    do_rename(&m, "new/y", "f");
    assert_taken_back(&m, first, before);
}

static void a_name_whose_other_names_left_the_workspace_returns_as_a_copy(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_link(&m, "f", "d/g");
    uint64_t removed = do_unlink(&m, "f");
    assert_int_equal(unlinkat(m.root, "d/g", 0), 0); /* not by ccfs */
    undo_ids(&m, &removed, 1);
    assert_file_is(m.root, "f", "first content\n", 14);
    mediator_close(&m);
}

static uint64_t version_of_next(struct mediator *m)
{
    return vault_new(journal_vault(m->journal)) + 1;
}

static void a_change_of_a_removed_file_is_nothing_to_take_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t version = version_of_next(&m);
    uint64_t removed = do_unlink(&m, "f");
    uint64_t written = do_write_kept(&m, version, "f", "written to an open handle");
    do_create(&m, "f", "another file\n");
    char *before = tree_look(&m);
    assert_int_equal(undo_ids(&m, &written, 1), 0);
    assert_tree(&m, before);
    assert_true(undo_range(&m, removed + 1, 0) > 0); /* the new file goes, the old one stays gone */
    undo_ids(&m, &removed, 1);                       /* and takes the change along */
    assert_file_is(m.root, "f", "first content\n", 14);
    free(before);
    mediator_close(&m);
}

static void a_change_of_a_replaced_file_is_nothing_to_take_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_create(&m, "d/g", "replacement\n");
    uint64_t version = version_of_next(&m);
    do_rename(&m, "d/g", "f");
    uint64_t written = do_write_kept(&m, version, "f", "written to an open handle");
    char *before = tree_look(&m);
    assert_int_equal(undo_ids(&m, &written, 1), 0);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_lives_on_under_the_name_that_is_left),
        cmocka_unit_test(a_file_lives_on_although_a_truncation_swapped_its_inode),
        cmocka_unit_test(the_first_name_to_return_is_not_the_last_one_that_is_looked_for),
        cmocka_unit_test(a_name_that_came_and_went_returns_to_what_an_earlier_undo_left),
        cmocka_unit_test(a_name_that_was_renamed_over_returns_beside_the_others),
        cmocka_unit_test(a_name_whose_other_names_left_the_workspace_returns_as_a_copy),
        cmocka_unit_test(a_change_of_a_removed_file_is_nothing_to_take_back),
        cmocka_unit_test(a_change_of_a_replaced_file_is_nothing_to_take_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
