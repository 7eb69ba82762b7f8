/* Only some of what was done is taken back: what can be separated is, what cannot is a conflict
 * that names the event or the outside change in the way, and then nothing is touched. */
#include <fcntl.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

static struct mediator given_workspace(void)
{
    struct mediator m;
    mediator_open(&m);
    do_mkdir(&m, "d");
    do_create(&m, "d/f", "first\n");
    do_create(&m, "g", "other\n");
    return m;
}

static void assert_conflict(struct mediator *m, const uint64_t *ids, size_t count, const char *path,
                            const char *reason)
{
    const struct undo_conflict *conflicts;
    struct undo_result result;
    char *before = tree_look(m);
    struct undo_plan *plan = plan_ids(m, ids, count);
    size_t found = undo_plan_conflicts(plan, &conflicts);
    assert_true(found > 0);
    bool said = false;
    for (size_t i = 0; i < found; i++)
        said |= strcmp(conflicts[i].path, path) == 0 && strstr(conflicts[i].reason, reason);
    if (!said)
        print_error("%s: %s\n", conflicts[0].path, conflicts[0].reason);
    assert_true(said);
    assert_int_equal(
        undo_apply(m->journal, m->root, plan, (struct actor_ref){0}, NULL, &result, NULL), -EEXIST);
    undo_plan_free(&plan);
    assert_tree(m, before);
    free(before);
}

static void a_later_write_that_stays_is_in_the_way(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    uint64_t later = do_write(&m, "g", 0, "again", CAPTURE_COPY);
    char reason[64];
    snprintf(reason, sizeof reason, "#%llu write", (unsigned long long)later);
    assert_conflict(&m, &first, 1, "g", reason);
    undo_ids(&m, &later, 1);
    undo_ids(&m, &first, 1);
    assert_file_is(m.root, "g", "other\n", 6);
    mediator_close(&m);
}

/* The redo removes the file again, and with it what the undo had left in it. */
static void a_removal_that_was_redone_gives_back_what_it_removed(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    do_create(&m, "new", "");
    uint64_t ids[2];
    ids[0] = do_write(&m, "new", 0, "all of it\n", CAPTURE_COPY);
    char *written = tree_look(&m);
    ids[1] = do_unlink(&m, "new");
    uint64_t undo = undo_ids(&m, ids, 2);
    assert_file_is(m.root, "new", "", 0);
    redo(&m, undo);
    undo_ids(&m, &ids[1], 1);
    assert_tree(&m, written);
    free(written);
    mediator_close(&m);
}

static void a_write_is_found_behind_a_rename_that_stays(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "d/f", 0, "FIRST", CAPTURE_BLOCKS);
    do_rename(&m, "d/f", "d/h");
    do_rename(&m, "d", "e");
    undo_ids(&m, &written, 1);
    assert_file_is(m.root, "e/h", "first\n", 6);
    mediator_close(&m);
}

static void what_happened_within_a_longer_write_session_is_taken_back_alone(void **state)
{
    struct mediator m = given_workspace();
    struct change_spec spec = {.op = OP_WRITE, .path = "g"};
    const struct range range = {6, 5};
    struct attr after;
    uint64_t written;
    (void)state;
    CLEANUP(fd_close) int fd = openat(m.root, "g", O_RDWR | O_CLOEXEC);
    assert_int_equal(attr_read(fd, "", &spec.before), 0);
    assert_int_equal(journal_write_begin(m.journal, &spec, &written, NULL), 0);
    uint64_t timed = do_utimens(&m, "g", 1000000000000000007);
    usleep(20000); /* the filesystem's clock has ticks */
    assert_int_equal(pwrite(fd, "later", 5, 6), 5);
    assert_int_equal(attr_read(fd, "", &after), 0);
    journal_write_update(m.journal, written, &after, &range, 1, true);
    assert_true(undo_ids(&m, &timed, 1) > 0);
    assert_file_is(m.root, "g", "other\nlater", 11);
    mediator_close(&m);
}

static void a_deleted_file_returns_into_its_renamed_folder(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t removed = do_unlink(&m, "d/f");
    do_rename(&m, "d", "e");
    undo_ids(&m, &removed, 1);
    assert_file_is(m.root, "e/f", "first\n", 6);
    mediator_close(&m);
}

static void a_rename_is_taken_back_while_later_writes_stay(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t renamed = do_rename(&m, "g", "h");
    do_write(&m, "h", 0, "OTHER", CAPTURE_COPY);
    undo_ids(&m, &renamed, 1);
    assert_file_is(m.root, "g", "OTHER\n", 6);
    mediator_close(&m);
}

