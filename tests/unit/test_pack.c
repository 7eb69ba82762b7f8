/* test_pack.c - cold old contents are packed: they take less room, and everything else stays as it
 * was: undo, verify and gc find the same bytes, wherever packing is cut off. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/gc.h"
#include "journal/pack.h"
#include "journal/vault_pack.h"
#include "tests/support/mediated.h"
#include "tests/support/sound.h"

#define LONG 200000

static const struct gc_limits cold = {.pack_after_s = 1};

/* ---- a workspace ---- */

/* Text that shrinks. */
static const char *words(char with)
{
    static char text[LONG + 1];
    for (size_t i = 0; i < LONG; i++)
        text[i] = (char)(i % 61 == 60 ? '\n' : i % 7 == 0 ? with : 'a' + (char)(i * i % 23));
    return text;
}

/* Bytes that do not. */
static const char *noise(void)
{
    static char bytes[LONG + 1];
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < LONG; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (char)(x % 255 + 1);
    }
    return bytes;
}

/* What was recorded is on the disk and older than a second. */
static void let_it_get_cold(void)
{
    const struct timespec moment = {.tv_sec = 1, .tv_nsec = 200000000};
    mediator_reopen(&m);
    nanosleep(&moment, NULL);
}

/* Two files whose old contents are kept, one whole (where the filesystem cannot clone), one as the
 * blocks that were overwritten.  The first of the events that did so. */
static uint64_t given_cold_contents(void)
{
    mediator_open(&m);
    do_create(&m, "whole", words('1'));
    do_create(&m, "blocks", words('2'));
    uint64_t first = do_write(&m, "whole", 0, words('3'), CAPTURE_COPY);
    do_write(&m, "blocks", 0, words('4'), CAPTURE_BLOCKS);
    let_it_get_cold();
    return first;
}

static struct gc_result gc_as(const struct gc_limits *limits, bool dry_run)
{
    struct gc_result result;
    struct error err = ERROR_NONE;
    if (gc_run(m.journal, limits, (struct actor_ref){0}, dry_run, &result, &err) < 0)
        fail_msg("%s", err.message);
    return result;
}

static uint64_t bytes_kept(uint64_t *versions)
{
    uint64_t bytes = 0;
    assert_int_equal(vault_usage(journal_vault(m.journal), &bytes, versions), 0);
    return bytes;
}

static uint64_t blocks_version(void)
{
    return (uint64_t)ask("SELECT max(id) FROM version WHERE kept = 4");
}

static bool is_packed(uint64_t version)
{
    return vault_packed_bytes(journal_vault(m.journal), version) > 0;
}

static void assert_sound(void)
{
    assert_journal_sound(m.root);
}

/* ---- packing ---- */

static void cold_contents_take_less_room_and_come_back(void **state)
{
    (void)state;
    uint64_t versions = 0;
    uint64_t again = 0;
    uint64_t first = given_cold_contents();
    uint64_t before = bytes_kept(&versions);
    int64_t expected = ask("SELECT count(*) FROM version WHERE kept IN (3, 4)");
    struct gc_result result = gc_as(&cold, false);
    assert_int_equal(result.packed, expected);
    assert_true(result.packed_bytes > 0);
    assert_int_equal(bytes_kept(&again), before - result.packed_bytes);
    assert_int_equal(again, versions);
    assert_true(is_packed(blocks_version()));
    assert_sound();
    undo_range(&m, first, first + 1);
    assert_file_is(m.root, "blocks", words('2'), LONG);
    assert_file_is(m.root, "whole", words('1'), LONG);
    assert_sound();
}

static void what_is_young_stays_as_it_is(void **state)
{
    (void)state;
    given_cold_contents();
    assert_int_equal(gc_as(&(struct gc_limits){.pack_after_s = 3600}, false).packed, 0);
    assert_int_equal(gc_as(&(struct gc_limits){0}, false).packed, 0);
    assert_false(is_packed(blocks_version()));
}

static void a_dry_run_tells_and_packs_nothing(void **state)
{
    (void)state;
    given_cold_contents();
    struct gc_result result = gc_as(&cold, true);
    assert_true(result.packed > 0 && result.packed_bytes >= LONG);
    assert_false(is_packed(blocks_version()));
    assert_int_equal(gc_as(&cold, false).packed, result.packed);
}

static void what_does_not_shrink_is_tried_once(void **state)
{
    (void)state;
    mediator_open(&m);
    do_create(&m, "noise", noise());
    do_write(&m, "noise", 0, words('1'), CAPTURE_BLOCKS);
    let_it_get_cold();
    assert_int_equal(gc_as(&cold, false).packed, 0);
    assert_false(is_packed(blocks_version()));
    assert_true(vault_has(journal_vault(m.journal), blocks_version()));
    assert_int_equal(gc_as(&cold, true).packed, 0);
    assert_sound();
}

static void gc_drops_what_is_packed(void **state)
{
    (void)state;
    uint64_t versions = 1;
    given_cold_contents();
    assert_true(gc_as(&cold, false).packed > 0);
    uint64_t version = blocks_version();
    struct gc_result result = gc_as(&(struct gc_limits){.vault_bytes = 1}, false);
    assert_int_equal(result.vault_bytes, 0);
    assert_int_equal(bytes_kept(&versions), 0);
    assert_false(vault_has(journal_vault(m.journal), version));
    assert_sound();
}

/* ---- damage ---- */

