/* A choice of changes that together changed nothing, or nothing but the time of a folder: what has
 * no effect is no undo, and does not keep a later one from giving all of the tree back. */
#include "tests/support/mediator.h"
#include "tests/support/test.h"

static struct mediator given_workspace(void)
{
    struct mediator m;
    mediator_open(&m);
    do_mkdir(&m, "w");
    do_mkdir(&m, "w/d");
    do_create(&m, "w/a", "one\n");
    do_create(&m, "w/b", "two\n");
    do_utimens(&m, "w", 1000000000000000007);
    return m;
}

/* All from `first` on. */
static void undo_and_redo(struct mediator *m, uint64_t first, const char *before, const char *after)
{
    uint64_t undo = undo_range(m, first, 0);
    assert_tree(m, before);
    redo(m, undo);
    assert_tree(m, after);
}

/* The folder's time is what the change that stays left; only all three together give it back. */
static void a_rename_there_and_back_stays_before_one_that_stays(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t first = do_rename(&m, "w/d", "w/c");
    do_rename(&m, "w/c", "w/d");
    do_rename(&m, "w/b", "w/a");
    char *after = tree_look(&m);
    assert_int_equal(undo_range(&m, first, first + 1), 0);
    assert_tree(&m, after);
    undo_and_redo(&m, first, before, after);
    free(before);
    free(after);
    mediator_close(&m);
}

static void a_mode_there_and_back_does_not_hide_a_rename_there_and_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t first = do_chmod(&m, "w/a", 0600);
    do_chmod(&m, "w/a", 0644);
    do_rename(&m, "w/d", "w/c");
    do_rename(&m, "w/c", "w/d");
    do_unlink(&m, "w/b");
    char *after = tree_look(&m);
    assert_true(undo_range(&m, first, first + 3) > 0); /* the mode, and not the names */
    assert_tree(&m, after);
    undo_range(&m, first, 0);
    assert_tree(&m, before);
    free(before);
    free(after);
    mediator_close(&m);
}

/* What else is undone with it does not count it in: the folder's first time is told by it alone. */
static void names_there_and_back_stay_to_be_undone_beside_what_is_undone(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_mkdir(&m, "v");
    do_utimens(&m, "v", 1000000000000000009);
    char *before = tree_look(&m);
    uint64_t first = do_rename(&m, "w/d", "w/c");
    do_rename(&m, "w/c", "v/d");
    do_rename(&m, "v/d", "w/d");
    do_exchange(&m, "w/a", "w/d");
    do_exchange(&m, "w/a", "w/d");
    do_create(&m, "w/new", "short-lived\n");
    do_unlink(&m, "w/new");
    uint64_t last = do_chmod(&m, "w/a", 0600);
    do_rename(&m, "w/b", "w/e");
    char *after = tree_look(&m);
    uint64_t undo = undo_range(&m, first, last);
    assert_true(undo > 0);
    redo(&m, undo);
    assert_tree(&m, after);
    assert_true(undo_range(&m, first, last) > 0);
    undo_range(&m, first, 0);
    assert_tree(&m, before);
    free(before);
    free(after);
    mediator_close(&m);
}