static void another_thing_in_its_place_is_not_replaced(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t removed = do_unlink(&m, "g");
    do_create(&m, "g", "new one\n");
    assert_conflict(&m, &removed, 1, "g", "exists already");
    mediator_close(&m);
}

static void a_folder_is_not_removed_with_what_came_later(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t made = do_mkdir(&m, "new");
    do_create(&m, "new/later", "mine\n");
    assert_conflict(&m, &made, 1, "new/later", "came later");
    mediator_close(&m);
}

static void a_folder_is_not_removed_with_what_nobody_saw(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t made = do_mkdir(&m, "new");
    test_file_text(m.root, "new/outside", "not journaled\n");
    assert_conflict(&m, &made, 1, "new/outside", "outside ccfs");
    mediator_close(&m);
}

static void a_created_file_with_later_work_in_it_stays(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t made = do_create(&m, "new", "");
    do_write(&m, "new", 0, "later work\n", CAPTURE_COPY);
    assert_conflict(&m, &made, 1, "new", "write");
    mediator_close(&m);
}

static void a_file_changed_outside_is_not_overwritten(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    test_file_text(m.root, "g", "edited by hand\n");
    assert_conflict(&m, &written, 1, "g", "changed outside ccfs");
    mediator_close(&m);
}

static void a_file_changed_outside_with_its_old_time_is_noticed(void **state)
{
    struct mediator m = given_workspace();
    struct stat st;
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    assert_int_equal(fstatat(m.root, "g", &st, 0), 0);
    test_file_text(m.root, "g", "OTHXR\n");
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(m.root, "g", times, 0), 0);
    assert_conflict(&m, &written, 1, "g", "changed outside ccfs");
    mediator_close(&m);
}

static void a_file_replaced_outside_is_noticed(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    test_file_text(m.root, "tmp", "other\n");
    assert_int_equal(renameat(m.root, "tmp", m.root, "g"), 0);
    assert_conflict(&m, &written, 1, "g", "outside ccfs");
    mediator_close(&m);
}

static void a_write_to_a_file_that_is_gone_names_who_removed_it(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    do_unlink(&m, "g");
    assert_conflict(&m, &written, 1, "g", "unlink");
    mediator_close(&m);
}

static void a_file_that_was_made_and_removed_again_needs_nothing(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_create(&m, "t", "");
    uint64_t written = do_write(&m, "t", 0, "x", CAPTURE_COPY);
    do_unlink(&m, "t");
    char *before = tree_look(&m);
    const uint64_t ids[] = {first, written};
    assert_int_equal(undo_ids(&m, ids, 2), 0);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

/* Nothing is there to be taken back, and that is not "taken back". */
static void what_was_selected_without_the_removal_is_still_to_be_undone(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    char *before = tree_look(&m);
    uint64_t made = do_create(&m, "new", "");
    uint64_t written = do_write(&m, "new", 0, "new", CAPTURE_COPY);
    char *with = tree_look(&m);
    uint64_t removed = do_unlink(&m, "new");
    const uint64_t ids[] = {made, written};
    assert_int_equal(undo_ids(&m, ids, 2), 0);
    uint64_t undo = undo_ids(&m, &removed, 1);
    assert_tree(&m, with);
    redo(&m, undo);
    undo_range(&m, made, removed);
    assert_tree(&m, before);
    free(before);
    free(with);
    mediator_close(&m);
}

static void bytes_that_left_the_vault_are_missed(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t removed = do_unlink(&m, "g");
    struct vault *vault = journal_vault(m.journal);
    for (uint64_t version = 1; version < 20; version++)
        vault_discard(vault, version);
    assert_conflict(&m, &removed, 1, "g", "no longer in the vault");
    mediator_close(&m);
}

static void a_shortened_version_is_not_taken_for_the_bytes(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "x", CAPTURE_COPY);
    struct vault *vault = journal_vault(m.journal);
    for (uint64_t version = 1; version < 20; version++) {
        CLEANUP(fd_close) int fd = vault_open_version(vault, version, O_RDWR);
        if (fd >= 0)
            assert_int_equal(ftruncate(fd, 1), 0);
    }
    assert_conflict(&m, &written, 1, "g", "no longer in the vault");
    mediator_close(&m);
}

static void a_deleted_file_needs_its_deleted_folder(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t file = do_unlink(&m, "d/f");
    uint64_t folder = do_rmdir(&m, "d");
    assert_conflict(&m, &file, 1, "d/f", "rmdir");
    const uint64_t both[] = {file, folder};
    undo_ids(&m, both, 2);
    assert_file_is(m.root, "d/f", "first\n", 6);
    mediator_close(&m);
}

