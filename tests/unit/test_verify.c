/* test_verify.c - whatever is changed in the journal or in the vault after it was recorded is
 * found. */
#include <sys/wait.h>
#include <time.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/signature.h"
#include "journal/verify.h"
#include "tests/support/keys.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

static struct mediator m;
static struct signing_key *key;

struct told {
    uint64_t count;
    int64_t event;
    char says[512];
};

/* ---- a workspace with all kinds of rows ---- */

static struct db *journal_db(void)
{
    char path[128];
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", m.path);
    if (db_open(path, DB_WRITE, &db, &err) < 0)
        fail_msg("%s", err.message);
    return db;
}

static void damage(const char *sql)
{
    struct db *db = journal_db();
    struct error err = ERROR_NONE;
    if (db_exec(db, sql, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
    db_close(&db);
}

static int64_t ask(const char *sql)
{
    struct db *db = journal_db();
    struct stmt q = db_query(db, sql);
    int r = stmt_step(&q, NULL);
    assert_true(r >= 0);
    int64_t value = r == 1 ? stmt_int(&q, 0) : -1;
    stmt_done(&q);
    db_close(&db);
    return value;
}

static void wait_until_hashed(int64_t rows)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    for (int i = 0; i < 200 && ask("SELECT count(*) FROM hash") < rows; i++)
        nanosleep(&moment, NULL);
    assert_true(ask("SELECT count(*) FROM hash") >= rows);
}

static void begin_proof(void)
{
    struct error err = ERROR_NONE;
    if (journal_keep_proof(m.journal, key, &err) < 0)
        fail_msg("%s", err.message);
}

static void tell_story(void)
{
    uint64_t session = 0;
    assert_int_equal(journal_session_begin(m.journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    do_mkdir(&m, "d");
    do_create(&m, "d/kept", "this one is deleted");
    do_create(&m, "d/over", "this one is overwritten");
    do_create(&m, "d/blocks", "of this one only some bytes are overwritten");
    do_create(&m, "d/replaced", "this one is replaced");
    do_write(&m, "d/over", 0, "THIS", CAPTURE_COPY);
    do_write(&m, "d/blocks", 3, "THAT", CAPTURE_BLOCKS);
    do_symlink(&m, "kept", "d/link");
    do_rename(&m, "d/over", "d/replaced");
    do_unlink(&m, "d/kept");
    do_unlink(&m, "d/link");
    journal_session_end(m.journal, session, 0);
}

/* Closed in order: everything is sealed. */
static void given_a_sealed_journal(void)
{
    mediator_open(&m);
    tell_story();
    journal_close(&m.journal);
}

/* And what can be hashed is, which takes a moment. */
static void given_a_hashed_journal(void)
{
    mediator_open(&m);
    begin_proof();
    tell_story();
    wait_until_hashed(7);
    journal_close(&m.journal);
}

static int remove_workspace(void **state)
{
    (void)state;
    mediator_close(&m);
    signing_key_free(&key);
    return 0;
}

/* ---- looking ---- */

static void keep_first(void *context, int64_t event, const char *says)
{
    struct told *told = context;
    if (told->count++ > 0)
        return;
    told->event = event;
    snprintf(told->says, sizeof told->says, "%s", says);
}

static struct told verify_as(const struct verify_wish *wish, struct verify_result *result)
{
    struct told told = {0};
    struct error err = ERROR_NONE;
    if (verify_journal(m.root, wish, keep_first, &told, result, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(told.count, result->problems);
    return told;
}

static struct told verify(void)
{
    struct verify_result result;
    return verify_as(&(struct verify_wish){0}, &result);
}

static void assert_sound(void)
{
    struct told told = verify();
    if (told.count)
        fail_msg("%s", told.says);
}

/* Something is found, and the sentence is about it. */
static void assert_found(const char *what)
{
    struct told told = verify();
    if (told.count == 0)
        fail_msg("nothing was found: %s", what);
    if (!strstr(told.says, what))
        fail_msg("\"%s\" instead of \"%s\"", told.says, what);
}

static void damage_is_found(const char *sql, const char *says)
{
    given_a_sealed_journal();
    damage(sql);
    assert_found(says);
}

/* ---- soundness ---- */

static void a_journal_that_nobody_touched_is_sound(void **state)
{
    (void)state;
    struct verify_result r;
    given_a_hashed_journal();
    struct told told = verify_as(&(struct verify_wish){0}, &r);
    if (told.count)
        fail_msg("%s", told.says);
    assert_int_equal(r.events, ask("SELECT count(*) FROM event"));
    assert_int_equal(r.unsealed, 0);
    assert_int_equal(r.versions, 5);
    assert_int_equal(r.contents, 5);
    assert_int_equal(r.unhashed, 0);
    assert_int_equal(r.last_seal, r.seals);
}

static void an_empty_journal_is_sound(void **state)
{
    (void)state;
    mediator_open(&m);
    journal_close(&m.journal);
    assert_sound();
}

static void it_stays_sound_over_runs_undo_and_redo(void **state)
{
    (void)state;
    given_a_sealed_journal();
    mediator_reopen(&m);
    uint64_t undo = undo_range(&m, 1, 0);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_sound(); /* beside the open journal */
    mediator_reopen(&m);
    assert_sound();
    redo(&m, undo);
    journal_close(&m.journal);
    assert_sound();
}

static void an_open_write_session_is_sealed_when_it_ends(void **state)
{
    (void)state;
    uint64_t event = 0;
    struct attr a;
    mediator_open(&m);
    do_create(&m, "f", "text");
    assert_int_equal(attr_read(m.root, "f", &a), 0);
    const struct change_spec spec = {.op = OP_WRITE, .path = "f", .before = a};
    assert_int_equal(journal_write_begin(m.journal, &spec, &event, NULL), 0);
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT open FROM seal ORDER BY id DESC LIMIT 1"), 1);
    assert_sound();
    mediator_reopen(&m); /* which ends it */
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT open FROM seal ORDER BY id DESC LIMIT 1"), 0);
    assert_sound();
    damage("UPDATE event SET a_size = 12345 WHERE op = 10");
    assert_found("event #2 was changed");
}

static void a_session_that_was_cut_off_is_sealed_as_it_is(void **state)
{
    (void)state;
    uint64_t session = 0;
    mediator_open(&m);
    assert_int_equal(journal_session_begin(m.journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    journal_close(&m.journal);
    assert_sound();
    mediator_reopen(&m);
    journal_close(&m.journal);
    assert_sound();
    damage("UPDATE session SET ended = 5, status = 0");
    assert_found("session");
}

static void many_events_take_many_seals(void **state)
{
    (void)state;
    struct verify_result r;
    mediator_open(&m);
    for (int i = 0; i < 2500; i++)
        do_mkdir(&m, "d"), do_rmdir(&m, "d");
    journal_close(&m.journal);
    struct told told = verify_as(&(struct verify_wish){0}, &r);
    if (told.count)
        fail_msg("%s", told.says);
    assert_true(r.seals >= 5);
    assert_int_equal(r.events, 5000);
    damage("UPDATE event SET time = time + 1 WHERE id = 3210");
    assert_found("event #3210 was changed");
}

/* ---- rows ---- */

static void every_column_of_an_event_is_sealed(void **state)
{
    (void)state;
    static const char *const columns[] = {
        "time",       "session", "proc",    "tid",     "op",      "flags",   "outcome",
        "error",      "reason",  "count",   "path",    "path2",   "object",  "replaced",
        "b_ino",      "b_born",  "b_mode",  "b_uid",   "b_gid",   "b_nlink", "b_size",
        "b_mtime",    "b_ctime", "a_ino",   "a_born",  "a_mode",  "a_uid",   "a_gid",
        "a_nlink",    "a_size",  "a_mtime", "a_ctime", "r_ino",   "r_born",  "r_mode",
        "r_uid",      "r_gid",   "r_nlink", "r_size",  "r_mtime", "r_ctime", "dir_mtime",
        "dir2_mtime", "version", "ranges",  "xattrs",  "undoes",
    };
    given_a_sealed_journal();
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        char sql[256];
        damage("CREATE TABLE copy AS SELECT * FROM event WHERE id = 8");
        snprintf(sql, sizeof sql, "UPDATE event SET %s = ifnull(%s, 0) + 1 WHERE id = 8",
                 columns[i], columns[i]);
        damage(sql);
        struct told told = verify();
        if (told.count == 0 || told.event != 8)
            fail_msg("%s: %s", columns[i], told.says);
        damage("DELETE FROM event WHERE id = 8; INSERT INTO event SELECT * FROM copy;"
               "DROP TABLE copy");
    }
    assert_sound();
}

static void a_value_of_another_type_is_found(void **state)
{
    (void)state;
    damage_is_found("UPDATE path SET bytes = CAST(bytes AS TEXT) WHERE id = 2",
                    "a path of event #");
}

static void a_changed_actor_is_found(void **state)
{
    (void)state;
    mediator_open(&m);
    struct actor_ref self = journal_actor(m.journal, getpid(), 0, 0);
    const struct change_spec spec = {.op = OP_OPEN, .who = self, .path = "x"};
    journal_note(m.journal, &spec, OUTCOME_DENIED, EACCES, "no");
    journal_close(&m.journal);
    assert_sound();
    damage("UPDATE proc SET cmdline = x'00' WHERE id = (SELECT proc FROM event WHERE op = 17)");
    assert_found("the actor of event #1 was changed");
}

static void a_changed_path_is_found(void **state)
{
    (void)state;
    damage_is_found("UPDATE path SET bytes = x'61' WHERE bytes = CAST('d/kept' AS BLOB)",
                    "a path of event #3 was changed");
}

static void a_changed_version_row_is_found(void **state)
{
    (void)state;
    damage_is_found("UPDATE version SET kept = 3 WHERE kept = 4", "event #");
}

static void a_changed_checksum_is_found(void **state)
{
    (void)state;
    given_a_hashed_journal();
    damage("UPDATE hash SET sha256 = zeroblob(32) WHERE id = 2");
    assert_found("a checksum of event #");
}

static void a_changed_session_is_found(void **state)
{
    (void)state;
    damage_is_found("UPDATE session SET command = x'72'", "the session of event #");
    mediator_close(&m);
    damage_is_found("UPDATE session SET status = 1", "the session of event #");
}

static void a_deleted_event_is_named(void **state)
{
    (void)state;
    damage_is_found("DELETE FROM event WHERE id = 5", "event #5 is missing");
}

static void the_last_event_is_missed_too(void **state)
{
    (void)state;
    damage_is_found("DELETE FROM event WHERE id = (SELECT max(id) FROM event)", "is missing");
}

static void an_inserted_event_is_named(void **state)
{
    (void)state;
    given_a_sealed_journal();
    damage("CREATE TABLE copy AS SELECT * FROM event WHERE id = 4; UPDATE copy SET id = -7;"
           "INSERT INTO event SELECT * FROM copy");
    assert_found("event #-7 was added");
}

static void swapped_events_are_found(void **state)
{
    (void)state;
    damage_is_found("UPDATE event SET id = -1 WHERE id = 4; UPDATE event SET id = 4 WHERE id = 5;"
                    "UPDATE event SET id = 5 WHERE id = -1",
                    "event #4 was changed");
}

static void a_deleted_checksum_and_a_deleted_path_are_found(void **state)
{
    (void)state;
    given_a_hashed_journal();
    damage("DELETE FROM hash WHERE id = 3");
    assert_found("checksum");
    mediator_close(&m);
    damage_is_found("DELETE FROM path WHERE id = 3", "is missing");
}

static void what_was_taken_back_is_sealed(void **state)
{
    (void)state;
    given_a_sealed_journal();
    mediator_reopen(&m);
    undo_range(&m, 1, 0);
    journal_close(&m.journal);
    assert_sound();
    damage("DELETE FROM undone WHERE event = 5");
    assert_found("what was taken back");
    damage("DELETE FROM undo");
    assert_found("an undo is missing");
}

/* ---- seals ---- */

static void a_chain_that_was_cut_off_is_found(void **state)
{
    (void)state;
    damage_is_found("DELETE FROM seal WHERE id = (SELECT max(id) FROM seal)", "was cut off");
}

static void a_seal_missing_within_is_found(void **state)
{
    (void)state;
    given_a_sealed_journal();
    mediator_reopen(&m);
    do_mkdir(&m, "more");
    mediator_reopen(&m);
    journal_close(&m.journal);
    assert_true(ask("SELECT max(id) FROM seal") >= 3);
    damage("DELETE FROM seal WHERE id = 2");
    assert_found("seal 2 is missing");
}

static void every_column_of_a_seal_is_sealed(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "time = time + 1",
        "session = session + 1",
        "proc = proc + 1",
        "path = path + 1",
        "event = event + 1",
        "hash = hash + 1",
        "rows = rows + 1",
        "open = open + 1",
        "undos = undos + 1",
        "undone = zeroblob(32)",
        "opened = x'0100000000000000'",
        "ended = x'0100000000000000'",
        "begun = x'0100000000000000'",
        "finished = x'0900000000000000'",
        "sha256 = zeroblob(32)",
        "sha256 = x'00'",
        "key = zeroblob(32)",
        "signature = zeroblob(64)",
        "marks = zeroblob(length(marks))",
        "marks = NULL",
        "ended = x'01'",
        "id = 99",
        "id = -1",
    };
    given_a_sealed_journal();
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char sql[256];
        damage("CREATE TABLE copy AS SELECT * FROM seal");
        snprintf(sql, sizeof sql, "UPDATE seal SET %s WHERE id = 1", changes[i]);
        damage(sql);
        if (verify().count == 0)
            fail_msg("%s", changes[i]);
        damage("DELETE FROM seal; INSERT INTO seal SELECT * FROM copy; DROP TABLE copy");
    }
    assert_sound();
}

static void a_known_seal_tells_a_replaced_journal(void **state)
{
    (void)state;
    struct verify_result r;
    given_a_sealed_journal();
    verify_as(&(struct verify_wish){0}, &r);
    struct verify_wish wish = {.seal = r.last_seal, .seal_bytes = SHA256_BYTES};
    memcpy(wish.seal_sha256, r.last_sha256, SHA256_BYTES);
    assert_int_equal(verify_as(&wish, &r).count, 0);
    wish.seal_sha256[0] ^= 1;
    assert_int_equal(verify_as(&wish, &r).count, 1);
    wish.seal++;
    assert_int_equal(verify_as(&wish, &r).count, 1);
}

/* ---- signatures ---- */

static char keys_folder[64];

static void given_a_signed_journal(unsigned char public_key[PUBLIC_BYTES])
{
    char path[128];
    struct error err = ERROR_NONE;
    mediator_open(&m);
    close(test_folder_make(keys_folder, sizeof keys_folder));
    given_a_key(keys_folder, "mine");
    given_a_key(keys_folder, "other");
    snprintf(path, sizeof path, "%s/mine.pub", keys_folder);
    assert_int_equal(public_key_load(path, public_key, NULL), 0);
    snprintf(path, sizeof path, "%s/mine.pem", keys_folder);
    if (signing_key_load(path, m.root, &key, &err) < 0)
        fail_msg("%s", err.message);
    begin_proof();
    tell_story();
    journal_close(&m.journal);
}

static void signatures_count_with_their_key_only(void **state)
{
    (void)state;
    struct verify_result r;
    char path[128];
    unsigned char keys[1][PUBLIC_BYTES];
    const struct verify_wish wish = {.keys = (const unsigned char(*)[PUBLIC_BYTES])keys,
                                     .key_count = 1};
    given_a_signed_journal(keys[0]);
    assert_int_equal(verify_as(&wish, &r).count, 0);
    assert_true(r.is_signed);
    snprintf(path, sizeof path, "%s/other.pub", keys_folder);
    assert_int_equal(public_key_load(path, keys[0], NULL), 0);
    assert_non_null(strstr(verify_as(&wish, &r).says, "signed with another key"));
    test_folder_remove(keys_folder);
}

static void a_stripped_or_forged_signature_is_found(void **state)
{
    (void)state;
    struct verify_result r;
    unsigned char keys[1][PUBLIC_BYTES];
    const struct verify_wish wish = {.keys = (const unsigned char(*)[PUBLIC_BYTES])keys,
                                     .key_count = 1};
    given_a_signed_journal(keys[0]);
    damage("CREATE TABLE copy AS SELECT * FROM seal");
    damage("UPDATE seal SET signature = zeroblob(64)");
    assert_found("is not genuine");
    damage("UPDATE seal SET signature = NULL");
    assert_found("cannot be read");
    damage("UPDATE seal SET key = NULL");
    assert_found("itself was changed");
    assert_true(verify_as(&wish, &r).count > 1);
    test_folder_remove(keys_folder);
}

static void a_chain_without_any_signature_does_not_satisfy_a_key(void **state)
{
    (void)state;
    struct verify_result r;
    unsigned char keys[1][PUBLIC_BYTES] = {{0}};
    const struct verify_wish wish = {.keys = (const unsigned char(*)[PUBLIC_BYTES])keys,
                                     .key_count = 1};
    given_a_sealed_journal();
    assert_string_equal(verify_as(&wish, &r).says, "no seal is signed");
}

static void without_the_key_nothing_is_sealed_any_more(void **state)
{
    (void)state;
    struct verify_result r;
    unsigned char public_key[PUBLIC_BYTES];
    given_a_signed_journal(public_key);
    int64_t seals = ask("SELECT count(*) FROM seal");
    mediator_reopen(&m);
    do_mkdir(&m, "more");
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT count(*) FROM seal"), seals);
    struct told told = verify_as(&(struct verify_wish){0}, &r);
    assert_int_equal(told.count, 0);
    assert_true(r.unsealed > 0);
    mediator_reopen(&m);
    begin_proof(); /* with the key */
    journal_close(&m.journal);
    assert_sound();
    assert_int_equal(ask("SELECT count(*) FROM seal"), seals + 1);
    test_folder_remove(keys_folder);
}

/* ---- the vault ---- */

static void vault_name(uint64_t version, char name[64])
{
    snprintf(name, 64, ".ccfs/vault/%02x/%016llx", (unsigned)(version % 256),
             (unsigned long long)version);
}

/* Changes the first byte and puts the times back. */
static void flip_byte(const char *name)
{
    struct stat st;
    unsigned char byte = 0;
    int fd = openat(m.root, name, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size - 1), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void a_changed_byte_in_the_vault_is_found(void **state)
{
    (void)state;
    static const enum kept kinds[] = {KEPT_INODE, KEPT_COPY, KEPT_BLOCKS};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char sql[200];
        char name[64];
        given_a_hashed_journal();
        snprintf(sql, sizeof sql,
                 "SELECT v.id FROM version v JOIN event e ON e.id = v.event WHERE "
                 "iif(%d = 3, v.kept IN (2, 3), v.kept = %d)"
                 " AND iif(e.op = 8, e.r_mode, e.b_mode) & 61440 = 32768 LIMIT 1",
                 (int)kinds[i], (int)kinds[i]);
        vault_name((uint64_t)ask(sql), name);
        flip_byte(name);
        assert_found("was changed in the vault");
        struct verify_result r;
        if (kinds[i] != KEPT_BLOCKS)
            assert_int_equal(verify_as(&(struct verify_wish){.quick = true}, &r).count, 0);
        if (i + 1 < COUNT_OF(kinds))
            mediator_close(&m);
    }
}

static void a_missing_version_is_found(void **state)
{
    (void)state;
    char name[64];
    struct verify_result r;
    given_a_sealed_journal();
    vault_name((uint64_t)ask("SELECT min(id) FROM version"), name);
    assert_int_equal(unlinkat(m.root, name, 0), 0);
    assert_found("is missing from the vault");
    assert_int_equal(verify_as(&(struct verify_wish){.quick = true}, &r).count, 1);
}

static void a_version_that_the_journal_does_not_know_is_found(void **state)
{
    (void)state;
    char name[64];
    given_a_sealed_journal();
    vault_name(77, name);
    test_file_text(m.root, name, "planted");
    assert_found("belongs to no event");
}

static void a_version_that_became_something_else_is_found(void **state)
{
    (void)state;
    char name[64];
    given_a_sealed_journal();
    vault_name((uint64_t)ask("SELECT min(id) FROM version"), name);
    assert_int_equal(unlinkat(m.root, name, 0), 0);
    assert_int_equal(mkdirat(m.root, name, 0700), 0);
    assert_found("was changed in the vault");
}

static void a_version_row_with_a_false_state_is_found(void **state)
{
    (void)state;
    given_a_sealed_journal();
    damage("UPDATE version SET state = 2 WHERE id = 1");
    assert_found("no undo did so");
    damage("UPDATE version SET state = 4 WHERE id = 1");
    assert_found("is in the vault, though");
    damage("UPDATE version SET state = 9 WHERE id = 1");
    assert_found("impossible state");
    damage("UPDATE version SET state = 1 WHERE id = 1;"
           "INSERT INTO version(id, event, kept, state) VALUES(88, 3, 1, 1)");
    assert_found("which does not name it");
}

/* Through a handle that was open when the file was deleted. */
static void a_kept_inode_may_be_written_as_recorded(void **state)
{
    (void)state;
    mediator_open(&m);
    do_create(&m, "f", "what was deleted");
    uint64_t removal = do_unlink(&m, "f");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT version FROM event WHERE id = %llu",
             (unsigned long long)removal);
    uint64_t version = (uint64_t)ask(sql);
    do_write_kept(&m, version, "f", "and written");
    journal_close(&m.journal);
    assert_sound();
    char name[64];
    vault_name(version, name);
    flip_byte(name);
    int fd = openat(m.root, name, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_found("was changed in the vault");
}

/* ---- hostile files ---- */

static void a_damaged_database_is_told_and_crashes_nothing(void **state)
{
    (void)state;
    given_a_sealed_journal();
    damage("PRAGMA wal_checkpoint(TRUNCATE)");
    int fd = openat(m.root, ".ccfs/journal.db", O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    srand(7);
    for (int i = 0; i < 60; i++) {
        unsigned char byte = 0;
        off_t at = 100 + rand() % (size - 100);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        unsigned char other = byte ^ (unsigned char)(1 + rand() % 255);
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        struct verify_result r;
        struct told told = {0};
        struct error err = ERROR_NONE;
        int seen = verify_journal(m.root, &(struct verify_wish){0}, keep_first, &told, &r, &err);
        assert_true(seen == 0 || err.message[0]);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    assert_sound();
}

static void a_seal_that_claims_everything_is_survived(void **state)
{
    (void)state;
    given_a_sealed_journal();
    damage("UPDATE seal SET event = 9223372036854775807, path = 9223372036854775807,"
           " rows = 9223372036854775807");
    assert_true(verify().count > 0);
    damage("UPDATE seal SET rows = -1, marks = zeroblob(1000000)");
    assert_true(verify().count > 0);
}

#define STORY(f) cmocka_unit_test_teardown(f, remove_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_journal_that_nobody_touched_is_sound),
        STORY(an_empty_journal_is_sound),
        STORY(it_stays_sound_over_runs_undo_and_redo),
        STORY(an_open_write_session_is_sealed_when_it_ends),
        STORY(a_session_that_was_cut_off_is_sealed_as_it_is),
        STORY(many_events_take_many_seals),
        STORY(every_column_of_an_event_is_sealed),
        STORY(a_value_of_another_type_is_found),
        STORY(a_changed_actor_is_found),
        STORY(a_changed_path_is_found),
        STORY(a_changed_version_row_is_found),
        STORY(a_changed_checksum_is_found),
        STORY(a_changed_session_is_found),
        STORY(a_deleted_event_is_named),
        STORY(the_last_event_is_missed_too),
        STORY(an_inserted_event_is_named),
        STORY(swapped_events_are_found),
        STORY(a_deleted_checksum_and_a_deleted_path_are_found),
        STORY(what_was_taken_back_is_sealed),
        STORY(a_chain_that_was_cut_off_is_found),
        STORY(a_seal_missing_within_is_found),
        STORY(every_column_of_a_seal_is_sealed),
        STORY(a_known_seal_tells_a_replaced_journal),
        STORY(signatures_count_with_their_key_only),
        STORY(a_stripped_or_forged_signature_is_found),
        STORY(a_chain_without_any_signature_does_not_satisfy_a_key),
        STORY(without_the_key_nothing_is_sealed_any_more),
        STORY(a_changed_byte_in_the_vault_is_found),
        STORY(a_missing_version_is_found),
        STORY(a_version_that_the_journal_does_not_know_is_found),
        STORY(a_version_that_became_something_else_is_found),
        STORY(a_version_row_with_a_false_state_is_found),
        STORY(a_kept_inode_may_be_written_as_recorded),
        STORY(a_damaged_database_is_told_and_crashes_nothing),
        STORY(a_seal_that_claims_everything_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
