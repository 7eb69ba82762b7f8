/* An undo that was killed at any step is finished at the next start, and gives the same tree; one
 * that could not go on can be taken up again. */
#include <sys/wait.h>

#include "tests/support/mediator.h"
#include "tests/support/test.h"

static void given_work(struct mediator *m)
{
    do_mkdir(m, "d");
    do_create(m, "d/a", "aaa\n");
    do_create(m, "d/b", "bbb\n");
    do_create(m, "c", "ccc\n");
    do_link(m, "c", "c2");
    do_create(m, "w", "before\n");
    do_create(m, "p", "patched in place\n");
    do_symlink(m, "a", "d/s");
    do_mkdir(m, "x");
    do_create(m, "x/1", "one\n");
    do_setxattr(m, "w", "user.k", "v");
    do_setxattr(m, "x", "user.k", "w");
    do_utimens(m, "x", 1000000000000000001);
    do_utimens(m, "d", 1000000000000000002);
}

static void damage(struct mediator *m)
{
    do_write(m, "w", 0, "AFTER!!", CAPTURE_COPY);
    do_setxattr(m, "w", "user.k", "changed");
    do_write(m, "p", 2, "XX", CAPTURE_BLOCKS);
    do_write(m, "p", 30, "tail", CAPTURE_BLOCKS);
    do_write(m, "c", 0, "CC", CAPTURE_COPY);
    do_unlink(m, "d/a");
    do_rename(m, "d/b", "d/a");
    do_unlink(m, "d/s");
    do_unlink(m, "c2");
    do_exchange(m, "x", "d");
    do_unlink(m, "d/1");
    do_rmdir(m, "d");
    do_mkdir(m, "d");
    do_rename(m, "x/a", "d/q");
    do_create(m, "new", "new\n");
    do_chmod(m, "c", 0600);
    do_chmod(m, "d", 0700);
}

/* true: the child was killed at the point. */
static bool undo_in_child(struct mediator *m, uint64_t first, uint64_t last, const char *point)
{
    journal_close(&m->journal);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err = ERROR_NONE;
        if (journal_open(m->root, &m->journal, &err) < 0)
            _exit(2);
        setenv("CCFS_FAULT", point, 1);
        undo_range(m, first, last);
        journal_close(&m->journal);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    assert_int_equal(journal_open(m->root, &m->journal, NULL), 0);
    return WIFSIGNALED(status);
}

static int note_id(const struct event *e, void *context)
{
    *(uint64_t *)context = e->id;
    return 0;
}

static uint64_t last_undo(struct mediator *m)
{
    struct history *h = NULL;
    struct history_filter filter = HISTORY_ALL;
    uint64_t id = 0;
    filter.op = OP_UNDO;
    filter.limit = 1;
    assert_int_equal(history_open(m->root, &h, NULL), 0);
    assert_int_equal(history_events(h, &filter, note_id, &id, NULL), 0);
    history_close(&h);
    return id;
}

/* Undo killed at one point, resumed; then everything again from there: redo, and undo. */
static bool play(const char *point)
{
    struct mediator m;
    struct error err = ERROR_NONE;
    unsigned finished = 0;
    mediator_open(&m);
    given_work(&m);
    char *before = tree_look(&m);
    uint64_t first = m.last + 1;
    damage(&m);
    uint64_t last = m.last;
    char *after = tree_look(&m);
    bool killed = undo_in_child(&m, first, last, point);
    if (undo_resume(m.journal, m.root, &finished, &err) < 0)
        fail_msg("%s: %s", point, err.message);
    if (finished == 0) /* killed before the plan was stored, or not at all */
        undo_range(&m, first, last);
    assert_tree(&m, before);
    assert_int_equal(undo_range(&m, first, last), 0);
    assert_int_equal(undo_resume(m.journal, m.root, &finished, &err), 0);
    assert_int_equal(finished, 0);
    redo(&m, last_undo(&m));
    assert_tree(&m, after);
    undo_range(&m, first, last);
    assert_tree(&m, before);
    free(before);
    free(after);
    mediator_close(&m);
    return killed;
}

static void kill_at_every(const char *point)
{
#ifdef CCFS_FAULTS
    char name[64];
    for (int n = 1; n < 200; n++) {
        snprintf(name, sizeof name, "%s:%d", point, n);
        if (!play(name)) {
            assert_true(n > 1);
            return;
        }
    }
    fail_msg("%s is never passed to the end", point);
#else
    (void)point;
    (void)play;
    skip();
#endif
}

static void an_undo_killed_after_any_step_is_finished(void **state)
{
    (void)state;
    kill_at_every("undo_step");
}

static void an_undo_killed_between_a_step_and_its_mark_is_finished(void **state)
{
    (void)state;
    kill_at_every("undo_marked");
}

static void an_undo_killed_before_any_change_is_finished(void **state)
{
    (void)state;
    kill_at_every("undo_begun");
}

static void an_undo_killed_after_any_change_is_finished(void **state)
{
    (void)state;
    kill_at_every("undo_applied");
    kill_at_every("undo_kept");
}

static void an_undo_killed_while_it_builds_contents_is_finished(void **state)
{
    (void)state;
    kill_at_every("undo_staged");
    kill_at_every("undo_stored");
}

/* Something from outside stands where a file must return: it stops, and goes on when that is gone.
 */
static void an_undo_that_was_stopped_goes_on_later(void **state)
{
    struct mediator m;
    struct undo_result result;
    struct error err = ERROR_NONE;
    unsigned finished = 0;
    (void)state;
    mediator_open(&m);
    given_work(&m);
    char *before = tree_look(&m);
    uint64_t first = m.last + 1;
    do_unlink(&m, "d/a");
    do_unlink(&m, "w");
    struct undo_plan *plan = plan_range(&m, first, m.last);
    do_utimens(&m, "x", 1000000000000000001);
    test_file_text(m.root, "d/a", "in the way\n");

    int r = undo_apply(m.journal, m.root, plan, (struct actor_ref){0}, NULL, &result, &err);
    assert_int_equal(r, -ESTALE);
    undo_plan_free(&plan);
    assert_int_equal(unlinkat(m.root, "d/a", 0), 0);
    assert_int_equal(undo_resume(m.journal, m.root, &finished, &err), 0);
    assert_int_equal(finished, 1);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undo_killed_after_any_step_is_finished),
        cmocka_unit_test(an_undo_killed_between_a_step_and_its_mark_is_finished),
        cmocka_unit_test(an_undo_killed_before_any_change_is_finished),
        cmocka_unit_test(an_undo_killed_after_any_change_is_finished),
        cmocka_unit_test(an_undo_killed_while_it_builds_contents_is_finished),
        cmocka_unit_test(an_undo_that_was_stopped_goes_on_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
