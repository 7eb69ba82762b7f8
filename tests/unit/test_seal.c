/* test_seal.c - seals come in time, cover everything once, and are signed by the right key only. */
#include "journal/base/clock.h"
#include "journal/db.h"
#include "journal/sealer.h"
#include "tests/support/keys.h"
#include "tests/support/mediated.h"

static char keys[64];

static int given_keys(void **state)
{
    close(test_folder_make(keys, sizeof keys));
    return open_workspace(state);
}

static int remove_keys(void **state)
{
    close_workspace(state);
    test_folder_remove(keys);
    return 0;
}

static struct seal_ids given_ids(const int64_t *list, size_t count)
{
    struct seal_ids ids = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seal_ids_add(&ids, list[i]), 0);
    return ids;
}

/* ---- when ---- */

/* false: it took so long that a seal was due anyway. */
static bool given_more_events_than_a_seal_holds(void)
{
    int64_t began = clock_steady_ns();
    for (int i = 0; i < 600; i++) {
        do_mkdir(&m, "d");
        do_rmdir(&m, "d");
    }
    return clock_steady_ns() - began < (SEAL_SECONDS - 1) * NS_PER_S;
}

static void a_thousand_events_are_sealed_at_once(void **state)
{
    for (int tries = 0; !given_more_events_than_a_seal_holds() && tries < 10; tries++) {
        close_workspace(state);
        open_workspace(state);
    }
    rows_await(m.path, "SELECT count(*) FROM seal", 1);
    assert_int_equal(ask("SELECT event FROM seal WHERE id = 1"), 1000);
}

static void a_few_events_are_sealed_after_a_while(void **state)
{
    (void)state;
    do_mkdir(&m, "d");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_int_equal(ask("SELECT count(*) FROM seal"), 0);
    rows_await(m.path, "SELECT count(*) FROM seal", 1);
}

