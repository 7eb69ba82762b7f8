/* test_hasher.c - contents get checksums in the background, and only those that are certain. */
#include <time.h>

#include "journal/db.h"
#include "journal/hasher.h"
#include "tests/support/mediated.h"
#include "tests/support/sealed.h"

/* The checksum as text; "" where there is none. */
static const char *recorded(uint64_t event, enum hash_side side)
{
    static char text[SHA256_TEXT];
    char path[128];
    struct db *db = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", m.path);
    assert_int_equal(db_open(path, DB_READ, &db, NULL), 0);
    struct stmt q = db_query(db, "SELECT sha256 FROM hash WHERE event = ?1 AND side = ?2");
    stmt_bind_int(&q, 1, (int64_t)event);
    stmt_bind_int(&q, 2, side);
    text[0] = '\0';
    if (stmt_step(&q, NULL) == 1) {
        const void *data = stmt_bytes(&q, 0, &bytes);
        assert_int_equal(bytes, SHA256_BYTES);
        sha256_text(data, text);
    }
    stmt_done(&q);
    db_close(&db);
    return text;
}

static const char *sum_of(const char *content)
{
    static char text[SHA256_TEXT];
    unsigned char digest[SHA256_BYTES];
    struct sha256 *sha = sha256_new();
    assert_non_null(sha);
    sha256_begin(sha);
    sha256_add(sha, content, strlen(content));
    assert_int_equal(sha256_end(sha, digest), 0);
    sha256_text(digest, text);
    sha256_free(&sha);
    return text;
}

static void nap_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void assert_becomes(uint64_t event, enum hash_side side, const char *content)
{
    for (int i = 0; i < 1200 && !recorded(event, side)[0]; i++)
        nap_ms(50);
    assert_string_equal(recorded(event, side), sum_of(content));
}

/* A later event is done, so this one was looked at. */
static void assert_stays_unknown(uint64_t event, enum hash_side side)
{
    do_create(&m, "marker", "");
    assert_becomes(do_write(&m, "marker", 0, "x", CAPTURE_COPY), HASH_AFTER, "x");
    assert_string_equal(recorded(event, side), "");
}