static void what_an_earlier_undo_took_back_is_not_in_the_way(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "g", 0, "FIRST", CAPTURE_COPY);
    uint64_t second = do_write(&m, "g", 0, "SECON", CAPTURE_BLOCKS);
    uint64_t third = do_unlink(&m, "g");
    const uint64_t newer[] = {third, second};
    undo_ids(&m, newer, 2);
    assert_file_is(m.root, "g", "FIRST\n", 6);
    undo_ids(&m, &first, 1);
    assert_file_is(m.root, "g", "other\n", 6);
    mediator_close(&m);
}

static void the_folders_time_stays_where_the_outside_set_it(void **state)
{
    struct mediator m = given_workspace();
    struct attr attr;
    (void)state;
    uint64_t removed = do_unlink(&m, "d/f");
    const struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 4000000000}};
    assert_int_equal(utimensat(m.root, "d", later, 0), 0);
    undo_ids(&m, &removed, 1);
    assert_int_equal(attr_read(m.root, "d", &attr), 0);
    assert_true(attr.mtime > clock_now_ns() - 60 * NS_PER_S); /* not an old time */
    mediator_close(&m);
}

static void an_open_file_keeps_its_inode(void **state)
{
    struct mediator m = given_workspace();
    struct attr attr;
    struct attr now;
    (void)state;
    uint64_t written = do_write(&m, "g", 0, "OTHER", CAPTURE_COPY);
    int held = openat(m.root, "g", O_RDWR | O_CLOEXEC);
    assert_int_equal(attr_read(held, "", &attr), 0);
    undo_ids(&m, &written, 1);
    assert_int_equal(attr_read(m.root, "g", &now), 0);
    assert_int_equal(attr.ino, now.ino);
    assert_file_is(m.root, "g", "other\n", 6);
    close(held);
    mediator_close(&m);
}

static void paths_that_lead_outside_are_never_followed(void **state)
{
    static const char *const paths[] = {
        "../x", "/etc/passwd", "d//f", "d/./f", ".ccfs/journal.db", "d/../../x", ".ccfs"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct mediator m = given_workspace();
        const struct attr attr = {.ino = 1, .mode = S_IFREG | 0644, .nlink = 1};
        const struct change_spec spec = {.op = OP_UNLINK, .path = paths[i], .before = attr};
        struct change change = CHANGE_NONE;
        assert_int_equal(journal_begin(m.journal, &spec, &change, NULL), 0);
        uint64_t event = change.event;
        journal_confirm(&change, NULL);
        assert_conflict(&m, &event, 1, paths[i], "does not say enough");
        mediator_close(&m);
    }
}

static void an_unknown_event_changes_nothing(void **state)
{
    struct mediator m = given_workspace();
    const uint64_t ids[] = {999, 0, UINT64_MAX / 8};
    (void)state;
    assert_int_equal(undo_ids(&m, ids, 3), 0);
    assert_int_equal(undo_ids(&m, NULL, 0), 0);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_write_that_stays_is_in_the_way),
        cmocka_unit_test(a_removal_that_was_redone_gives_back_what_it_removed),
        cmocka_unit_test(a_write_is_found_behind_a_rename_that_stays),
        cmocka_unit_test(what_happened_within_a_longer_write_session_is_taken_back_alone),
        cmocka_unit_test(a_deleted_file_returns_into_its_renamed_folder),
        cmocka_unit_test(a_rename_is_taken_back_while_later_writes_stay),
        cmocka_unit_test(another_thing_in_its_place_is_not_replaced),
        cmocka_unit_test(a_folder_is_not_removed_with_what_came_later),
        cmocka_unit_test(a_folder_is_not_removed_with_what_nobody_saw),
        cmocka_unit_test(a_created_file_with_later_work_in_it_stays),
        cmocka_unit_test(a_file_changed_outside_is_not_overwritten),
        cmocka_unit_test(a_file_changed_outside_with_its_old_time_is_noticed),
        cmocka_unit_test(a_file_replaced_outside_is_noticed),
        cmocka_unit_test(a_write_to_a_file_that_is_gone_names_who_removed_it),
        cmocka_unit_test(a_file_that_was_made_and_removed_again_needs_nothing),
        cmocka_unit_test(what_was_selected_without_the_removal_is_still_to_be_undone),
        cmocka_unit_test(bytes_that_left_the_vault_are_missed),
        cmocka_unit_test(a_shortened_version_is_not_taken_for_the_bytes),
        cmocka_unit_test(a_deleted_file_needs_its_deleted_folder),
        cmocka_unit_test(what_an_earlier_undo_took_back_is_not_in_the_way),
        cmocka_unit_test(the_folders_time_stays_where_the_outside_set_it),
        cmocka_unit_test(an_open_file_keeps_its_inode),
        cmocka_unit_test(paths_that_lead_outside_are_never_followed),
        cmocka_unit_test(an_unknown_event_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
