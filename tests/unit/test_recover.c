/* test_recover.c - what is on disk decides whether a pending change happened; in doubt it did. */
#include "journal/base/clock.h"
#include "journal/recover.h"
#include "tests/support/test.h"

#define NOW (INT64_C(1000) * NS_PER_S)

static const struct attr nothing = {0};
static const struct attr file = {.ino = 5,
                                 .born = 10,
                                 .mode = S_IFREG | 0644,
                                 .uid = 1,
                                 .gid = 2,
                                 .size = 100,
                                 .mtime = 50,
                                 .ctime = 50};
static const struct attr other = {.ino = 6, .born = 11, .mode = S_IFREG | 0644, .size = 3};

static bool happened(struct event e, struct attr path, struct attr path2)
{
    struct sight s = {.path = path, .path2 = path2};
    e.time = NOW;
    return recover_settle(&e, &s) == VERDICT_HAPPENED;
}

static void a_removal_happened_when_the_inode_is_gone_from_its_name(void **state)
{
    (void)state;
    struct event e = {.op = OP_UNLINK, .before = file};
    assert_false(happened(e, file, nothing));
    assert_true(happened(e, nothing, nothing));
    assert_true(happened(e, other, nothing)); /* something new has the name */
}

static void a_rename_happened_when_the_inode_left_its_old_name(void **state)
{
    (void)state;
    struct event e = {.op = OP_RENAME, .before = file, .before2 = other};
    assert_false(happened(e, file, other));
    assert_true(happened(e, nothing, file));
    assert_false(happened(e, file, file)); /* two names of one file: the system did nothing */
    assert_true(happened(e, nothing, nothing));
    e.op = OP_EXCHANGE;
    assert_false(happened(e, file, other));
    assert_true(happened(e, other, file));
}

static void a_creation_happened_when_what_is_there_is_young_enough(void **state)
{
    (void)state;
    struct event e = {.op = OP_CREATE};
    struct attr young = file;
    young.born = NOW - 1;
    assert_false(happened(e, nothing, nothing));
    assert_true(happened(e, young, nothing));
    assert_false(happened(e, file, nothing)); /* it was there before */
    young.born = 10;
    young.ctime = NOW;
    e.flags = EVENT_BY_UNDO; /* an old inode that came back */
    assert_true(happened(e, young, nothing));
}

static void a_link_happened_when_the_name_is_that_inode(void **state)
{
    (void)state;
    struct event e = {.op = OP_LINK, .before = file};
    assert_true(happened(e, file, nothing));
    assert_false(happened(e, nothing, nothing));
    assert_false(happened(e, other, nothing));
}

static void metadata_decides_about_metadata(void **state)
{
    (void)state;
    const struct {
        enum op op;
        struct attr changed;
    } cases[] = {
        {OP_CHMOD,
         {.mode = S_IFREG | 0600, .uid = 1, .gid = 2, .size = 100, .mtime = 50, .ctime = 50}},
        {OP_CHOWN,
         {.mode = S_IFREG | 0644, .uid = 9, .gid = 2, .size = 100, .mtime = 50, .ctime = 50}},
        {OP_CHOWN,
         {.mode = S_IFREG | 0644, .uid = 1, .gid = 9, .size = 100, .mtime = 50, .ctime = 50}},
        {OP_UTIMENS,
         {.mode = S_IFREG | 0644, .uid = 1, .gid = 2, .size = 100, .mtime = 7, .ctime = 50}},
        {OP_UTIMENS,
         {.mode = S_IFREG | 0644, .uid = 1, .gid = 2, .size = 100, .mtime = 50, .ctime = 51}},
        {OP_TRUNCATE,
         {.mode = S_IFREG | 0644, .uid = 1, .gid = 2, .size = 0, .mtime = 60, .ctime = 60}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct event e = {.op = cases[i].op, .before = file};
        struct attr changed = cases[i].changed;
        changed.ino = file.ino;
        changed.born = file.born;
        assert_true(happened(e, changed, nothing));
        assert_false(happened(e, file, nothing));
        assert_true(happened(e, other, nothing)); /* not the same file any more: in doubt, yes */
    }
}

static void bytes_are_never_taken_for_untouched(void **state)
{
    (void)state;
    struct event e = {.op = OP_WRITE, .before = file, .kept = KEPT_COPY};
    assert_true(happened(e, file, nothing));
    e.kept = KEPT_INODE; /* a swap that did not come about: the old inode is still there */
    assert_false(happened(e, file, nothing));
    assert_true(happened(e, other, nothing));
}

static void what_cannot_be_looked_at_happened(void **state)
{
    (void)state;
    struct sight s = {.path = file, .unknown = true};
    for (int op = OP_CREATE; op <= OP_REMOVEXATTR; op++) {
        struct event e = {.op = (enum op)op, .before = file};
        assert_int_equal(recover_settle(&e, &s), VERDICT_HAPPENED);
    }
}

static void attributes_decide_about_attributes(void **state)
{
    (void)state;
    struct event e = {.op = OP_SETXATTR, .before = file};
    struct sight s = {.path = file, .xattrs_the_same = true};
    assert_int_equal(recover_settle(&e, &s), VERDICT_DID_NOT);
    s.xattrs_the_same = false;
    assert_int_equal(recover_settle(&e, &s), VERDICT_HAPPENED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_removal_happened_when_the_inode_is_gone_from_its_name),
        cmocka_unit_test(a_rename_happened_when_the_inode_left_its_old_name),
        cmocka_unit_test(a_creation_happened_when_what_is_there_is_young_enough),
        cmocka_unit_test(a_link_happened_when_the_name_is_that_inode),
        cmocka_unit_test(metadata_decides_about_metadata),
        cmocka_unit_test(bytes_are_never_taken_for_untouched),
        cmocka_unit_test(what_cannot_be_looked_at_happened),
        cmocka_unit_test(attributes_decide_about_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
