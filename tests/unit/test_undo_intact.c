/* What was altered in the vault behind ccfs's back, with its size kept, is never put back: the undo
 * says so before it touches anything, and with --skip-conflicts does the rest. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

#define OLD "the old content\n"

static struct mediator given_workspace(void)
{
    struct mediator m;
    mediator_open(&m);
    do_create(&m, "f", OLD);
    do_create(&m, "other", "other\n");
    return m;
}

/* One byte of every version that is there becomes another; sly: the times are set back. */
static void alter_vault(struct mediator *m, off_t at, bool sly)
{
    for (uint64_t version = 1; version < 40; version++) {
        struct stat st;
        char byte;
        CLEANUP(fd_close) int fd = vault_open_version(journal_vault(m->journal), version, O_RDWR);
        if (fd < 0)
            continue;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (sly)
            assert_int_equal(futimens(fd, times), 0);
    }
}

static void assert_altered(struct mediator *m, uint64_t event)
{
    const struct undo_conflict *conflicts = NULL;
    struct undo_plan *plan = plan_ids(m, &event, 1);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    assert_string_equal(conflicts[0].path, "f");
    assert_int_equal(conflicts[0].obstacle, UNDO_IMPOSSIBLE);
    assert_non_null(strstr(conflicts[0].reason, "altered in the vault"));
    undo_plan_free(&plan);
}

static void an_altered_copy_is_not_put_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "f", 0, "new", CAPTURE_COPY);
    alter_vault(&m, 3, true);
    assert_altered(&m, written);
    mediator_close(&m);
}

static void altered_blocks_are_not_put_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t written = do_write(&m, "f", 4, "new", CAPTURE_BLOCKS);
    alter_vault(&m, 17, true);
    assert_altered(&m, written);
    mediator_close(&m);
}

static void an_altered_file_does_not_come_back(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t removed = do_unlink(&m, "f");
    usleep(20000);
    alter_vault(&m, 3, false);
    assert_altered(&m, removed);
    mediator_close(&m);
}

static int64_t count_hashes(struct mediator *m, uint64_t event)
{
    CLEANUP(db_close) struct db *db = NULL;
    assert_int_equal(db_open_in(m->root, DB_READ, &db, NULL), 0);
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT count(*) FROM hash WHERE event=?1");
    stmt_bind_int(&q, 1, (int64_t)event);
    assert_int_equal(stmt_step(&q, NULL), 1);
    return stmt_int(&q, 0);
}

static void a_checksum_tells_what_the_times_do_not(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t removed = do_unlink(&m, "f");
    assert_int_equal(journal_keep_proof(m.journal, NULL, NULL), 0);
    for (int i = 0; i < 3000 && count_hashes(&m, removed) == 0; i++) {
        usleep(10000);
        assert_int_equal(journal_drain(m.journal, NULL), 0);
    }
    assert_true(count_hashes(&m, removed) > 0);
    alter_vault(&m, 3, true);
    assert_altered(&m, removed);
    mediator_close(&m);
}

static void the_rest_is_undone(void **state)
{
    struct mediator m = given_workspace();
    (void)state;
    uint64_t first = do_write(&m, "f", 0, "new", CAPTURE_COPY);
    alter_vault(&m, 3, true);
    do_write(&m, "other", 0, "OTHER", CAPTURE_COPY);
    m.how = UNDO_SKIP;
    undo_range(&m, first, m.last);
    assert_file_is(m.root, "other", "other\n", 6);
    assert_file_is(m.root, "f", "new old content\n", 16);
    mediator_close(&m);
}

static void what_was_dropped_is_said_to_have_expired(void **state)
{
    struct mediator m = given_workspace();
    const struct undo_conflict *conflicts = NULL;
    (void)state;
    uint64_t removed = do_unlink(&m, "f");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    CLEANUP(db_close) struct db *db = NULL;
    assert_int_equal(db_open_in(m.root, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_exec(db, "UPDATE version SET state=3", NULL), 0);
    for (uint64_t version = 1; version < 40; version++)
        vault_discard(journal_vault(m.journal), version);
    struct undo_plan *plan = plan_ids(&m, &removed, 1);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    assert_non_null(strstr(conflicts[0].reason, "expired"));
    undo_plan_free(&plan);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_altered_copy_is_not_put_back),
        cmocka_unit_test(altered_blocks_are_not_put_back),
        cmocka_unit_test(an_altered_file_does_not_come_back),
        cmocka_unit_test(a_checksum_tells_what_the_times_do_not),
        cmocka_unit_test(the_rest_is_undone),
        cmocka_unit_test(what_was_dropped_is_said_to_have_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