static void a_flipped_bit_is_found_and_never_put_back(void **state)
{
    (void)state;
    char name[VAULT_PACKED_NAME];
    unsigned char byte;
    const struct undo_conflict *conflicts;
    uint64_t first = given_cold_contents();
    assert_true(gc_as(&cold, false).packed > 0);
    int folder = vault_packed_place(journal_vault(m.journal), blocks_version(), name);
    assert_int_equal(fchmodat(folder, name, S_ISVTX | 0600, 0), 0);
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDWR | O_CLOEXEC);
    assert_int_equal(fd_pread_all(fd, &byte, 1, 500), 0);
    byte ^= 4;
    assert_int_equal(fd_pwrite_all(fd, &byte, 1, 500), 0);
    struct told told = told_by_verify(m.root);
    assert_true(told.count > 0);
    assert_non_null(strstr(told.says, "was changed in the vault"));
    const uint64_t event = first + 1;
    struct undo_plan *plan = plan_ids(&m, &event, 1);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    undo_plan_free(&plan);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static int scratch_file(void)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void holes_stay_holes(void **state)
{
    (void)state;
    const int64_t size = INT64_C(16) << 20;
    struct stat st;
    char found[5] = "";
    CLEANUP(fd_close) int from = scratch_file();
    CLEANUP(fd_close) int packed = scratch_file();
    CLEANUP(fd_close) int to = scratch_file();
    assert_int_equal(ftruncate(from, size), 0);
    assert_int_equal(fd_pwrite_all(from, "data", 4, size / 2), 0);
    assert_int_equal(pack_write(from, size, packed, size, always, NULL), 1);
    assert_int_equal(pack_read(packed, to), 0);
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, size);
    assert_true(st.st_blocks * 512 < size / 8);
    assert_int_equal(fd_pread_all(to, found, 4, size / 2), 0);
    assert_string_equal(found, "data");
}

/* Reads what is packed there; a reader gets the right bytes, or none. */
static void assert_right_or_refused(int packed)
{
    CLEANUP(fd_close) int to = scratch_file();
    char *found = calloc(1, LONG + 1);
    int r = pack_read(packed, to);
    if (r == 0) {
        assert_int_equal(fd_pread_all(to, found, LONG, 0), 0);
        assert_string_equal(found, words('1'));
    } else {
        assert_int_equal(r, -EBADMSG);
    }
    free(found);
}

static void damaged_bytes_are_refused_wherever_they_are(void **state)
{
    (void)state;
    struct stat st;
    CLEANUP(fd_close) int from = scratch_file();
    CLEANUP(fd_close) int packed = scratch_file();
    assert_int_equal(fd_write_all(from, words('1'), LONG), 0);
    assert_int_equal(pack_write(from, LONG, packed, LONG, always, NULL), 1);
    assert_int_equal(fstat(packed, &st), 0);
    for (int64_t at = 0; at < st.st_size; at += at < 64 ? 1 : 97) {
        unsigned char byte;
        assert_int_equal(fd_pread_all(packed, &byte, 1, at), 0);
        unsigned char other = byte ^ (unsigned char)(1u << at % 8);
        assert_int_equal(fd_pwrite_all(packed, &other, 1, at), 0);
        assert_right_or_refused(packed);
        assert_int_equal(fd_pwrite_all(packed, &byte, 1, at), 0);
    }
    for (int64_t end = st.st_size - 1; end >= 0; end -= end < 64 ? 1 : 97) {
        assert_int_equal(ftruncate(packed, end), 0);
        assert_right_or_refused(packed);
    }
}

/* ---- cut off ---- */

#ifdef CCFS_FAULTS
static void what_cannot_be_brought_to_the_disk_stays_as_it_is(void **state)
{
    (void)state;
    uint64_t versions = 0;
    given_cold_contents();
    uint64_t before = bytes_kept(&versions);
    setenv("CCFS_FAIL", "pack_sync:5:1:100", 1);
    struct gc_result result = gc_as(&cold, false);
    unsetenv("CCFS_FAIL");
    assert_int_equal(result.packed, 0);
    assert_false(is_packed(blocks_version()));
    assert_int_equal(bytes_kept(&versions), before);
    assert_sound();
}

static void killed_at_any_step_nothing_is_lost(void **state)
{
    static const char *const points[] = {"pack_written", "pack_named", "pack_synced", "pack_done"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        uint64_t versions = 0;
        uint64_t first = given_cold_contents();
        int64_t expected = ask("SELECT count(*) FROM version WHERE state = 1");
        when_gc_is_killed(&m, &cold, points[i]);
        assert_sound();
        mediator_reopen(&m);
        (void)bytes_kept(&versions);
        assert_int_equal(versions, expected);
        (void)gc_as(&cold, false);
        assert_true(is_packed(blocks_version()));
        assert_false(vault_is_packable(journal_vault(m.journal), blocks_version(), &versions));
        assert_sound();
        undo_range(&m, first, first + 1);
        assert_file_is(m.root, "blocks", words('2'), LONG);
        assert_file_is(m.root, "whole", words('1'), LONG);
        if (i + 1 < COUNT_OF(points))
            mediator_close(&m);
    }
}
#endif

#define STORY(name) cmocka_unit_test_teardown(name, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(cold_contents_take_less_room_and_come_back),
        STORY(what_is_young_stays_as_it_is),
        STORY(a_dry_run_tells_and_packs_nothing),
        STORY(what_does_not_shrink_is_tried_once),
        STORY(gc_drops_what_is_packed),
        STORY(a_flipped_bit_is_found_and_never_put_back),
        cmocka_unit_test(holes_stay_holes),
        cmocka_unit_test(damaged_bytes_are_refused_wherever_they_are),
#ifdef CCFS_FAULTS
        STORY(what_cannot_be_brought_to_the_disk_stays_as_it_is),
        STORY(killed_at_any_step_nothing_is_lost),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
