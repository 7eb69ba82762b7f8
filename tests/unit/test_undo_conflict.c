/* What is in the way of an undo can be left as it is, replaced and kept, or taken back too; and
 * what was done so can itself be taken back. */
#include <unistd.h>

#include "tests/support/mediator.h"
#include "tests/support/test.h"

static struct mediator given_workspace(void)
{
    struct mediator m;
    mediator_open(&m);
    do_mkdir(&m, "d");
    do_create(&m, "d/f", "first\n");
    do_create(&m, "g", "other\n");
    do_create(&m, "h", "third\n");
    return m;
}

/* As an editor does it: another file takes the place. */
static void save_outside(struct mediator *m, const char *path, const char *text)
{
    test_file_text(m->root, "new-version", text);
    assert_int_equal(renameat(m->root, "new-version", m->root, path), 0);
}

static size_t count_left_out(struct mediator *m, uint64_t first, const char *path)
{
    const struct undo_conflict *skipped = NULL;
    struct undo_plan *plan = plan_range(m, first, m->last);
    size_t count = undo_plan_skipped(plan, &skipped);
    bool named = false;
    for (size_t i = 0; i < count; i++)
        named |= strcmp(skipped[i].path, path) == 0;
    assert_int_equal(undo_plan_conflicts(plan, &skipped), 0);
    undo_plan_free(&plan);
    assert_true(count == 0 || named);
    return count;
}

static struct undo_conflict first_conflict(struct mediator *m, struct undo_plan **plan,
                                           uint64_t event)
{
    const struct undo_conflict *conflicts = NULL;
    *plan = plan_ids(m, &event, 1);
    assert_true(undo_plan_conflicts(*plan, &conflicts) > 0);
    return conflicts[0];
}

static void what_is_in_conflict_is_left_and_the_rest_undone(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    do_write(&m, "h", 0, "THIRD", CAPTURE_COPY);
    do_write(&m, "g", 0, "AGAIN", CAPTURE_COPY);
    do_unlink(&m, "d/f");
    test_file_text(m.root, "g", "by hand\n");
    m.how = UNDO_SKIP;
    assert_int_equal(count_left_out(&m, first, "g"), 1);
    undo_range(&m, first, m.last);
    assert_file_is(m.root, "g", "by hand\n", 8);
    assert_file_is(m.root, "h", "third\n", 6);
    assert_file_is(m.root, "d/f", "first\n", 6);
    mediator_close(&m);
}

static void a_folder_with_foreign_work_is_left_and_its_own_files_go(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_mkdir(&m, "new");
    do_create(&m, "new/mine", "mine\n");
    test_file_text(m.root, "new/yours", "not journaled\n");
    m.how = UNDO_SKIP;
    undo_range(&m, first, m.last);
    assert_file_is(m.root, "new/yours", "not journaled\n", 14);
    assert_int_equal(faccessat(m.root, "new/mine", F_OK, 0), -1);
    mediator_close(&m);
}

static void a_file_edited_outside_is_replaced_when_forced_and_comes_back_with_redo(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    test_file_text(m.root, "g", "edited by hand\n");
    char *edited = tree_look(&m);
    m.how = UNDO_FORCE;
    uint64_t undo = undo_ids(&m, &written, 1);
    assert_file_is(m.root, "g", "other\n", 6);
    redo(&m, undo);
    assert_tree(&m, edited);
    free(edited);
    mediator_close(&m);
}

static void a_file_that_an_editor_replaced_is_forced_too(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    do_create(&m, "made", "by the agent\n");
    save_outside(&m, "g", "saved by an editor\n");
    save_outside(&m, "made", "and this one\n");
    char *edited = tree_look(&m);
    m.how = UNDO_FORCE;
    uint64_t undo = undo_range(&m, first, m.last);
    assert_file_is(m.root, "g", "other\n", 6);
    assert_int_equal(faccessat(m.root, "made", F_OK, 0), -1);
    redo(&m, undo);
    assert_tree(&m, edited);
    free(edited);
    mediator_close(&m);
}