static void nothing_new_needs_no_seal(void **state)
{
    (void)state;
    do_mkdir(&m, "d");
    journal_close(&m.journal);
    int64_t seals = ask("SELECT count(*) FROM seal");
    struct db *db = NULL;
    struct sealer *sealer = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", m.path);
    assert_int_equal(db_open(path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(sealer_open(db, &sealer, NULL), 0);
    assert_int_equal(sealer_finish(sealer, NULL), 0);
    sealer_close(&sealer);
    db_close(&db);
    assert_int_equal(ask("SELECT count(*) FROM seal"), seals);
}

static void closing_seals_the_rest(void **state)
{
    (void)state;
    do_mkdir(&m, "d");
    do_create(&m, "d/f", "text");
    journal_close(&m.journal);
    assert_int_equal(ask("SELECT max(event) FROM seal"), ask("SELECT max(id) FROM event"));
    assert_int_equal(ask("SELECT max(path) FROM seal"), ask("SELECT max(id) FROM path"));
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'sealed'"),
                     ask("SELECT max(id) FROM seal"));
}

static void a_process_whose_number_is_on_its_way_is_waited_for(void **state)
{
    (void)state;
    struct db *db = NULL;
    char path[128];
    struct seal_rows rows = {0};
    struct seal_ids open = {0};
    int64_t reached = 0;
    journal_close(&m.journal);
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", m.path);
    assert_int_equal(db_open(path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_exec(db,
                             "DELETE FROM proc; INSERT INTO proc(id, pid, started) VALUES"
                             " (1, 1, 1), (2, 2, 2), (4, 4, 4)",
                             NULL),
                     0);
    struct seal_reader reader = {.db = db, .sha = sha256_new()};
    struct seal_range range = {
        .part = PART_PROC, .behind = INT64_MIN, .last = INT64_MAX, .most = 10, .whole = true};
    assert_int_equal(seal_rows_read(&reader, &range, &rows, &open, &reached, NULL), 0);
    assert_int_equal(reached, 2);
    range.behind = reached;
    range.whole = false;
    assert_int_equal(seal_rows_read(&reader, &range, &rows, &open, &reached, NULL), 0);
    assert_int_equal(reached, 4);
    assert_int_equal(rows.count, 3);
    seal_rows_release(&rows);
    seal_reader_release(&reader);
    sha256_free(&reader.sha);
    db_close(&db);
}

/* ---- lists ---- */

static void numbers_are_merged_and_taken_out(void **state)
{
    (void)state;
    struct seal_ids ids = given_ids((const int64_t[]){1, 4, 9}, 3);
    struct seal_ids add = given_ids((const int64_t[]){2, 10}, 2);
    struct seal_ids remove = given_ids((const int64_t[]){4, 10, 11}, 3);
    assert_int_equal(seal_ids_change(&ids, &add, &remove), 0);
    assert_int_equal(ids.count, 3);
    assert_true(seal_ids_have(&ids, 1) && seal_ids_have(&ids, 2) && seal_ids_have(&ids, 9));
    assert_false(seal_ids_have(&ids, 4) || seal_ids_have(&ids, 10) || seal_ids_have(&ids, 0));
    seal_ids_release(&ids);
    seal_ids_release(&add);
    seal_ids_release(&remove);
}

/* ---- keys ---- */

static int load(const char *name, struct signing_key **key, struct error *err)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", keys, name);
    return signing_key_load(path, m.root, key, err);
}

static void a_signature_is_genuine_with_its_key_only(void **state)
{
    (void)state;
    struct signing_key *key = NULL;
    unsigned char public_key[PUBLIC_BYTES];
    unsigned char digest[SHA256_BYTES] = {1, 2, 3};
    unsigned char signature[SIGNATURE_BYTES];
    char path[128];
    given_a_key(keys, "mine");
    given_a_key(keys, "other");
    assert_int_equal(load("mine.pem", &key, NULL), 0);
    assert_int_equal(signing_key_sign(key, digest, signature, NULL), 0);
    assert_true(signature_is_genuine(signing_key_public(key), digest, signature));
    snprintf(path, sizeof path, "%s/other.pub", keys);
    assert_int_equal(public_key_load(path, public_key, NULL), 0);
    assert_false(signature_is_genuine(public_key, digest, signature));
    digest[31] ^= 1;
    assert_false(signature_is_genuine(signing_key_public(key), digest, signature));
    signing_key_free(&key);
}

static void refused(const char *name, const char *says)
{
    struct signing_key *key = NULL;
    struct error err = ERROR_NONE;
    assert_true(load(name, &key, &err) < 0);
    assert_null(key);
    if (!strstr(err.message, says))
        fail_msg("%s", err.message);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    char path[128];
    given_a_key(keys, "mine");
    snprintf(path, sizeof path, "%s/mine.pem", keys);
    assert_int_equal(chmod(path, 0640), 0);
    refused("mine.pem", "chmod 600");
}

static void a_key_of_somebody_else_is_refused(void **state)
{
    (void)state;
    char path[128];
    if (geteuid() != 0)
        skip();
    given_a_key(keys, "mine");
    snprintf(path, sizeof path, "%s/mine.pem", keys);
    assert_int_equal(chown(path, 1234, 1234), 0);
    refused("mine.pem", "belongs to user 1234");
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    char path[128];
    int dir = open(keys, O_RDONLY | O_DIRECTORY);
    given_a_key(keys, "mine");
    test_file_text(dir, "text", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert_int_equal(fchmodat(dir, "text", 0600, 0), 0);
    assert_int_equal(fchmodat(dir, "mine.pub", 0600, 0), 0);
    assert_int_equal(symlinkat("mine.pem", dir, "link"), 0);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    refused("text", "not an Ed25519 private key");
    refused("mine.pub", "not an Ed25519 private key");
    refused("link", "open the key");
    refused("fifo", "is not a file");
    refused("absent", "open the key");
    snprintf(path, sizeof path, "%s/mine.pem", keys);
    unsigned char public_key[PUBLIC_BYTES];
    assert_int_equal(public_key_load(path, public_key, NULL), -EINVAL);
    close(dir);
}

static void a_key_within_the_workspace_is_refused(void **state)
{
    (void)state;
    char path[128];
    struct signing_key *key = NULL;
    struct error err = ERROR_NONE;
    given_a_key(m.path, "mine");
    snprintf(path, sizeof path, "%s/mine.pem", m.path);
    assert_int_equal(signing_key_load(path, m.root, &key, &err), -EINVAL);
    assert_non_null(strstr(err.message, "lies in the workspace"));
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, given_keys, remove_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_thousand_events_are_sealed_at_once),
        STORY(a_few_events_are_sealed_after_a_while),
        STORY(nothing_new_needs_no_seal),
        STORY(closing_seals_the_rest),
        STORY(a_process_whose_number_is_on_its_way_is_waited_for),
        STORY(numbers_are_merged_and_taken_out),
        STORY(a_signature_is_genuine_with_its_key_only),
        STORY(a_key_that_others_can_read_is_refused),
        STORY(a_key_of_somebody_else_is_refused),
        STORY(what_is_no_key_is_refused),
        STORY(a_key_within_the_workspace_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
