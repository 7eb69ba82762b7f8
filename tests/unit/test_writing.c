/* test_writing.c - write sessions: what they keep before a byte changes, and what they say.
 *
 * No mount: a workspace, its journal, and one file whose writes are prepared and done by hand. */
#include "fusefs/fs.h"
#include "journal/base/fd.h"
#include "journal/history.h"
#include "tests/support/test.h"

#define LARGE 200000

struct house {
    char path[64];
    struct fusefs_options options;
    struct fusefs fs;
    struct zones *zones;
    struct node *node;
    struct file file;
    int fd;
    char *old; /* the content before */
    size_t old_bytes;
};

static const struct actor_ref somebody = {.actor = 1};
static const struct actor_ref another = {.actor = 2};

static void fill(struct house *h, size_t bytes)
{
    h->old = malloc(bytes + 1);
    assert_non_null(h->old);
    for (size_t i = 0; i < bytes; i++)
        h->old[i] = (char)('a' + (i / 4096 + i) % 26);
    h->old_bytes = bytes;
    test_file_write(h->fs.root, "file", h->old, bytes);
    h->fd = openat(h->fs.root, "file", O_RDWR | O_CLOEXEC);
    assert_true(h->fd >= 0);
}

static void meet(struct house *h)
{
    CLEANUP(place_release) struct place at;
    struct attr attr;
    place_none(&at);
    assert_int_equal(place_find(h->fs.nodes, 1, "file", &at), 0);
    assert_int_equal(place_attr(&at, &attr, NULL), 0);
    h->node = node_meet(&at, &attr);
    h->file = (struct file){.node = h->node, .writing = WRITING_NONE};
}

static struct house *given_file_of(size_t bytes)
{
    struct error err = ERROR_NONE;
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->fs.options = &h->options;
    h->fs.root = test_folder_make(h->path, sizeof h->path);
    h->fs.copy_limit = 65536;
    fill(h, bytes);
    int r = journal_create(h->fs.root, &err);
    if (r == 0)
        r = journal_open(h->fs.root, &h->fs.journal, &err);
    if (r < 0)
        fail_msg("%s", err.message);
    h->fs.vault = journal_vault(h->fs.journal);
    assert_int_equal(zones_make(NULL, 0, &h->zones, NULL), 0);
    assert_int_equal(nodes_make(h->fs.root, h->zones, h->fs.vault, 100, &h->fs.nodes, NULL), 0);
    meet(h);
    return h;
}

static void end_of(struct house *h)
{
    writing_end(&h->fs, &h->file, h->fd);
    nodes_free(&h->fs.nodes);
    journal_close(&h->fs.journal);
    zones_free(&h->zones);
    close(h->fd);
    close(h->fs.root);
    test_folder_remove(h->path);
    free(h->old);
    free(h);
}

static void write_as(struct house *h, struct actor_ref who, const char *text, int64_t offset)
{
    const struct write_wish wish = {
        .who = who,
        .fd = h->fd,
        .offset = offset,
        .length = (int64_t)strlen(text),
    };
    assert_int_equal(writing_prepare(&h->fs, &h->file, &wish), 0);
    assert_int_equal(fd_pwrite_all(h->fd, text, strlen(text), offset), 0);
    writing_done(&h->fs, &h->file, h->fd, offset, (int64_t)strlen(text));
}

