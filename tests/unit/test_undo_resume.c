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

struct span {
    uint64_t first;
    uint64_t last;
};

typedef void deed(struct mediator *m, const struct span *span);

static void undo_span(struct mediator *m, const struct span *span)
{
    undo_range(m, span->first, span->last);
}

static uint64_t abort_undo(struct mediator *m)
{
    CLEANUP(undo_plan_free) struct undo_plan *plan = NULL;
    struct undo_result result;
    struct error err = ERROR_NONE;
    int r = undo_abort(m->journal, m->root, 0, (struct actor_ref){0}, NULL, &plan, &result, &err);
    if (r < 0 && r != -ENOENT)
        fail_msg("abort: %s", err.message);
    return r < 0 ? 0 : result.undo;
}

static void abort_span(struct mediator *m, const struct span *span)
{
    (void)span;
    abort_undo(m);
}

/* true: the child was killed at the point. */
static bool in_child(struct mediator *m, deed *does, const struct span *span, const char *point)
{
    journal_close(&m->journal);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err = ERROR_NONE;
        if (journal_open(m->root, &m->journal, &err) < 0)
            _exit(2);
        setenv("CCFS_FAULT", point, 1);
        does(m, span);
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
    const struct span span = {first, last};
    bool killed = in_child(&m, undo_span, &span, point);
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

/* Undo killed at one point and taken back: the tree is as it was before the undo, and all of it can
 * still be undone.  The taking back can be killed too, and is then finished. */
static bool play_abort(const char *point, const char *second)
{
    struct mediator m;
    unsigned finished = 0;
    mediator_open(&m);
    given_work(&m);
    char *before = tree_look(&m);
    struct span span = {.first = m.last + 1};
    damage(&m);
    span.last = m.last;
    char *after = tree_look(&m);
    bool killed = in_child(&m, undo_span, &span, point);
    bool twice = killed && in_child(&m, abort_span, &span, second);
    if (killed && !twice)
        assert_int_equal(abort_undo(&m), 0); /* there is none any more */
    if (twice && undo_resume(m.journal, m.root, &finished, NULL) == 0 && finished == 0)
        abort_undo(&m); /* killed before its plan was stored */
    if (killed)
        assert_tree(&m, after);
    undo_range(&m, span.first, span.last);
    assert_tree(&m, before);
    redo(&m, last_undo(&m));
    assert_tree(&m, after);
    free(before);
    free(after);
    mediator_close(&m);
    return killed;
}

static bool play_abort_once(const char *point)
{
    return play_abort(point, "");
}

static bool play_abort_cut_off(const char *point)
{
    return play_abort(point, "undo_step:3");
}

static void kill_at_every_of(const char *point, bool (*plays)(const char *point))
{
#ifdef CCFS_FAULTS
    char name[64];
    for (int n = 1; n < 200; n++) {
        snprintf(name, sizeof name, "%s:%d", point, n);
        if (!plays(name)) {
            assert_true(n > 1);
            return;
        }
    }
    fail_msg("%s is never passed to the end", point);
#else
    (void)point;
    (void)plays;
    skip();
#endif
}

static void kill_at_every(const char *point)
{
    kill_at_every_of(point, play);
}

static void an_undo_killed_after_any_step_is_taken_back(void **state)
{
    (void)state;
    kill_at_every_of("undo_step", play_abort_once);
}

static void an_undo_killed_within_a_step_is_taken_back(void **state)
{
    (void)state;
    kill_at_every_of("undo_begun", play_abort_once);
    kill_at_every_of("undo_applied", play_abort_once);
}

static void taking_back_that_is_cut_off_is_finished(void **state)
{
    (void)state;
    kill_at_every_of("undo_step", play_abort_cut_off);
}

static void what_is_unfinished_is_told_and_no_other_undo_is_planned(void **state)
{
#ifdef CCFS_FAULTS
    struct mediator m;
    struct undo_unfinished u = {0};
    struct history *h = NULL;
    struct undo_plan *plan = NULL;
    (void)state;
    mediator_open(&m);
    given_work(&m);
    struct span span = {.first = m.last + 1};
    damage(&m);
    span.last = m.last;
    assert_int_equal(undo_find_unfinished(m.root, &u, NULL), 0);
    assert_int_equal(u.id, 0);
    assert_true(in_child(&m, undo_span, &span, "undo_marked:3"));
    assert_int_equal(undo_find_unfinished(m.root, &u, NULL), 0);
    assert_int_equal(u.id, last_undo(&m));
    assert_int_equal(u.done, 3);
    assert_true(u.total > 3);
    assert_int_equal(history_open(m.root, &h, NULL), 0);
    assert_int_equal(undo_plan_make(h, m.root, &span.first, 1, 0, &plan, NULL), -EBUSY);
    history_close(&h);
    mediator_close(&m);
#else
    (void)state;
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
        cmocka_unit_test(an_undo_killed_after_any_step_is_taken_back),
        cmocka_unit_test(an_undo_killed_within_a_step_is_taken_back),
        cmocka_unit_test(taking_back_that_is_cut_off_is_finished),
        cmocka_unit_test(what_is_unfinished_is_told_and_no_other_undo_is_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
