/* test_journal.c - what was begun and ended is found in SQLite, once, in order, with its pre-image.
 */
#include <sys/mount.h>

#include "journal/base/fd.h"
#include "tests/support/bare.h"

static struct change given_a_change(struct journal *j, const struct change_spec *spec)
{
    struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    if (journal_begin(j, spec, &change, &err) < 0)
        fail_msg("%s", err.message);
    return change;
}

static void a_folder_without_a_journal_is_no_workspace(void **state)
{
    (void)state;
    struct journal *j = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(journal_open(root, &j, &err), -ENOENT);
    assert_non_null(strstr(err.message, "ccfs init"));
}

static void making_a_journal_twice_keeps_the_first(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    struct change c = given_a_change(j, &(struct change_spec){.op = OP_MKDIR, .path = "a"});
    journal_confirm(&c, NULL);
    assert_int_equal(journal_create(root, NULL), 0); /* beside the open one */
    journal_close(&j);
    assert_int_equal(journal_create(root, NULL), 0);
    assert_int_equal(ask("SELECT count(*) FROM event"), 1);
    struct stat st;
    assert_int_equal(fstatat(root, ".ccfs", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_second_daemon_is_refused_and_told_who_has_it(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    struct journal *second = NULL;
    struct error err = ERROR_NONE;
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_int_equal(journal_open(root, &second, &err), -EBUSY);
    assert_non_null(strstr(err.message, pid));
    journal_close(&j);
    assert_int_equal(journal_open(root, &j, &err), 0);
    journal_close(&j);
}

static void a_confirmed_change_is_in_the_database_after_a_drain(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    test_file_text(root, "a\n\xff", "x");
    struct attr a = attr_of("a\n\xff");
    struct range ranges[] = {{0, 5}, {10, 20}};
    struct change_spec spec = {
        .op = OP_WRITE,
        .path = "a\n\xff",
        .before = a,
        .ranges = ranges,
        .range_count = 2,
        .xattrs = "blob",
        .xattr_bytes = 4,
        .dir_mtime = 77,
        .who = {.session = 0},
        .tid = 4,
    };
    struct change c = given_a_change(j, &spec);
    journal_confirm(&c, &a);
    assert_null(c.journal);
    journal_abandon(&c); /* is disarmed */
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(
        ask("SELECT count(*) FROM event e JOIN path p ON p.id = e.path WHERE e.op = 10 AND "
            "e.outcome = 0 AND p.bytes = x'610aff' AND length(ranges) = 32 AND xattrs = "
            "x'626c6f62' AND dir_mtime = 77 AND tid = 4 AND b_size = 1 AND a_size = 1 AND "
            "object = e.id AND a_ino IS NOT NULL AND r_ino IS NULL"),
        1);
    journal_close(&j);
}

static void events_have_ascending_numbers_across_runs(void **state)
{
    (void)state;
    for (int run = 0; run < 3; run++) {
        struct journal *j = given_an_open_journal();
        for (int i = 0; i < 10; i++) {
            struct change c = given_a_change(j, &(struct change_spec){.op = OP_MKDIR, .path = "d"});
            journal_confirm(&c, NULL);
        }
        journal_close(&j);
    }
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 2"), 30);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 34 AND b_mtime > 0"), 2); /* gaps */
    assert_int_equal(
        ask("SELECT count(*) FROM event a JOIN event b ON b.id = a.id + 1 WHERE b.time < "
            "a.time"),
        0);
}

static void a_failed_change_keeps_its_event_and_not_its_version(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    struct vault *v = journal_vault(j);
    test_file_text(root, "a", "kept");
    uint64_t version = vault_new(v);
    assert_int_equal(vault_link_in(v, version, root, "a", NULL), 0);
    struct change_spec spec = {.op = OP_UNLINK,
                               .path = "a",
                               .before = attr_of("a"),
                               .version = version,
                               .kept = KEPT_INODE};
    struct change c = given_a_change(j, &spec);
    journal_fail(&c, EPERM);
    assert_false(vault_has(v, version));
    journal_close(&j);
    assert_int_equal(
        ask("SELECT count(*) FROM event WHERE outcome = 2 AND error = 1 AND version IS NULL"), 1);
    assert_int_equal(ask("SELECT count(*) FROM version"), 0);
    assert_file_is(root, "a", "kept", 4);
}

static void the_last_home_of_a_file_survives_a_report_of_failure(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    struct vault *v = journal_vault(j);
    test_file_text(root, "a", "kept");
    uint64_t version = vault_new(v);
    struct change_spec spec = {.op = OP_UNLINK,
                               .path = "a",
                               .before = attr_of("a"),
                               .version = version,
                               .kept = KEPT_INODE};
    struct change c = given_a_change(j, &spec);
    assert_int_equal(vault_move_in(v, version, root, "a", NULL), 0);
    journal_abandon(&c);
    assert_true(vault_has(v, version));
    journal_close(&j);
    assert_int_equal(
        ask("SELECT count(*) FROM event JOIN version v ON v.id = version WHERE outcome = 0 AND "
            "flags = 2 AND v.kept = 1"),
        1);
}

static void alike_refusals_become_one_event_with_a_count(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    for (int i = 0; i < 500; i++)
        journal_note(j, &(struct change_spec){.op = OP_OPEN, .path = "imports/x"}, OUTCOME_DENIED,
                     EROFS, "read-only");
    journal_note(j, &(struct change_spec){.op = OP_OPEN, .path = "imports/y"}, OUTCOME_DENIED,
                 EROFS, "read-only");
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE outcome = 1"), 2);
    assert_int_equal(
        ask("SELECT sum(count) FROM event WHERE outcome = 1 AND error = 30 AND reason = "
            "'read-only'"),
        501);
    journal_close(&j);
}

static void a_write_session_is_one_row_that_ends(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    uint64_t event = 0;
    test_file_text(root, "f", "12345");
    struct attr a = attr_of("f");
    assert_int_equal(
        journal_write_begin(j, &(struct change_spec){.op = OP_WRITE, .path = "f", .before = a},
                            &event, NULL),
        0);
    journal_write_update(j, event, &a, &(struct range){0, 1}, 1, false);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(ask("SELECT outcome FROM event WHERE op = 10"), 3);
    journal_write_update(j, event, &a, &(struct range){0, 3}, 1, true);
    journal_write_update(j, event, NULL, NULL, 0,
                         false); /* too late: an ended row is never changed */
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(
        ask("SELECT count(*) FROM event WHERE op = 10 AND outcome = 0 AND a_size = 5 AND "
            "ranges = x'00000000000000000300000000000000'"),
        1);
    journal_close(&j);
}

static uint64_t given_a_session_that_keeps_all(struct journal *j, uint64_t *version)
{
    uint64_t event = 0;
    struct change_spec spec = {.op = OP_WRITE, .path = "f", .before = attr_of("f")};
    CLEANUP(fd_close) int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
    spec.version = *version = vault_new(journal_vault(j));
    assert_int_equal(vault_copy_in(journal_vault(j), *version, fd, 5, 100, &spec.kept, NULL), 0);
    assert_int_equal(journal_write_begin(j, &spec, &event, NULL), 0);
    return event;
}

static void a_write_session_in_which_nothing_changed_is_no_event(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    uint64_t version = 0;
    test_file_text(root, "f", "12345");
    uint64_t event = given_a_session_that_keeps_all(j, &version);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(ask("SELECT outcome FROM event WHERE op = 10"), 3);
    journal_write_nothing(j, event);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 10"), 0);
    assert_int_equal(ask("SELECT count(*) FROM version"), 0);
    journal_close(&j);
    j = given_an_open_journal();
    assert_false(vault_has(journal_vault(j), version));
    journal_close(&j);
}

static void many_ranges_are_joined_and_none_is_lost(void **state)
{
    (void)state;
    enum {
        MANY = 200000
    };
    struct journal *j = given_an_open_journal();
    struct range *ranges = calloc(MANY, sizeof *ranges);
    uint64_t event = 0;
    for (int i = 0; i < MANY; i++)
        ranges[i] = (struct range){.offset = i * 10, .length = 1};
    assert_int_equal(
        journal_write_begin(j, &(struct change_spec){.op = OP_WRITE, .path = "f"}, &event, NULL),
        0);
    journal_write_update(j, event, NULL, ranges, MANY, true);
    free(ranges);
    journal_close(&j);
    assert_true(ask("SELECT length(ranges) FROM event WHERE op = 10") > 16);
    assert_true(ask("SELECT length(ranges) FROM event WHERE op = 10") <= 8192 * 16);
}

static void an_object_survives_renames_and_a_new_file_is_another(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    test_file_text(root, "a", "1");
    struct attr a = attr_of("a");
    struct change c = given_a_change(j, &(struct change_spec){.op = OP_CREATE, .path = "a"});
    journal_confirm(&c, &a);
    c = given_a_change(
        j, &(struct change_spec){.op = OP_RENAME, .path = "a", .path2 = "b", .before = a});
    journal_confirm(&c, &a);
    c = given_a_change(j, &(struct change_spec){.op = OP_UNLINK, .path = "b", .before = a});
    journal_confirm(&c, NULL);
    c = given_a_change(
        j, &(struct change_spec){.op = OP_CREATE, .path = "c"}); /* the inode is used again */
    journal_confirm(&c, &a);
    journal_close(&j);
    assert_int_equal(
        ask("SELECT count(DISTINCT object) FROM event WHERE op IN (1, 8, 6) AND id < (SELECT "
            "max(id) FROM event WHERE op = 1)"),
        1);
    assert_int_equal(ask("SELECT object = id FROM event WHERE op = 1 ORDER BY id DESC LIMIT 1"), 1);
}

static void two_objects_met_by_one_event_stay_two(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    test_file_text(root, "a", "1");
    test_file_text(root, "b", "2");
    struct change_spec spec = {.op = OP_RENAME,
                               .path = "a",
                               .path2 = "b",
                               .before = attr_of("a"),
                               .before2 = attr_of("b")};
    struct change c = given_a_change(j, &spec);
    struct attr a = attr_of("a");
    journal_confirm(&c, &a);
    journal_close(&j);
    assert_int_equal(ask("SELECT object <> replaced FROM event WHERE op = 8"), 1);
}

static void what_an_undo_makes_is_the_old_object(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    test_file_text(root, "a", "1");
    test_file_text(root, "new", "1");
    struct attr a = attr_of("a");
    struct attr new_inode = attr_of("new");
    struct change c =
        given_a_change(j, &(struct change_spec){.op = OP_UNLINK, .path = "a", .before = a});
    uint64_t gone = c.event;
    journal_confirm(&c, NULL);
    c = given_a_change(j,
                       &(struct change_spec){
                           .op = OP_CREATE, .path = "a", .flags = EVENT_BY_UNDO, .undoes = gone});
    journal_confirm(&c, &new_inode);
    journal_close(&j);
    assert_int_equal(ask("SELECT count(DISTINCT object) FROM event WHERE op IN (1, 6)"), 1);
}

static void a_session_begins_and_ends_on_record(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    uint64_t session = 0;
    assert_int_equal(journal_session_begin(j, "s", "sandbox", "npm i", getpid(), &session, NULL),
                     0);
    assert_int_equal(journal_sessions_alive(j), 1);
    struct actor_ref who = journal_actor(j, getpid(), getuid(), getgid());
    assert_int_equal(who.session, session);
    assert_true(who.actor > 0);
    struct change c =
        given_a_change(j, &(struct change_spec){.op = OP_MKDIR, .path = "d", .who = who});
    journal_confirm(&c, NULL);
    journal_session_end(j, session, 3);
    assert_int_equal(journal_sessions_alive(j), 0);
    journal_close(&j);
    assert_int_equal(
        ask("SELECT count(*) FROM session WHERE name = 's' AND backend = 'sandbox' AND command "
            "= x'6e706d2069' AND status = 3 AND ended >= began"),
        1);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 37"), 2);
    assert_int_equal(
        ask("SELECT count(*) FROM event e JOIN proc p ON p.id = e.proc JOIN proc up ON up.id = "
            "p.parent WHERE e.op = 2 AND e.session = 1"),
        1);
}

static void a_damaged_intake_is_refused_untouched(void **state)
{
    (void)state;
    struct journal *j = given_an_open_journal();
    journal_close(&j);
    int fd = openat(root, ".ccfs/intake", O_RDWR);
    assert_int_equal(pwrite(fd, "XXXX", 4, 16), 4);
    close(fd);
    struct error err = ERROR_NONE;
    assert_int_equal(journal_open(root, &j, &err), -EBADMSG);
    assert_non_null(strstr(err.message, ".ccfs/intake"));
}

/* ---- a full disk ---- */

/* Fills the filesystem to its last block. */
static void given_a_full_disk(void)
{
    char block[4096] = {0};
    int fd = openat(root, "filler", O_WRONLY | O_CREAT, 0600);
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}

static void a_full_disk_refuses_changes_and_records_again_when_there_is_room(void **state)
{
    (void)state;
    if (mount("none", folder, "tmpfs", 0, "size=64m") < 0)
        skip();
    close(root);
    root = open(folder, O_RDONLY | O_DIRECTORY);
    struct journal *j = given_an_open_journal();
    given_a_full_disk();
    struct error err = ERROR_NONE;
    int64_t begun = 0;
    for (int i = 0; err.code == 0 && i < 100000; i++) {
        struct change c = CHANGE_NONE;
        char name[1024];
        snprintf(name, sizeof name, "%0900d", i);
        if (journal_begin(j, &(struct change_spec){.op = OP_MKDIR, .path = name}, &c, &err) == 0) {
            journal_confirm(&c, NULL);
            begun++;
        }
        if (i % 100 == 0)
            usleep(20000);
    }
    assert_int_equal(err.code, ENOSPC);
    assert_non_null(strstr(err.message, "free space"));
    assert_int_equal(journal_health(j, NULL), -ENOSPC);
    assert_int_equal(journal_drain(j, NULL), 0); /* into the reserve */
    assert_int_equal(unlinkat(root, "filler", 0), 0);
    for (int i = 0; i < 1200 && journal_health(j, NULL) < 0; i++)
        usleep(50000);
    assert_int_equal(journal_health(j, NULL), 0);
    journal_close(&j);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 2 AND outcome = 0"), begun);
    close(root);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
    root = open(folder, O_RDONLY | O_DIRECTORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        T(a_folder_without_a_journal_is_no_workspace),
        T(making_a_journal_twice_keeps_the_first),
        T(a_second_daemon_is_refused_and_told_who_has_it),
        T(a_confirmed_change_is_in_the_database_after_a_drain),
        T(events_have_ascending_numbers_across_runs),
        T(a_failed_change_keeps_its_event_and_not_its_version),
        T(the_last_home_of_a_file_survives_a_report_of_failure),
        T(alike_refusals_become_one_event_with_a_count),
        T(a_write_session_is_one_row_that_ends),
        T(a_write_session_in_which_nothing_changed_is_no_event),
        T(many_ranges_are_joined_and_none_is_lost),
        T(an_object_survives_renames_and_a_new_file_is_another),
        T(two_objects_met_by_one_event_stay_two),
        T(what_an_undo_makes_is_the_old_object),
        T(a_session_begins_and_ends_on_record),
        T(a_damaged_intake_is_refused_untouched),
        T(a_full_disk_refuses_changes_and_records_again_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