/* The old content, from what the session keeps and what is there. */
static void assert_old_can_be_rebuilt(struct house *h)
{
    struct writing *w = &h->file.writing;
    struct error err = ERROR_NONE;
    assert_true(w->version != 0);
    CLEANUP(fd_close) int to = openat(h->fs.root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CLEANUP(fd_close) int kept = vault_open_version(h->fs.vault, w->version, O_RDONLY);
    assert_true(to >= 0 && kept >= 0);
    struct stat st;
    int from = w->kept == KEPT_BLOCKS ? h->fd : kept;
    assert_int_equal(fstat(from, &st), 0);
    assert_int_equal(fd_copy(from, to, st.st_size), 0);
    if (w->kept == KEPT_BLOCKS)
        assert_int_equal(vault_blocks_restore(h->fs.vault, w->version, to, &err), 0);
    char *held = malloc(h->old_bytes + 1);
    assert_int_equal(fd_pread_all(to, held, h->old_bytes, 0), 0);
    assert_memory_equal(held, h->old, h->old_bytes);
    free(held);
}

static off_t kept_bytes(struct house *h)
{
    CLEANUP(fd_close)
    int kept = vault_open_version(h->fs.vault, h->file.writing.version, O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(kept, &st), 0);
    return st.st_size;
}

/* ---- what is kept
 * ------------------------------------------------------------------------------------ */

static void a_small_file_is_kept_whole(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    write_as(h, somebody, "changed", 10);
    write_as(h, somebody, "again", 990);
    assert_true(h->file.writing.kept == KEPT_COPY || h->file.writing.kept == KEPT_CLONE);
    assert_old_can_be_rebuilt(h);
    end_of(h);
}

static void of_a_large_one_each_block_is_kept_once(void **state)
{
    (void)state;
    struct house *h = given_file_of(LARGE);
    write_as(h, somebody, "one", 0);
    write_as(h, somebody, "over two blocks", 4090);
    write_as(h, somebody, "last", LARGE - 4);
    assert_old_can_be_rebuilt(h);
    if (h->file.writing.kept == KEPT_BLOCKS) {
        off_t once = kept_bytes(h);
        write_as(h, somebody, "two", 1);
        write_as(h, somebody, "three", 4096);
        assert_int_equal(kept_bytes(h), once);
        assert_true(once < 4 * 5000);
    }
    assert_old_can_be_rebuilt(h);
    end_of(h);
}

static void what_lies_beyond_the_old_end_is_not_kept(void **state)
{
    (void)state;
    struct house *h = given_file_of(LARGE);
    write_as(h, somebody, "appended", LARGE);
    assert_int_equal(h->file.writing.version, 0);
    write_as(h, somebody, "appended", LARGE + 2);
    assert_int_equal(h->file.writing.version, 0);
    end_of(h);
}

static void an_empty_file_has_nothing_to_keep(void **state)
{
    (void)state;
    struct house *h = given_file_of(0);
    write_as(h, somebody, "first", 0);
    write_as(h, somebody, "second", 0);
    assert_int_equal(h->file.writing.version, 0);
    end_of(h);
}

static void old_bytes_after_an_append_begin_a_session_that_keeps_them(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    write_as(h, somebody, "appended", 1000);
    uint64_t first = h->file.writing.event;
    write_as(h, somebody, "changed", 0);
    assert_true(h->file.writing.event > first);
    assert_old_can_be_rebuilt(h);
    end_of(h);
}

static void zeros_over_holes_keep_nothing_of_them(void **state)
{
    (void)state;
    struct house *h = given_file_of(LARGE);
    assert_int_equal(ftruncate(h->fd, INT64_C(1) << 36), 0);
    assert_int_equal(fd_pwrite_all(h->fd, "island", 6, INT64_C(1) << 35), 0);
    const struct write_wish wish = {
        .who = somebody,
        .zeroes = true,
        .fd = h->fd,
        .offset = 0,
        .length = INT64_MAX,
    };
    assert_int_equal(writing_prepare(&h->fs, &h->file, &wish), 0);
    if (h->file.writing.kept == KEPT_BLOCKS)
        assert_true(kept_bytes(h) < 3 * LARGE);
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    assert_int_equal(fallocate(h->fd, mode, 0, INT64_C(1) << 36), 0);
    writing_done(&h->fs, &h->file, h->fd, 0, INT64_C(1) << 36);
    assert_old_can_be_rebuilt(h);
    end_of(h);
}

static void a_file_that_was_cut_short_outside_can_still_be_written(void **state)
{
    (void)state;
    struct house *h = given_file_of(LARGE);
    write_as(h, somebody, "one", 0);
    assert_int_equal(ftruncate(h->fd, 5000), 0);
    write_as(h, somebody, "two", 4998);
    write_as(h, somebody, "three", 150000);
    end_of(h);
}

/* ---- whose session it is
 * ------------------------------------------------------------------------------- */

static void another_writer_begins_his_own(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    write_as(h, somebody, "mine", 0);
    uint64_t mine = h->file.writing.event;
    write_as(h, somebody, "mine", 10);
    assert_int_equal(h->file.writing.event, mine);
    write_as(h, another, "yours", 0);
    assert_true(h->file.writing.event > mine);
    memcpy(h->old, "mine", 4);
    memcpy(h->old + 10, "mine", 4);
    assert_old_can_be_rebuilt(h); /* what the first one left */
    end_of(h);
}

static void an_inferred_store_joins_the_session_that_is_there(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    write_as(h, somebody, "mine", 0);
    uint64_t mine = h->file.writing.event;
    struct write_wish wish = {.who = another, .inferred = true, .fd = h->fd, .length = 5};
    assert_int_equal(writing_prepare(&h->fs, &h->file, &wish), 0);
    assert_int_equal(h->file.writing.event, mine);
    end_of(h);
}

static void each_write_is_its_own_where_that_is_wanted(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    h->options.writes = WRITES_EACH;
    write_as(h, somebody, "one", 0);
    assert_int_equal(h->file.writing.event, 0);
    write_as(h, somebody, "two", 0);
    assert_int_equal(h->file.writing.event, 0);
    end_of(h);
}

/* ---- what it says
 * ------------------------------------------------------------------------------------------ */

static void touching_ranges_become_one(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    const struct writing *w = &h->file.writing;
    write_as(h, somebody, "12345", 100);
    write_as(h, somebody, "12345", 110);
    assert_int_equal(w->range_count, 2);
    write_as(h, somebody, "12345", 105);
    assert_int_equal(w->range_count, 1);
    assert_int_equal(w->ranges[0].offset, 100);
    assert_int_equal(w->ranges[0].length, 15);
    write_as(h, somebody, "1", 0);
    write_as(h, somebody, "1", 500);
    write_as(h, somebody, "1", 102);
    assert_int_equal(w->range_count, 3);
    assert_int_equal(w->ranges[0].offset, 0);
    assert_int_equal(w->ranges[2].offset, 500);
    end_of(h);
}

static void however_many_there_are_none_is_left_out(void **state)
{
    (void)state;
    struct house *h = given_file_of(60000);
    const struct writing *w = &h->file.writing;
    unsigned seed = 1;
    for (int i = 0; i < 1000; i++) {
        seed = seed * 1103515245u + 12345u;
        int64_t at = (seed >> 8) % 59000;
        write_as(h, somebody, "xyz", at);
        bool held = false;
        for (size_t k = 0; k < w->range_count; k++)
            held |=
                w->ranges[k].offset <= at && w->ranges[k].offset + w->ranges[k].length >= at + 3;
        assert_true(held);
        assert_true(w->range_count <= WRITING_RANGES);
    }
    for (size_t k = 1; k < w->range_count; k++)
        assert_true(w->ranges[k - 1].offset + w->ranges[k - 1].length < w->ranges[k].offset);
    end_of(h);
}

static int count_open(const struct event *e, void *context)
{
    size_t *count = context;
    *count += e->op == OP_WRITE && e->outcome == OUTCOME_OPEN;
    return 0;
}

static size_t open_sessions(struct house *h)
{
    struct history *history = NULL;
    struct error err = ERROR_NONE;
    struct history_filter all = HISTORY_ALL;
    size_t count = 0;
    assert_int_equal(journal_drain(h->fs.journal, &err), 0);
    assert_int_equal(history_open(h->fs.root, &history, &err), 0);
    assert_int_equal(history_events(history, &all, count_open, &count, &err), 0);
    history_close(&history);
    return count;
}

static void a_report_does_not_end_it(void **state)
{
    (void)state;
    struct house *h = given_file_of(1000);
    write_as(h, somebody, "one", 0);
    writing_report(&h->fs, &h->file, h->fd);
    assert_int_equal(open_sessions(h), 1);
    assert_true(h->file.writing.event != 0);
    writing_end(&h->fs, &h->file, -1);
    assert_int_equal(open_sessions(h), 0);
    assert_int_equal(h->file.writing.event, 0);
    writing_end(&h->fs, &h->file, -1); /* no session is fine */
    end_of(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_is_kept_whole),
        cmocka_unit_test(of_a_large_one_each_block_is_kept_once),
        cmocka_unit_test(what_lies_beyond_the_old_end_is_not_kept),
        cmocka_unit_test(an_empty_file_has_nothing_to_keep),
        cmocka_unit_test(old_bytes_after_an_append_begin_a_session_that_keeps_them),
        cmocka_unit_test(zeros_over_holes_keep_nothing_of_them),
        cmocka_unit_test(a_file_that_was_cut_short_outside_can_still_be_written),
        cmocka_unit_test(another_writer_begins_his_own),
        cmocka_unit_test(an_inferred_store_joins_the_session_that_is_there),
        cmocka_unit_test(each_write_is_its_own_where_that_is_wanted),
        cmocka_unit_test(touching_ranges_become_one),
        cmocka_unit_test(however_many_there_are_none_is_left_out),
        cmocka_unit_test(a_report_does_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
