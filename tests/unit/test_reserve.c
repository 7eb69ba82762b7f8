/* test_reserve.c - on a full disk nothing is changed, and whatever is refused, dropped or taken
 * back is recorded all the same.
 *
 * The disk is a small one of its own, in memory: without root there is none, and the tests are
 * skipped. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/gc.h"
#include "journal/reserve.h"
#include "tests/support/mediator.h"
#include "tests/support/rows.h"
#include "tests/support/sound.h"
#include "tests/support/test.h"

static struct mediator m;
static char disk[64];
static bool mounted;
static uint64_t removal; /* of "old" */

static int make_disk_of(const char *type, const char *options)
{
    close(test_folder_make(disk, sizeof disk));
    mounted = mount("none", disk, type, 0, options) == 0;
    if (mounted) {
        setenv("TMPDIR", disk, 1);
        mediator_open(&m);
    }
    return 0;
}

static int make_disk(void **state)
{
    (void)state;
    return make_disk_of("tmpfs", "size=64m");
}

static int make_endless_disk(void **state)
{
    (void)state;
    return make_disk_of("tmpfs", "size=0");
}

static int make_simple_disk(void **state)
{
    (void)state;
    return make_disk_of("ramfs", NULL);
}

static int remove_disk(void **state)
{
    (void)state;
    unsetenv("TMPDIR");
    if (mounted) {
        mediator_close(&m);
        umount2(disk, MNT_DETACH);
    }
    test_folder_remove(disk);
    return 0;
}

static void fill_disk(void)
{
    static const char block[4096];
    int fd = openat(m.root, "filler", O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}

static void free_disk(void)
{
    assert_int_equal(unlinkat(m.root, "filler", 0), 0);
}

/* The writer looks again several times a second. */
static void wait_for_health(int wanted)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    for (int i = 0; i < 1200 && journal_health(m.journal, NULL) != wanted; i++)
        nanosleep(&moment, NULL);
    assert_int_equal(journal_health(m.journal, NULL), wanted);
}

static int64_t reserved(void)
{
    struct stat st;
    assert_int_equal(fstatat(m.root, ".ccfs/reserve", &st, 0), 0);
    return (int64_t)st.st_blocks * 512;
}

static int64_t touched_ns(void)
{
    struct stat st;
    assert_int_equal(fstatat(m.root, ".ccfs/reserve", &st, 0), 0);
    return clock_ns(st.st_ctim);
}

static void refuse(int count)
{
    for (int i = 0; i < count; i++) {
        char name[600];
        snprintf(name, sizeof name, "%0500d", i);
        const struct change_spec spec = {.op = OP_OPEN, .path = name};
        journal_note(m.journal, &spec, OUTCOME_DENIED, EACCES, "no");
        if (i % 500 == 0)
            (void)!journal_drain(m.journal, NULL);
    }
}

static void given_a_full_disk(void)
{
    if (!mounted)
        skip();
    assert_true(reserved() >= RESERVE_BYTES);
    do_create(&m, "older", "what was there");
    do_unlink(&m, "older");
    do_create(&m, "old", "what was there");
    removal = do_unlink(&m, "old");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    fill_disk();
    refuse(4000); /* until the database has to grow */
    wait_for_health(-ENOSPC);
    assert_int_equal(reserved(), 0);
}

static int try_a_change(void)
{
    struct change change = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_MKDIR, .path = "new"};
    int r = journal_begin(m.journal, &spec, &change, NULL);
    journal_abandon(&change);
    return r;
}