/* A new file took another's place, and was removed there: what is left between is undone later. */
static void what_came_and_went_is_undone_as_a_whole_or_not(void **state)
{
    struct mediator m = given_workspace();
    uint64_t ids[3];
    (void)state;
    char *before = tree_look(&m);
    ids[0] = do_create(&m, "w/new", "");
    do_exchange(&m, "w/new", "w/b");
    ids[1] = do_unlink(&m, "w/b");
    ids[2] = do_chmod(&m, "w/a", 0600);
    undo_ids(&m, ids, COUNT_OF(ids));
    undo_range(&m, ids[0], ids[2]);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

/* A creation whose removal stays has nothing to do: it does not keep the rest from being undone. */
static void a_file_that_stays_removed_does_not_keep_a_mode_from_being_undone(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t earlier = do_chmod(&m, "w/a", 0640);
    uint64_t first = do_create(&m, "v", "short-lived\n");
    do_chmod(&m, "w/a", 0600);
    uint64_t last = do_chmod(&m, "w/a", 0640);
    uint64_t removed = do_unlink(&m, "v");
    assert_true(undo_range(&m, first, last) > 0);
    undo_ids(&m, &earlier, 1);
    undo_range(&m, first, removed);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

/* Nothing of a folder that goes stays to be undone. */
static void what_came_and_went_in_a_folder_that_goes_is_undone_with_it(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_mkdir(&m, "w/new");
    do_create(&m, "w/new/x", "short-lived\n");
    do_create(&m, "w/new/y", "");
    uint64_t gone = do_unlink(&m, "w/new/x");
    struct undo_plan *plan = plan_range(&m, first, 0);
    const uint64_t *ids = NULL;
    size_t count = undo_plan_events(plan, &ids);
    assert_int_equal(ids[count - 1], gone);
    undo_plan_free(&plan);
    mediator_close(&m);
}

/* It is taken back, or it would be in the way of what came before it. */
static void a_time_that_was_set_again_is_not_in_the_way(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t first = do_utimens(&m, "w/a", 12345000000000);
    uint64_t again = do_utimens(&m, "w/a", 12345000000000);
    assert_true(undo_ids(&m, &again, 1) > 0);
    assert_true(undo_ids(&m, &first, 1) > 0);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

/* What sets something of w/a to the same each time that it is called. */
typedef uint64_t set_again(struct mediator *m);

static uint64_t set_mode(struct mediator *m)
{
    return do_chmod(m, "w/a", 0600);
}

static uint64_t set_owner(struct mediator *m)
{
    return do_chown(m, "w/a", geteuid() == 0 ? 3 : geteuid(), getegid());
}

static uint64_t set_time(struct mediator *m)
{
    return do_utimens(m, "w/a", 12345000000000);
}

static uint64_t set_attribute(struct mediator *m)
{
    return do_setxattr(m, "w/a", "user.note", "checked");
}

static set_again *const settings[] = {set_mode, set_owner, set_time, set_attribute};

static size_t count_items(struct mediator *m, uint64_t event)
{
    const struct undo_item *items = NULL;
    const struct undo_conflict *conflicts = NULL;
    struct undo_plan *plan = plan_ids(m, &event, 1);
    size_t count = undo_plan_items(plan, &items);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 0);
    undo_plan_free(&plan);
    return count;
}

static void what_was_set_to_what_it_was_is_not_told(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        settings[i](&m);
        assert_int_equal(count_items(&m, settings[i](&m)), 0);
    }
    mediator_close(&m);
}

/* It stays, and what came before it is taken back; then taking it back too changes nothing. */
static void what_was_set_to_what_it_was_is_not_in_the_way(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        uint64_t first = settings[i](&m);
        uint64_t again = settings[i](&m);
        assert_true(undo_ids(&m, &first, 1) > 0);
        assert_tree(&m, before);
        undo_ids(&m, &again, 1);
        assert_tree(&m, before);
    }
    free(before);
    mediator_close(&m);
}

static void what_was_set_there_and_back_is_not_told(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_item *items = NULL;
    (void)state;
    uint64_t first = do_chmod(&m, "w/a", 0600);
    do_chmod(&m, "w/a", 0644);
    do_setxattr(&m, "w/a", "user.note", "checked");
    do_removexattr(&m, "w/a", "user.note");
    char *after = tree_look(&m);
    struct undo_plan *plan = plan_range(&m, first, 0);
    assert_int_equal(undo_plan_items(plan, &items), 0);
    undo_plan_free(&plan);
    undo_range(&m, first, 0);
    assert_tree(&m, after);
    free(after);
    mediator_close(&m);
}

static uint64_t do_chmod_top(struct mediator *m, mode_t mode)
{
    struct change_spec spec = {.op = OP_CHMOD, .path = ""};
    struct change change = CHANGE_NONE;
    struct attr after;
    assert_int_equal(attr_read(m->root, "", &spec.before), 0);
    assert_int_equal(journal_begin(m->journal, &spec, &change, NULL), 0);
    uint64_t event = change.event;
    assert_int_equal(fchmodat(m->root, ".", mode, 0), 0);
    assert_int_equal(attr_read(m->root, "", &after), 0);
    journal_confirm(&change, &after);
    return event;
}

