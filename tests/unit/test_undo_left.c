/* test_undo_left.c - a change that was to keep a file as an inode and did not come about has moved
 * the file's change time, by the link in the vault that it took back; so has one that set what was
 * set already: that is nobody's change. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/xattr.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

/* g was changed once already, and its change time will be another. */
static struct mediator given_a_change(uint64_t *written)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    struct mediator m;
    mediator_open(&m);
    do_create(&m, "g", "first\n");
    do_create(&m, "h", "other\n");
    *written = do_write(&m, "g", 0, "FIRST", CAPTURE_COPY);
    nanosleep(&moment, NULL);
    return m;
}

/* The same in a folder, which has another name by now: q/g is no path that g's events tell. */
static struct mediator given_a_change_in_a_folder_that_moved(uint64_t *written)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    struct mediator m;
    mediator_open(&m);
    do_mkdir(&m, "p");
    do_create(&m, "p/g", "first\n");
    do_create(&m, "h", "other\n");
    *written = do_write(&m, "p/g", 0, "FIRST", CAPTURE_COPY);
    do_rename(&m, "p", "q");
    nanosleep(&moment, NULL);
    return m;
}

/* What is to be replaced, and how. */
struct attempt {
    enum op op;
    const char *path;
};

/* h over it, or a new inode in its place, as far as the link in the vault. */
static struct change begin_to_replace(struct mediator *m, struct attempt a)
{
    struct vault *v = journal_vault(m->journal);
    struct change change = CHANGE_NONE;
    struct change_spec spec = {
        .op = a.op, .path = a.path, .version = vault_new(v), .kept = KEPT_INODE};
    struct attr *replaced = a.op == OP_RENAME ? &spec.before2 : &spec.before;
    assert_int_equal(attr_read(m->root, a.path, replaced), 0);
    if (a.op == OP_RENAME) {
        spec.path = "h";
        spec.path2 = a.path;
        assert_int_equal(attr_read(m->root, "h", &spec.before), 0);
    }
    assert_int_equal(journal_begin(m->journal, &spec, &change, NULL), 0);
    assert_int_equal(vault_link_in(v, spec.version, m->root, a.path, NULL), 0);
    return change;
}

static void when_it_fails(struct mediator *m, struct attempt a)
{
    struct change change = begin_to_replace(m, a);
    journal_fail_left(&change, ENOSPC, m->root, a.path);
    assert_int_equal(journal_drain(m->journal, NULL), 0);
}

static void then_it_was_killed(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void when_it_is_killed(struct mediator *m, struct attempt a)
{
    journal_close(&m->journal);
    pid_t child = fork();
    if (child == 0) {
        mediator_reopen(m);
        begin_to_replace(m, a);
        raise(SIGKILL);
    }
    then_it_was_killed(child);
}

static void (*const ends[])(struct mediator *m, struct attempt a) = {when_it_fails,
                                                                     when_it_is_killed};
static const enum op ops[] = {OP_RENAME, OP_TRUNCATE};

/* Each way to replace what is at path, with each end. */
static void when_replaced_in_vain(struct mediator *m, size_t turn, const char *path)
{
    const struct attempt a = {ops[turn / 2], path};
    ends[turn % 2](m, a);
    mediator_reopen(m);
}
#define TURNS (COUNT_OF(ends) * COUNT_OF(ops))

static void then_the_vault_holds(struct mediator *m, uint64_t wanted)
{
    uint64_t bytes = 0;
    uint64_t versions = 0;
    assert_int_equal(vault_usage(journal_vault(m->journal), &bytes, &versions), 0);
    assert_int_equal(versions, wanted);
}

static void what_was_linked_and_not_replaced_is_undone(void **state)
{
    (void)state;
    for (size_t i = 0; i < TURNS; i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change(&written);
        when_replaced_in_vain(&m, i, "g");
        then_the_vault_holds(&m, 1); /* what the write kept */
        undo_ids(&m, &written, 1);
        assert_file_is(m.root, "g", "first\n", 6);
        mediator_close(&m);
    }
}

static void it_is_nobodys_change_between_two_events_either(void **state)
{
    (void)state;
    for (size_t i = 0; i < TURNS; i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change(&written);
        when_replaced_in_vain(&m, i, "g");
        do_write(&m, "g", 0, "once more", CAPTURE_COPY);
        undo_range(&m, written, m.last);
        assert_file_is(m.root, "g", "first\n", 6);
        mediator_close(&m);
    }
}

static void so_it_is_where_its_folder_was_renamed_since(void **state)
{
    (void)state;
    for (size_t i = 0; i < TURNS; i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change_in_a_folder_that_moved(&written);
        when_replaced_in_vain(&m, i, "q/g");
        undo_ids(&m, &written, 1);
        assert_file_is(m.root, "q/g", "first\n", 6);
        mediator_close(&m);
    }
}

static void so_it_is_there_between_two_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < TURNS; i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change_in_a_folder_that_moved(&written);
        when_replaced_in_vain(&m, i, "q/g");
        do_rename(&m, "q", "r");
        do_write(&m, "r/g", 0, "once more", CAPTURE_COPY);
        undo_range(&m, written, m.last);
        assert_file_is(m.root, "p/g", "first\n", 6);
        mediator_close(&m);
    }
}

static void then_undo_sees_a_change_outside(struct mediator *m, uint64_t written)
{
    const struct undo_conflict *conflicts = NULL;
    struct undo_plan *plan = plan_ids(m, &written, 1);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    assert_int_equal(conflicts[0].obstacle, UNDO_BY_OUTSIDE);
    undo_plan_free(&plan);
}