static void refusals_are_on_record_and_changes_refused(void **state)
{
    (void)state;
    given_a_full_disk();
    int64_t emptied_ns = touched_ns();
    assert_int_equal(try_a_change(), -ENOSPC);
    refuse(100);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_int_equal(rows_ask(m.path, "SELECT sum(count) FROM event WHERE outcome = 1"), 4100);
    assert_int_equal(try_a_change(), -ENOSPC);
    assert_int_equal(touched_ns(), emptied_ns); /* to look for room writes nothing */
    free_disk();
    wait_for_health(0);
    assert_true(reserved() >= RESERVE_BYTES);
    do_mkdir(&m, "new");
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void what_was_deleted_comes_back(void **state)
{
    (void)state;
    given_a_full_disk();
    undo_range(&m, removal, removal);
    assert_int_equal(faccessat(m.root, "old", F_OK, 0), 0);
    assert_int_equal(rows_ask(m.path, "SELECT count(*) FROM undo WHERE state = 2"), 1);
    free_disk();
    wait_for_health(0);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void old_contents_are_dropped(void **state)
{
    (void)state;
    const struct gc_limits limits = {.vault_count = 1};
    struct gc_result result;
    struct error err = ERROR_NONE;
    given_a_full_disk();
    if (gc_run(m.journal, &limits, (struct actor_ref){0}, false, &result, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(result.versions, 1);
    free_disk();
    wait_for_health(0);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void it_opens_on_a_full_disk(void **state)
{
    (void)state;
    if (!mounted)
        skip();
    uint64_t event = do_mkdir(&m, "d");
    fill_disk();
    mediator_reopen(&m);
    wait_for_health(-ENOSPC);
    undo_range(&m, event, event);
    free_disk();
    wait_for_health(0);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

/* Also after a start that finds it. */
static void changes_are_taken(void **state)
{
    (void)state;
    if (!mounted)
        skip();
    uint64_t event = do_mkdir(&m, "d");
    assert_true(reserved() >= RESERVE_BYTES);
    mediator_reopen(&m);
    undo_range(&m, event, event);
    assert_int_equal(journal_health(m.journal, NULL), 0);
    assert_true(reserved() >= RESERVE_BYTES);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void a_disk_without_a_size_is_not_full(void **state)
{
    changes_are_taken(state);
}

static void a_disk_that_sets_nothing_aside_is_written_to(void **state)
{
    if (mounted) {
        int fd = openat(m.root, "probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fallocate(fd, 0, 0, 1), -1);
        assert_int_equal(errno, EOPNOTSUPP);
        close(fd);
    }
    changes_are_taken(state);
}

/* ---- below a quota of btrfs: what the filesystem itself has is not tight ---- */

#ifdef CCFS_FAULTS
static int aside = -1; /* a folder with a reserve of its own */
static struct reserve bits = {.state = -1, .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static void given_a_reserve_in_bits(void)
{
    if (!mounted)
        skip();
    struct error err = ERROR_NONE;
    assert_int_equal(mkdirat(m.root, "aside", 0700), 0);
    aside = openat(m.root, "aside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000000", 1);
    assert_int_equal(reserve_open(aside, &bits, &err), 0);
    unsetenv("CCFS_FAIL");
    assert_true(reserve_is_there(&bits));
}

static void bits_are_done_with(void)
{
    reserve_close(&bits);
    close(aside);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static int64_t held_in_bits(void)
{
    struct stat st;
    int64_t sum = 0;
    for (int i = 0; i < 100; i++) {
        char name[24] = "reserve";
        if (i > 0)
            snprintf(name, sizeof name, "reserve.%d", i);
        if (fstatat(aside, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            sum += (int64_t)st.st_blocks * 512;
    }
    return sum;
}

static void moment(void)
{
    const struct timespec t = {.tv_nsec = 20000000};
    nanosleep(&t, NULL);
}

static void below_a_quota_it_goes_bit_by_bit(void **state)
{
    (void)state;
    given_a_reserve_in_bits();
    assert_true(held_in_bits() == RESERVE_BYTES);
    assert_true(reserve_spend(&bits));
    int64_t less = held_in_bits();
    assert_true(less > RESERVE_BYTES / 2 && less < RESERVE_BYTES);
    fill_disk();
    assert_false(reserve_is_there(&bits));
    assert_true(held_in_bits() == less); /* what is left of it nobody else gets */
    free_disk();
    wait_for_health(0);
    assert_true(reserve_is_there(&bits));
    assert_true(held_in_bits() == RESERVE_BYTES);
    while (reserve_spend(&bits))
        moment();
    assert_true(held_in_bits() == 0);
    assert_true(reserve_is_there(&bits)); /* there is room: it is made again, name and all */
    assert_true(held_in_bits() == RESERVE_BYTES);
    bits_are_done_with();
}
#endif

#define STORY(f) cmocka_unit_test_setup_teardown(f, make_disk, remove_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(refusals_are_on_record_and_changes_refused),
        STORY(what_was_deleted_comes_back),
        STORY(old_contents_are_dropped),
        STORY(it_opens_on_a_full_disk),
#ifdef CCFS_FAULTS
        STORY(below_a_quota_it_goes_bit_by_bit),
#endif
        cmocka_unit_test_setup_teardown(a_disk_without_a_size_is_not_full, make_endless_disk,
                                        remove_disk),
        cmocka_unit_test_setup_teardown(a_disk_that_sets_nothing_aside_is_written_to,
                                        make_simple_disk, remove_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
