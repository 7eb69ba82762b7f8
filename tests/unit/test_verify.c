/* test_verify.c - whatever is changed in the journal after it was recorded is found. */
#include "journal/base/fd.h"
#include "tests/support/keys.h"
#include "tests/support/mediated.h"
#include "tests/support/sealed.h"
#include "tests/support/sound.h"

static struct signing_key *key;

/* ---- a workspace with all kinds of rows ---- */

static int remove_workspace(void **state)
{
    signing_key_free(&key);
    return close_workspace(state);
}

static void damage_is_found(const char *sql, const char *says)
{
    given_a_sealed_journal(&m);
    damage(sql);
    assert_journal_tells(m.root, says);
}

/* ---- soundness ---- */

static void a_journal_that_nobody_touched_is_sound(void **state)
{
    (void)state;
    struct verify_result r;
    given_a_hashed_journal(&m);
    struct told told = told_by_verify_as(m.root, &(struct verify_wish){0}, &r);
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
    assert_journal_sound(m.root);
}

static void it_stays_sound_over_runs_undo_and_redo(void **state)
{
    (void)state;
    given_a_sealed_journal(&m);
    mediator_reopen(&m);
    uint64_t undo = undo_range(&m, 1, 0);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_journal_sound(m.root); /* beside the open journal */
    mediator_reopen(&m);
    assert_journal_sound(m.root);
    redo(&m, undo);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void an_open_write_session_is_sealed_when_it_ends(void **state)
{
    (void)state;
    mediator_open(&m);
    given_an_open_write();
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT open FROM seal ORDER BY id DESC LIMIT 1"), 1);
    assert_journal_sound(m.root);
    mediator_reopen(&m); /* which ends it */
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT open FROM seal ORDER BY id DESC LIMIT 1"), 0);
    assert_journal_sound(m.root);
    damage("UPDATE event SET a_size = 12345 WHERE op = 10");
    assert_journal_tells(m.root, "event #2 was changed");
}

static void a_session_that_was_cut_off_is_sealed_as_it_is(void **state)
{
    (void)state;
    uint64_t session = 0;
    mediator_open(&m);
    assert_int_equal(journal_session_begin(m.journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
    mediator_reopen(&m);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
    damage("UPDATE session SET ended = 5, status = 0");
    assert_journal_tells(m.root, "session");
}

static void many_events_take_many_seals(void **state)
{
    (void)state;
    struct verify_result r;
    mediator_open(&m);
    for (int i = 0; i < 2500; i++)
        do_mkdir(&m, "d"), do_rmdir(&m, "d");
    journal_close(&m.journal);
    struct told told = told_by_verify_as(m.root, &(struct verify_wish){0}, &r);
    if (told.count)
        fail_msg("%s", told.says);
    assert_true(r.seals >= 5);
    assert_int_equal(r.events, 5000);
    damage("UPDATE event SET time = time + 1 WHERE id = 3210");
    assert_journal_tells(m.root, "event #3210 was changed");
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
    given_a_sealed_journal(&m);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        char sql[256];
        damage("CREATE TABLE copy AS SELECT * FROM event WHERE id = 8");
        snprintf(sql, sizeof sql, "UPDATE event SET %s = ifnull(%s, 0) + 1 WHERE id = 8",
                 columns[i], columns[i]);
        damage(sql);
        struct told told = told_by_verify(m.root);
        if (told.count == 0 || told.event != 8)
            fail_msg("%s: %s", columns[i], told.says);
        damage("DELETE FROM event WHERE id = 8; INSERT INTO event SELECT * FROM copy;"
               "DROP TABLE copy");
    }
    assert_journal_sound(m.root);
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
    assert_journal_sound(m.root);
    damage("UPDATE proc SET cmdline = x'00' WHERE id = (SELECT proc FROM event WHERE op = 17)");
    assert_journal_tells(m.root, "the actor of event #1 was changed");
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
    given_a_hashed_journal(&m);
    damage("UPDATE hash SET sha256 = zeroblob(32) WHERE id = 2");
    assert_journal_tells(m.root, "a checksum of event #");
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
    given_a_sealed_journal(&m);
    damage("CREATE TABLE copy AS SELECT * FROM event WHERE id = 4; UPDATE copy SET id = -7;"
           "INSERT INTO event SELECT * FROM copy");
    assert_journal_tells(m.root, "event #-7 was added");
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
    given_a_hashed_journal(&m);
    damage("DELETE FROM hash WHERE id = 3");
    assert_journal_tells(m.root, "checksum");
    mediator_close(&m);
    damage_is_found("DELETE FROM path WHERE id = 3", "is missing");
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
    given_a_sealed_journal(&m);
    mediator_reopen(&m);
    do_mkdir(&m, "more");
    mediator_reopen(&m);
    journal_close(&m.journal);
    assert_true(ask("SELECT max(id) FROM seal") >= 3);
    damage("DELETE FROM seal WHERE id = 2");
    assert_journal_tells(m.root, "seal 2 is missing");
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
        "taken = taken + 1",
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
    given_a_sealed_journal(&m);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char sql[256];
        damage("CREATE TABLE copy AS SELECT * FROM seal");
        snprintf(sql, sizeof sql, "UPDATE seal SET %s WHERE id = 1", changes[i]);
        damage(sql);
        if (told_by_verify(m.root).count == 0)
            fail_msg("%s", changes[i]);
        damage("DELETE FROM seal; INSERT INTO seal SELECT * FROM copy; DROP TABLE copy");
    }
    assert_journal_sound(m.root);
}

static void a_known_seal_tells_a_replaced_journal(void **state)
{
    (void)state;
    struct verify_result r;
    given_a_sealed_journal(&m);
    told_by_verify_as(m.root, &(struct verify_wish){0}, &r);
    struct verify_wish wish = {.seal = r.last_seal, .seal_bytes = SHA256_BYTES};
    memcpy(wish.seal_sha256, r.last_sha256, SHA256_BYTES);
    assert_int_equal(told_by_verify_as(m.root, &wish, &r).count, 0);
    wish.seal_sha256[0] ^= 1;
    assert_int_equal(told_by_verify_as(m.root, &wish, &r).count, 1);
    wish.seal++;
    assert_int_equal(told_by_verify_as(m.root, &wish, &r).count, 1);
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
    begin_proof(&m, key);
    tell_story(&m);
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
    assert_int_equal(told_by_verify_as(m.root, &wish, &r).count, 0);
    assert_true(r.is_signed);
    snprintf(path, sizeof path, "%s/other.pub", keys_folder);
    assert_int_equal(public_key_load(path, keys[0], NULL), 0);
    assert_non_null(strstr(told_by_verify_as(m.root, &wish, &r).says, "signed with another key"));
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
    assert_journal_tells(m.root, "is not genuine");
    damage("UPDATE seal SET signature = NULL");
    assert_journal_tells(m.root, "cannot be read");
    damage("UPDATE seal SET key = NULL");
    assert_journal_tells(m.root, "itself was changed");
    assert_true(told_by_verify_as(m.root, &wish, &r).count > 1);
    test_folder_remove(keys_folder);
}

static void a_chain_without_any_signature_does_not_satisfy_a_key(void **state)
{
    (void)state;
    struct verify_result r;
    unsigned char keys[1][PUBLIC_BYTES] = {{0}};
    const struct verify_wish wish = {.keys = (const unsigned char(*)[PUBLIC_BYTES])keys,
                                     .key_count = 1};
    given_a_sealed_journal(&m);
    assert_string_equal(told_by_verify_as(m.root, &wish, &r).says, "no seal is signed");
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
    struct told told = told_by_verify_as(m.root, &(struct verify_wish){0}, &r);
    assert_int_equal(told.count, 0);
    assert_true(r.unsealed > 0);
    mediator_reopen(&m);
    begin_proof(&m, key); /* with the key */
    journal_close(&m.journal);
    assert_journal_sound(m.root);
    assert_int_equal(ask("SELECT count(*) FROM seal"), seals + 1);
    test_folder_remove(keys_folder);
}

/* ---- hostile files ---- */

static void say_nothing(void *context, int64_t event, const char *says)
{
    (void)context;
    (void)event;
    (void)says;
}

static void a_damaged_database_is_told_and_crashes_nothing(void **state)
{
    (void)state;
    given_a_sealed_journal(&m);
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
        struct error err = ERROR_NONE;
        int seen = verify_journal(m.root, &(struct verify_wish){0}, say_nothing, NULL, &r, &err);
        assert_true(seen == 0 || err.message[0]);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    assert_journal_sound(m.root);
}

static void a_seal_that_claims_everything_is_survived(void **state)
{
    (void)state;
    given_a_sealed_journal(&m);
    damage("UPDATE seal SET event = 9223372036854775807, path = 9223372036854775807,"
           " rows = 9223372036854775807");
    assert_true(told_by_verify(m.root).count > 0);
    damage("UPDATE seal SET rows = -1, marks = zeroblob(1000000)");
    assert_true(told_by_verify(m.root).count > 0);
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
        STORY(a_chain_that_was_cut_off_is_found),
        STORY(a_seal_missing_within_is_found),
        STORY(every_column_of_a_seal_is_sealed),
        STORY(a_known_seal_tells_a_replaced_journal),
        STORY(signatures_count_with_their_key_only),
        STORY(a_stripped_or_forged_signature_is_found),
        STORY(a_chain_without_any_signature_does_not_satisfy_a_key),
        STORY(without_the_key_nothing_is_sealed_any_more),
        STORY(a_damaged_database_is_told_and_crashes_nothing),
        STORY(a_seal_that_claims_everything_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