static void what_stands_in_the_place_is_moved_away_when_forced(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_unlink(&m, "g");
    do_unlink(&m, "d/f");
    do_rmdir(&m, "d");
    test_file_text(m.root, "g", "new one\n");
    assert_int_equal(mkdirat(m.root, "d", 0750), 0);
    test_file_text(m.root, "d/other", "deep\n");
    char *edited = tree_look(&m);
    m.how = UNDO_FORCE;
    uint64_t undo = undo_range(&m, first, m.last);
    assert_file_is(m.root, "g", "other\n", 6);
    assert_file_is(m.root, "d/f", "first\n", 6);
    assert_int_equal(faccessat(m.root, "d/other", F_OK, 0), -1);
    redo(&m, undo);
    assert_tree(&m, edited);
    free(edited);
    mediator_close(&m);
}

static void a_folder_goes_with_what_nobody_saw_when_forced(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t made = do_mkdir(&m, "new");
    assert_int_equal(mkdirat(m.root, "new/sub", 0755), 0);
    test_file_text(m.root, "new/sub/outside", "not journaled\n");
    test_file_text(m.root, "new/outside", "not journaled\n");
    char *edited = tree_look(&m);
    m.how = UNDO_FORCE;
    uint64_t undo = undo_ids(&m, &made, 1);
    assert_int_equal(faccessat(m.root, "new", F_OK, 0), -1);
    redo(&m, undo);
    assert_tree(&m, edited);
    free(edited);
    mediator_close(&m);
}

static void force_does_not_put_old_blocks_over_a_content_they_never_belonged_to(void **state)
{
    struct mediator m = given_workspace();
    struct undo_plan *plan;
    (void)state;
    uint64_t written = do_write(&m, "g", 1, "TH", CAPTURE_BLOCKS);
    test_file_text(m.root, "g", "all is new here\n");
    m.how = UNDO_FORCE;
    struct undo_conflict c = first_conflict(&m, &plan, written);
    assert_int_equal(c.obstacle, UNDO_IMPOSSIBLE);
    assert_non_null(strstr(c.reason, "only the overwritten parts"));
    undo_plan_free(&plan);
    mediator_close(&m);
}

static void force_leaves_a_later_event_in_peace(void **state)
{
    struct mediator m = given_workspace();
    struct undo_plan *plan;
    (void)state;
    uint64_t removed = do_unlink(&m, "g");
    do_create(&m, "g", "new one\n");
    m.how = UNDO_FORCE;
    struct undo_conflict c = first_conflict(&m, &plan, removed);
    assert_int_equal(c.obstacle, UNDO_BY_EVENT);
    assert_int_equal(c.by, m.last);
    undo_plan_free(&plan);
    mediator_close(&m);
}

static void a_conflict_names_both_events(void **state)
{
    struct mediator m = given_workspace();
    struct undo_plan *plan;
    char taken[32];
    char stays[32];
    (void)state;
    uint64_t made = do_mkdir(&m, "new");
    do_create(&m, "new/later", "mine\n");
    struct undo_conflict c = first_conflict(&m, &plan, made);
    snprintf(taken, sizeof taken, "#%llu mkdir", (unsigned long long)made);
    snprintf(stays, sizeof stays, "#%llu write", (unsigned long long)m.last);
    assert_non_null(strstr(c.reason, taken));
    assert_non_null(strstr(c.reason, stays));
    undo_plan_free(&plan);
    mediator_close(&m);
}