static void who_edits_it_after_the_kill_is_seen_all_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change(&written);
        when_it_is_killed(&m, (struct attempt){ops[i], "g"});
        test_file_text(m.root, "g", "by hand\n");
        mediator_reopen(&m);
        then_undo_sees_a_change_outside(&m, written);
        mediator_close(&m);
    }
}

/* g2 goes, and g has another change time, which no event tells. */
static void remove_one_name(struct mediator *m)
{
    struct change change = CHANGE_NONE;
    struct change_spec spec = {.op = OP_UNLINK, .path = "g2"};
    assert_int_equal(attr_read(m->root, "g2", &spec.before), 0);
    assert_int_equal(journal_begin(m->journal, &spec, &change, NULL), 0);
    assert_int_equal(unlinkat(m->root, "g2", 0), 0);
}

static void a_name_of_several_that_went_with_the_kill_is_in_nobodys_way(void **state)
{
    uint64_t written = 0;
    struct mediator m = given_a_change(&written);
    (void)state;
    do_link(&m, "g", "g2");
    const uint64_t linked = m.last;
    journal_close(&m.journal);
    pid_t child = fork();
    if (child == 0) {
        mediator_reopen(&m);
        remove_one_name(&m);
        raise(SIGKILL);
    }
    then_it_was_killed(child);
    mediator_reopen(&m);
    undo_range(&m, written, linked + 100);
    assert_file_is(m.root, "g", "first\n", 6);
    assert_false(test_exists(m.root, "g2"));
    mediator_close(&m);
}

/* ---- what gives a file what it has already: no more than its change time tells of that ---- */

struct vain {
    enum op op;
    void (*apply)(const struct mediator *m);
};

static void same_mode(const struct mediator *m)
{
    assert_int_equal(fchmodat(m->root, "g", 0644, 0), 0);
}

static void same_owner(const struct mediator *m)
{
    assert_int_equal(fchownat(m->root, "g", getuid(), getgid(), 0), 0);
}

static void same_attribute(const struct mediator *m)
{
    CLEANUP(fd_close) int fd = openat(m->root, "g", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "user.note", "x", 1, 0), 0);
}

static void same_size(const struct mediator *m)
{
    CLEANUP(fd_close) int fd = openat(m->root, "g", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 6), 0);
}

static const struct vain vain_changes[] = {
    {OP_CHMOD, same_mode},
    {OP_CHOWN, same_owner},
    {OP_SETXATTR, same_attribute},
    {OP_TRUNCATE, same_size},
};

static void change_in_vain(struct mediator *m, const struct vain *vain)
{
    CLEANUP(strbuf_release) struct strbuf old = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = openat(m->root, "g", O_RDONLY | O_CLOEXEC);
    const struct range none = {6, 0};
    struct change change = CHANGE_NONE;
    struct change_spec spec = {.op = vain->op, .path = "g"};
    assert_int_equal(attr_read(m->root, "g", &spec.before), 0);
    if (vain->op == OP_SETXATTR)
        assert_int_equal(xattr_read_one(fd, "user.note", &old), 0);
    spec.xattrs = old.data;
    spec.xattr_bytes = old.bytes;
    spec.ranges = vain->op == OP_TRUNCATE ? &none : NULL;
    spec.range_count = vain->op == OP_TRUNCATE;
    assert_int_equal(journal_begin(m->journal, &spec, &change, NULL), 0);
    vain->apply(m);
}

static void when_killed_in_vain(struct mediator *m, const struct vain *vain)
{
    journal_close(&m->journal);
    pid_t child = fork();
    if (child == 0) {
        mediator_reopen(m);
        change_in_vain(m, vain);
        raise(SIGKILL);
    }
    then_it_was_killed(child);
}

static void a_change_to_what_was_there_cut_off_by_a_kill_is_in_nobodys_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vain_changes); i++) {
        uint64_t written = 0;
        struct mediator m = given_a_change(&written);
        do_setxattr(&m, "g", "user.note", "x");
        const uint64_t last = m.last;
        when_killed_in_vain(&m, &vain_changes[i]);
        mediator_reopen(&m);
        undo_range(&m, written, last + 100);
        assert_file_is(m.root, "g", "first\n", 6);
        mediator_close(&m);
    }
}

static void who_edits_it_after_that_is_seen_all_the_same(void **state)
{
    static const struct vain mode = {OP_CHMOD, same_mode};
    uint64_t written = 0;
    struct mediator m = given_a_change(&written);
    (void)state;
    when_killed_in_vain(&m, &mode);
    test_file_text(m.root, "g", "by hand\n");
    mediator_reopen(&m);
    then_undo_sees_a_change_outside(&m, written);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_linked_and_not_replaced_is_undone),
        cmocka_unit_test(it_is_nobodys_change_between_two_events_either),
        cmocka_unit_test(so_it_is_where_its_folder_was_renamed_since),
        cmocka_unit_test(so_it_is_there_between_two_events),
        cmocka_unit_test(a_name_of_several_that_went_with_the_kill_is_in_nobodys_way),
        cmocka_unit_test(a_change_to_what_was_there_cut_off_by_a_kill_is_in_nobodys_way),
        cmocka_unit_test(who_edits_it_after_that_is_seen_all_the_same),
        cmocka_unit_test(who_edits_it_after_the_kill_is_seen_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