/* A mount refuses that; a journal that somebody else made may tell of it. */
static void a_change_of_the_workspace_itself_is_told(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_item *items = NULL;
    struct attr before;
    struct attr now;
    (void)state;
    assert_int_equal(attr_read(m.root, "", &before), 0);
    uint64_t event = do_chmod_top(&m, 0750);
    struct undo_plan *plan = plan_ids(&m, &event, 1);
    assert_int_equal(undo_plan_items(plan, &items), 1);
    assert_int_equal(items[0].verb, UNDO_RESET);
    assert_string_equal(items[0].path, ".");
    undo_plan_free(&plan);
    undo_ids(&m, &event, 1);
    assert_int_equal(attr_read(m.root, "", &now), 0);
    assert_int_equal(now.mode, before.mode);
    mediator_close(&m);
}

static void a_folder_gets_its_time_back_when_a_file_came_and_went(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_item *items = NULL;
    (void)state;
    char *before = tree_look(&m);
    uint64_t first = do_create(&m, "w/new", "short-lived\n");
    do_unlink(&m, "w/new");
    char *after = tree_look(&m);
    struct undo_plan *plan = plan_range(&m, first, 0);
    assert_int_equal(undo_plan_items(plan, &items), 1);
    assert_int_equal(items[0].verb, UNDO_RESET);
    assert_string_equal(items[0].path, "w");
    undo_plan_free(&plan);
    undo_and_redo(&m, first, before, after);
    free(before);
    free(after);
    mediator_close(&m);
}

/* What is told is what was done to things; the time of their folder goes without saying. */
static void a_folders_time_is_not_told_beside_what_else_comes_back(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_item *items = NULL;
    (void)state;
    uint64_t removed = do_unlink(&m, "w/b");
    struct undo_plan *plan = plan_ids(&m, &removed, 1);
    assert_int_equal(undo_plan_items(plan, &items), 1);
    assert_string_equal(items[0].path, "w/b");
    undo_plan_free(&plan);
    mediator_close(&m);
}

static void a_folder_that_somebody_touched_since_keeps_its_time(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_item *items = NULL;
    (void)state;
    uint64_t first = do_create(&m, "w/new", "short-lived\n");
    uint64_t last = do_unlink(&m, "w/new");
    do_unlink(&m, "w/b");
    char *after = tree_look(&m);
    struct undo_plan *plan = plan_range(&m, first, last);
    assert_int_equal(undo_plan_items(plan, &items), 0);
    undo_plan_free(&plan);
    assert_int_equal(undo_range(&m, first, last), 0);
    assert_tree(&m, after);
    free(after);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rename_there_and_back_stays_before_one_that_stays),
        cmocka_unit_test(a_mode_there_and_back_does_not_hide_a_rename_there_and_back),
        cmocka_unit_test(names_there_and_back_stay_to_be_undone_beside_what_is_undone),
        cmocka_unit_test(what_came_and_went_is_undone_as_a_whole_or_not),
        cmocka_unit_test(a_file_that_stays_removed_does_not_keep_a_mode_from_being_undone),
        cmocka_unit_test(what_came_and_went_in_a_folder_that_goes_is_undone_with_it),
        cmocka_unit_test(a_time_that_was_set_again_is_not_in_the_way),
        cmocka_unit_test(what_was_set_to_what_it_was_is_not_told),
        cmocka_unit_test(what_was_set_to_what_it_was_is_not_in_the_way),
        cmocka_unit_test(what_was_set_there_and_back_is_not_told),
        cmocka_unit_test(a_change_of_the_workspace_itself_is_told),
        cmocka_unit_test(a_folder_gets_its_time_back_when_a_file_came_and_went),
        cmocka_unit_test(a_folders_time_is_not_told_beside_what_else_comes_back),
        cmocka_unit_test(a_folder_that_somebody_touched_since_keeps_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