/* A chain: each later event stands on the one before. */
static void dependents_go_along(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t made = do_mkdir(&m, "new");
    do_create(&m, "new/a", "one\n");
    do_write(&m, "new/a", 0, "two", CAPTURE_COPY);
    do_mkdir(&m, "new/sub");
    do_create(&m, "new/sub/b", "three\n");
    do_rename(&m, "new/sub/b", "new/c");
    do_create(&m, "unrelated", "stays\n");
    m.how = UNDO_DEPENDENTS;
    uint64_t undo = undo_ids(&m, &made, 1);
    assert_file_is(m.root, "unrelated", "stays\n", 6);
    assert_int_equal(faccessat(m.root, "new", F_OK, 0), -1);
    m.how = 0;
    redo(&m, undo);
    assert_file_is(m.root, "new/c", "three\n", 6);
    undo_range(&m, made, m.last);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

static void what_took_the_place_goes_along(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t removed = do_unlink(&m, "g");
    do_create(&m, "g", "new one\n");
    do_write(&m, "g", 0, "NEW", CAPTURE_BLOCKS);
    m.how = UNDO_DEPENDENTS;
    undo_ids(&m, &removed, 1);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

/* As a person does who works on the same file. */
static void edit_outside(struct mediator *m, const char *path, const char *text)
{
    usleep(20000); /* the filesystem's clock has ticks */
    test_file_text(m->root, path, text);
    usleep(20000);
}

static void an_edit_between_two_writes_is_not_undone_with_them(void **state)
{
    struct mediator m = given_workspace();
    struct undo_plan *plan;
    const struct undo_conflict *conflicts = NULL;
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    edit_outside(&m, "g", "edited by hand\n");
    uint64_t second = do_write(&m, "g", 0, "AGENT", CAPTURE_COPY);
    plan = plan_range(&m, first, m.last);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    assert_int_equal(conflicts[0].obstacle, UNDO_BY_OUTSIDE);
    assert_non_null(strstr(conflicts[0].reason, "changed outside ccfs between"));
    undo_plan_free(&plan);

    undo_ids(&m, &second, 1);
    assert_file_is(m.root, "g", "edited by hand\n", 15);
    mediator_close(&m);
}

static void an_edit_between_two_writes_goes_with_them_when_forced(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    edit_outside(&m, "g", "edited by hand\n");
    do_write(&m, "g", 0, "AGENT", CAPTURE_COPY);
    char *edited = tree_look(&m);
    m.how = UNDO_FORCE;
    uint64_t undo = undo_range(&m, first, m.last);
    assert_file_is(m.root, "g", "other\n", 6);
    redo(&m, undo);
    assert_tree(&m, edited);
    free(edited);
    mediator_close(&m);
}

static void blocks_are_not_put_over_an_edit_between_them(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_conflict *conflicts = NULL;
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_BLOCKS);
    edit_outside(&m, "g", "edited by hand\n");
    do_write(&m, "g", 0, "AGENT", CAPTURE_BLOCKS);
    for (unsigned i = 0; i < 2; i++) {
        m.how = i ? UNDO_FORCE : 0;
        struct undo_plan *plan = plan_range(&m, first, m.last);
        assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
        assert_int_equal(conflicts[0].obstacle, i ? UNDO_IMPOSSIBLE : UNDO_BY_OUTSIDE);
        undo_plan_free(&plan);
    }
    mediator_close(&m);
}

static void a_created_file_that_was_edited_does_not_go_unasked(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_conflict *conflicts = NULL;
    (void)state;
    uint64_t first = do_create(&m, "new", "by the agent\n");
    edit_outside(&m, "new", "by hand\n");
    do_write(&m, "new", 0, "BY", CAPTURE_COPY);
    struct undo_plan *plan = plan_range(&m, first, m.last);
    assert_true(undo_plan_conflicts(plan, &conflicts) > 0);
    assert_int_equal(conflicts[0].obstacle, UNDO_BY_OUTSIDE);
    undo_plan_free(&plan);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_conflict_is_left_and_the_rest_undone),
        cmocka_unit_test(a_folder_with_foreign_work_is_left_and_its_own_files_go),
        cmocka_unit_test(a_file_edited_outside_is_replaced_when_forced_and_comes_back_with_redo),
        cmocka_unit_test(a_file_that_an_editor_replaced_is_forced_too),
        cmocka_unit_test(what_stands_in_the_place_is_moved_away_when_forced),
        cmocka_unit_test(a_folder_goes_with_what_nobody_saw_when_forced),
        cmocka_unit_test(force_does_not_put_old_blocks_over_a_content_they_never_belonged_to),
        cmocka_unit_test(force_leaves_a_later_event_in_peace),
        cmocka_unit_test(a_conflict_names_both_events),
        cmocka_unit_test(dependents_go_along),
        cmocka_unit_test(what_took_the_place_goes_along),
        cmocka_unit_test(an_edit_between_two_writes_is_not_undone_with_them),
        cmocka_unit_test(an_edit_between_two_writes_goes_with_them_when_forced),
        cmocka_unit_test(blocks_are_not_put_over_an_edit_between_them),
        cmocka_unit_test(a_created_file_that_was_edited_does_not_go_unasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