static void the_known_vector_comes_out(void **state)
{
    (void)state;
    assert_string_equal(sum_of("abc"),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void contents_before_and_after_are_hashed(void **state)
{
    (void)state;
    begin_proof(&m, NULL);
    do_create(&m, "f", "old content");
    uint64_t write = do_write(&m, "f", 0, "NEW", CAPTURE_COPY);
    assert_becomes(write, HASH_BEFORE, "old content");
    assert_becomes(write, HASH_AFTER, "NEW content");
    uint64_t removal = do_unlink(&m, "f");
    assert_becomes(removal, HASH_BEFORE, "NEW content");
}

static void what_a_rename_replaces_has_a_side_of_its_own(void **state)
{
    (void)state;
    begin_proof(&m, NULL);
    do_create(&m, "a", "moves");
    do_create(&m, "b", "is replaced");
    uint64_t event = do_rename(&m, "a", "b");
    assert_becomes(event, HASH_REPLACED, "is replaced");
    assert_string_equal(recorded(event, HASH_BEFORE), "");
}

static void a_symlink_is_its_target(void **state)
{
    (void)state;
    begin_proof(&m, NULL);
    uint64_t event = do_symlink(&m, "some/where", "l");
    assert_becomes(event, HASH_AFTER, "some/where");
    assert_becomes(do_unlink(&m, "l"), HASH_BEFORE, "some/where");
}

static void a_file_is_found_where_it_was_renamed_to(void **state)
{
    (void)state;
    do_create(&m, "tmp", "");
    uint64_t write = do_write(&m, "tmp", 0, "saved", CAPTURE_COPY);
    do_rename(&m, "tmp", "final");
    begin_proof(&m, NULL);
    assert_becomes(write, HASH_AFTER, "saved");
}

static void a_content_that_was_changed_again_stays_unknown(void **state)
{
    (void)state;
    do_create(&m, "f", "");
    uint64_t first = do_write(&m, "f", 0, "one", CAPTURE_COPY);
    uint64_t second = do_write(&m, "f", 0, "two", CAPTURE_COPY);
    begin_proof(&m, NULL);
    assert_becomes(second, HASH_AFTER, "two");
    assert_string_equal(recorded(first, HASH_AFTER), "");
}

static void a_content_that_was_changed_outside_stays_unknown(void **state)
{
    (void)state;
    do_create(&m, "f", "");
    uint64_t write = do_write(&m, "f", 0, "mine", CAPTURE_COPY);
    test_file_text(m.root, "f", "other");
    begin_proof(&m, NULL);
    assert_stays_unknown(write, HASH_AFTER);
}

static void another_file_in_its_place_is_not_taken_for_it(void **state)
{
    (void)state;
    do_create(&m, "f", "");
    uint64_t write = do_write(&m, "f", 0, "mine", CAPTURE_COPY);
    assert_int_equal(unlinkat(m.root, "f", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", m.root, "f"), 0);
    begin_proof(&m, NULL);
    assert_stays_unknown(write, HASH_AFTER);
}

static void blocks_are_hashed_as_the_vault_keeps_them(void **state)
{
    (void)state;
    begin_proof(&m, NULL);
    do_create(&m, "f", "some long content");
    uint64_t write = do_write(&m, "f", 5, "LONG", CAPTURE_BLOCKS);
    assert_becomes(write, HASH_AFTER, "some LONG content");
    assert_true(recorded(write, HASH_BLOCKS)[0]);
    assert_string_equal(recorded(write, HASH_BEFORE), "");
}

static void the_next_run_goes_on_where_one_ended(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    uint64_t removal = do_unlink(&m, "f");
    begin_proof(&m, NULL);
    mediator_reopen(&m); /* before anything is old enough */
    assert_string_equal(recorded(removal, HASH_BEFORE), "");
    begin_proof(&m, NULL);
    assert_becomes(removal, HASH_BEFORE, "text");
}

static void a_write_session_is_hashed_when_it_has_ended(void **state)
{
    (void)state;
    struct attr a;
    begin_proof(&m, NULL);
    uint64_t event = given_an_open_write();
    nap_ms(1600);
    assert_string_equal(recorded(event, HASH_AFTER), "");
    test_file_text(m.root, "f", "more text");
    assert_int_equal(attr_read(m.root, "f", &a), 0);
    journal_write_update(m.journal, event, &a, NULL, 0, true);
    assert_becomes(event, HASH_AFTER, "more text");
}

static void many_events_are_hashed_in_bounded_memory(void **state)
{
    (void)state;
    uint64_t first = 0;
    uint64_t last = 0;
    for (int i = 0; i < 700; i++) {
        do_create(&m, "f", "gone");
        last = do_unlink(&m, "f");
        first = first ? first : last;
    }
    begin_proof(&m, NULL);
    assert_becomes(last, HASH_BEFORE, "gone");
    assert_string_equal(recorded(first, HASH_BEFORE), sum_of("gone"));
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, open_workspace, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_vector_comes_out),
        STORY(contents_before_and_after_are_hashed),
        STORY(what_a_rename_replaces_has_a_side_of_its_own),
        STORY(a_symlink_is_its_target),
        STORY(a_file_is_found_where_it_was_renamed_to),
        STORY(a_content_that_was_changed_again_stays_unknown),
        STORY(a_content_that_was_changed_outside_stays_unknown),
        STORY(another_file_in_its_place_is_not_taken_for_it),
        STORY(blocks_are_hashed_as_the_vault_keeps_them),
        STORY(the_next_run_goes_on_where_one_ended),
        STORY(a_write_session_is_hashed_when_it_has_ended),
        STORY(many_events_are_hashed_in_bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
