/* test_db.c - the door to SQLite opens for journals of ours only, and reports in plain words. */
#include <sqlite3.h>

#include "journal/db.h"
#include "journal/schema.h"
#include "tests/support/bare.h"

static char path[128];

static int given_a_place(void **state)
{
    make_folder(state);
    snprintf(path, sizeof path, "/proc/self/fd/%d/journal.db", root);
    return 0;
}

static struct db *given_a_new_journal(void)
{
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(db_open(path, DB_CREATE, &db, &err), 0);
    return db;
}

static void given_a_database_of_others(const char *sql)
{
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

static char *bytes_of_the_file(size_t *bytes)
{
    int fd = openat(root, "journal.db", O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    *bytes = (size_t)st.st_size;
    char *data = malloc(*bytes + 1);
    assert_int_equal(read(fd, data, *bytes), (ssize_t)*bytes);
    close(fd);
    return data;
}

static void refused_with(enum db_mode mode, int code)
{
    size_t before_bytes;
    size_t after_bytes;
    char *before = bytes_of_the_file(&before_bytes);
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(db_open(path, mode, &db, &err), code);
    assert_null(db);
    assert_true(strlen(err.message) > 10);
    char *after = bytes_of_the_file(&after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    free(before);
    free(after);
}

static void a_missing_journal_is_not_made_unless_asked_for(void **state)
{
    (void)state;
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(db_open(path, DB_WRITE, &db, &err), -ENOENT);
    assert_int_equal(db_open(path, DB_READ, &db, &err), -ENOENT);
    assert_false(test_exists(root, "journal.db"));
}

static void a_new_journal_carries_its_identity_and_opens_again(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    db_close(&db);
    assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
    assert_int_equal(db_check(db, NULL), 0);
    db_close(&db);
    assert_int_equal(db_open(path, DB_READ, &db, NULL), 0);
    struct error err = ERROR_NONE;
    assert_true(db_exec(db, "INSERT INTO meta VALUES('a', 1)", &err) < 0);
    db_close(&db);
}

static void a_database_of_others_is_refused_untouched(void **state)
{
    (void)state;
    given_a_database_of_others("CREATE TABLE t(x)");
    refused_with(DB_WRITE, -EBADMSG);
    refused_with(DB_CREATE, -EBADMSG);
    refused_with(DB_READ, -EBADMSG);
}

static void a_newer_journal_is_refused_untouched(void **state)
{
    (void)state;
    given_a_database_of_others(
        "PRAGMA application_id=0x63636673; PRAGMA user_version=2; CREATE TABLE t(x)");
    refused_with(DB_WRITE, -EPROTO);
    refused_with(DB_READ, -EPROTO);
}

static void text_and_nothing_are_not_journals(void **state)
{
    (void)state;
    test_file_text(root, "journal.db", "");
    refused_with(DB_WRITE, -EBADMSG);
    test_file_text(root, "journal.db", "this is no database, but long enough to have been one…");
    refused_with(DB_CREATE, -EBADMSG);
}

static void a_journal_without_tables_is_damaged(void **state)
{
    (void)state;
    given_a_database_of_others(
        "PRAGMA application_id=0x63636673; PRAGMA user_version=1; CREATE TABLE t(x)");
    refused_with(DB_WRITE, -EBADMSG);
}

static void damaged_pages_are_an_error_and_no_crash(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    db_close(&db);
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    int fd = openat(root, "journal.db", O_WRONLY);
    assert_int_equal(pwrite(fd, noise, sizeof noise, 4096), sizeof noise);
    assert_int_equal(pwrite(fd, noise, 2000, 100), 2000);
    close(fd);
    refused_with(DB_WRITE, -EBADMSG);
}

static void a_trigger_in_a_hostile_file_does_not_fire(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    db_close(&db);
    given_a_database_of_others(
        "CREATE TRIGGER evil AFTER INSERT ON meta BEGIN DELETE FROM event; END;"
        "INSERT INTO event(id,time,op,flags,outcome,count) VALUES(1,1,1,0,0,1)");
    assert_int_equal(db_open(path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_exec(db, "INSERT INTO meta VALUES('a', 1)", NULL), 0);
    struct stmt s = db_query(db, "SELECT count(*) FROM event");
    assert_int_equal(stmt_step(&s, NULL), 1);
    assert_int_equal(stmt_int(&s, 0), 1);
    stmt_done(&s);
    db_close(&db);
}

static void bytes_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        struct stmt s = db_query(db, "INSERT INTO path(id, bytes) VALUES(?1, ?2)");
        stmt_bind_int(&s, 1, i + 1);
        stmt_bind_bytes(&s, 2, i ? "a\xff\0b" : "", i ? 4 : 0);
        assert_int_equal(stmt_run(&s, NULL), 0);
        stmt_done(&s);
    }
    struct stmt s = db_query(db, "SELECT bytes, NULL FROM path ORDER BY id");
    size_t bytes = 9;
    assert_int_equal(stmt_step(&s, NULL), 1);
    assert_non_null(stmt_bytes(&s, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_null(stmt_bytes(&s, 1, &bytes));
    assert_int_equal(stmt_step(&s, NULL), 1);
    assert_memory_equal(stmt_bytes(&s, 0, &bytes), "a\xff\0b", 4);
    assert_int_equal(bytes, 4);
    assert_string_equal(stmt_text(&s, 0), "a\xff");
    assert_int_equal(stmt_step(&s, NULL), 0);
    stmt_done(&s);
    db_close(&db);
}

static void the_first_failure_of_a_statement_speaks(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    struct error err = ERROR_NONE;
    struct stmt s = db_query(db, "SELECT nonsense FROM nowhere");
    stmt_bind_int(&s, 1, 1);
    assert_true(stmt_run(&s, &err) < 0);
    assert_non_null(strstr(err.message, "nowhere"));
    stmt_done(&s);
    db_close(&db);
}

static void one_text_can_be_in_use_twice(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    struct stmt s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = db_query(db, "SELECT ?1");
        stmt_bind_int(&s[i], 1, i);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stmt_step(&s[i], NULL), 1);
        assert_int_equal(stmt_int(&s[i], 0), i);
        stmt_done(&s[i]);
    }
    db_close(&db);
}

/* ---- a disk that fails ---- */

static int write_fails; /* with this number; 0: it does not */

static ssize_t write_or_fail(int fd, const void *data, size_t bytes, off_t at)
{
    if (write_fails) {
        errno = write_fails;
        return -1;
    }
    return pwrite(fd, data, bytes, at);
}

static void given_a_disk_that_may_fail(bool may)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr call = may ? (sqlite3_syscall_ptr)write_or_fail : NULL;
    (void)vfs->xSetSystemCall(vfs, "pwrite", call); /* it has one of the two */
    (void)vfs->xSetSystemCall(vfs, "pwrite64", call);
}

static int commit_fails_with(struct db *db, int number)
{
    write_fails = number;
    int r = db_exec(db, "INSERT INTO meta VALUES(random(), 1)", NULL);
    write_fails = 0;
    return r;
}

static int checkpoint_fails_with(struct db *db, int number)
{
    assert_int_equal(db_exec(db, "INSERT INTO meta VALUES(random(), 1)", NULL), 0);
    write_fails = number;
    int r = db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
    write_fails = 0;
    return r;
}

static void each_failure_tells_its_own_reason(void **state)
{
    static int (*const fails_with[])(struct db * db, int number) = {commit_fails_with,
                                                                    checkpoint_fails_with};
    (void)state;
    struct db *db = given_a_new_journal();
    given_a_disk_that_may_fail(true);
    for (unsigned i = 0; i < 8; i++) {
        int earlier = fails_with[i & 1](db, i & 4 ? EIO : EDQUOT);
        int later = fails_with[i >> 1 & 1](db, i & 4 ? EDQUOT : EIO);
        assert_int_equal(earlier, i & 4 ? -EIO : -ENOSPC);
        assert_int_equal(later, i & 4 ? -ENOSPC : -EIO);
    }
    given_a_disk_that_may_fail(false);
    db_close(&db);
}

static void a_transaction_rolls_back_unless_committed(void **state)
{
    (void)state;
    struct db *db = given_a_new_journal();
    for (int commit = 0; commit < 2; commit++) {
        struct transaction t = {0};
        assert_int_equal(transaction_begin(db, &t, NULL), 0);
        assert_int_equal(db_exec(db, "INSERT INTO meta VALUES('a', 1)", NULL), 0);
        if (commit)
            assert_int_equal(transaction_commit(&t, NULL), 0);
        transaction_rollback(&t);
    }
    struct stmt s = db_query(db, "SELECT count(*) FROM meta");
    assert_int_equal(stmt_step(&s, NULL), 1);
    assert_int_equal(stmt_int(&s, 0), 1);
    stmt_done(&s);
    db_close(&db);
}

static void a_reader_stands_beside_the_writer(void **state)
{
    (void)state;
    struct db *writer = given_a_new_journal();
    struct db *reader = NULL;
    assert_int_equal(db_open(path, DB_READ, &reader, NULL), 0);
    assert_int_equal(db_exec(writer, "INSERT INTO meta VALUES('a', 1)", NULL), 0);
    struct stmt s = db_query(reader, "SELECT count(*) FROM meta");
    assert_int_equal(stmt_step(&s, NULL), 1);
    assert_int_equal(stmt_int(&s, 0), 1);
    stmt_done(&s);
    db_close(&reader);
    db_close(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, given_a_place, remove_folder)
        T(a_missing_journal_is_not_made_unless_asked_for),
        T(a_new_journal_carries_its_identity_and_opens_again),
        T(a_database_of_others_is_refused_untouched),
        T(a_newer_journal_is_refused_untouched),
        T(text_and_nothing_are_not_journals),
        T(a_journal_without_tables_is_damaged),
        T(damaged_pages_are_an_error_and_no_crash),
        T(a_trigger_in_a_hostile_file_does_not_fire),
        T(bytes_come_back_as_they_went_in),
        T(the_first_failure_of_a_statement_speaks),
        T(one_text_can_be_in_use_twice),
        T(each_failure_tells_its_own_reason),
        T(a_transaction_rolls_back_unless_committed),
        T(a_reader_stands_beside_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
