/* test_intake.c - the ring keeps order, waits when full, and is read again after any bytes were
 * flipped. */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/intake.h"
#include "tests/support/bare.h"

#define RING 65536

static struct intake *given_an_intake(void)
{
    struct intake *in = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(intake_create(root, RING, &err), 0);
    assert_int_equal(intake_open(root, &in, &err), 0);
    return in;
}

static struct record *reserve(struct intake *in, size_t bytes)
{
    struct record *r = NULL;
    const struct reservation want = {.kind = 1, .numbered = true, .payload_bytes = bytes};
    assert_int_equal(intake_reserve(in, &want, INTAKE_CHANGE, &r, NULL), 0);
    memset(record_payload(r), 'x', bytes);
    return r;
}

static void put(struct intake *in, size_t bytes)
{
    intake_publish(reserve(in, bytes), RECORD_DONE);
}

/* Takes all that is complete; how many, and that their numbers ascend. */
static int take_all(struct intake *in)
{
    static uint64_t last;
    uint64_t position = intake_tail(in);
    int count = 0;
    struct record *r;
    if (position == 0)
        last = 0;
    while ((r = intake_find(in, &position, intake_head(in)))) {
        uint32_t state = atomic_load(&r->state);
        if (state != RECORD_DONE && state != RECORD_SKIP)
            break;
        if (state == RECORD_DONE && intake_sound(r)) {
            assert_true(r->event > last);
            last = r->event;
            count++;
        }
        position += r->bytes;
    }
    intake_move_tail(in, position);
    return count;
}

static void records_come_out_in_order_over_many_laps(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    int taken = 0;
    for (int i = 0; i < 5000; i++) {
        put(in, (size_t)(i * 37 % 9000));
        taken += take_all(in);
    }
    assert_int_equal(taken, 5000);
    assert_true(intake_head(in) > 20 * RING);
    intake_close(&in);
}

static void what_was_put_is_there_after_reopening(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    for (int i = 0; i < 20; i++)
        put(in, 100);
    intake_close(&in);
    in = given_an_intake();
    assert_int_equal(take_all(in), 20);
    intake_close(&in);
    in = given_an_intake();
    assert_int_equal(take_all(in), 0);
    intake_close(&in);
}

static void a_pending_record_holds_up_those_behind_it(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    put(in, 10);
    struct record *pending = reserve(in, 10);
    intake_publish(pending, RECORD_PENDING);
    put(in, 10);
    assert_int_equal(take_all(in), 1);
    intake_finish(pending, RECORD_DONE);
    assert_int_equal(take_all(in), 2);
    intake_close(&in);
}

static void too_large_a_record_is_refused(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    struct record *r = NULL;
    const struct reservation want = {.kind = 1, .payload_bytes = RING};
    const struct reservation huge = {.kind = 1, .payload_bytes = SIZE_MAX - 10};
    assert_int_equal(intake_reserve(in, &want, INTAKE_CHANGE, &r, NULL), -EFBIG);
    assert_int_equal(intake_reserve(in, &huge, INTAKE_CHANGE, &r, NULL), -EFBIG);
    intake_close(&in);
}

static void shut_it_takes_reports_and_no_changes(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    struct record *r = NULL;
    struct error why = {.code = ENOSPC, .message = "no room"};
    struct error err = ERROR_NONE;
    const struct reservation want = {.kind = 1, .payload_bytes = 10};
    intake_shut(in, &why);
    assert_int_equal(intake_health(in, &err), -ENOSPC);
    assert_int_equal(intake_reserve(in, &want, INTAKE_CHANGE, &r, &err), -ENOSPC);
    assert_string_equal(err.message, "no room");
    assert_int_equal(intake_reserve(in, &want, INTAKE_REPORT, &r, &err), 0);
    intake_finish(r, RECORD_SKIP);
    assert_int_equal(intake_wait_for_tail(in, intake_head(in), 1000, NULL), -ENOSPC);
    intake_reopen(in);
    assert_int_equal(intake_health(in, NULL), 0);
    put(in, 10);
    intake_close(&in);
}

static void *put_many(void *context)
{
    for (int i = 0; i < 20000; i++)
        put(context, (size_t)(i % 700));
    return NULL;
}

static void a_full_ring_makes_threads_wait_and_drops_nothing(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    pthread_t threads[3];
    int taken = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, in), 0);
    while (taken < 60000) {
        intake_wait_for_work(in, 1);
        taken += take_all(in);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(taken + take_all(in), 60000);
    intake_close(&in);
}

static void *put_one(void *context)
{
    put(context, 100);
    return NULL;
}

/* A record that is not complete holds up what follows: who waits for that goes on after a second. */
static void where_it_is_kept_short_a_change_waits_for_the_writer(void **state)
{
    (void)state;
    const struct timespec tenth = {.tv_nsec = 100000000};
    struct intake *in = NULL;
    assert_int_equal(intake_create(root, 1 << 20, NULL), 0);
    assert_int_equal(intake_open(root, &in, NULL), 0);
    intake_keep_short(in, true);
    for (int complete = 1; complete >= 0; complete--) {
        struct record *first = reserve(in, 100);
        for (int i = 0; i < 80; i++)
            put(in, 4000);
        uint64_t head = intake_head(in);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, put_one, in), 0);
        nanosleep(&tenth, NULL);
        assert_int_equal(intake_head(in), head);
        if (complete)
            intake_publish(first, RECORD_DONE);
        assert_int_equal(take_all(in), complete ? 81 : 0);
        pthread_join(thread, NULL);
        assert_true(intake_head(in) > head);
        if (complete)
            assert_int_equal(take_all(in), 1);
    }
    intake_close(&in);
}

static void one_flipped_byte_costs_one_record_at_most(void **state)
{
    (void)state;
    remove_folder(state); /* each round has its own */
    for (int at = 0; at < 256; at += 3) {
        make_folder(state);
        struct intake *in = given_an_intake();
        for (int i = 0; i < 8; i++)
            put(in, 100);
        intake_close(&in);
        int fd = openat(root, "intake", O_RDWR);
        unsigned char byte = 0;
        assert_int_equal(pread(fd, &byte, 1, 4096 + 192 + at), 1);
        byte ^= 0x41;
        assert_int_equal(pwrite(fd, &byte, 1, 4096 + 192 + at), 1);
        close(fd);
        in = given_an_intake();
        uint64_t position = intake_tail(in);
        int sound = 0;
        for (struct record *r; (r = intake_find(in, &position, intake_head(in)));) {
            sound += intake_sound(r);
            position = intake_behind(in, r, intake_head(in));
        }
        assert_true(sound >= 6); /* a flip at a border touches two */
        intake_close(&in);
        remove_folder(state);
    }
    make_folder(state);
}

static void refused_to_open(int code)
{
    struct intake *in = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(intake_open(root, &in, &err), code);
    assert_non_null(strstr(err.message, "intake"));
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    intake_close(&in);
    int fd = openat(root, "intake", O_RDWR);
    uint64_t head = 12345;
    assert_int_equal(pwrite(fd, &head, 8, 64), 8);
    refused_to_open(-EBADMSG);
    head = 0;
    assert_int_equal(pwrite(fd, &head, 8, 64), 8);
    assert_int_equal(ftruncate(fd, 8192), 0);
    refused_to_open(-EBADMSG);
    assert_int_equal(ftruncate(fd, 10), 0);
    refused_to_open(-EBADMSG);
    close(fd);
    test_file_text(root, "intake", "");
    refused_to_open(-EBADMSG);
    assert_int_equal(unlinkat(root, "intake", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", root, "intake"), 0);
    refused_to_open(-ELOOP);
}

#ifdef CCFS_FAULTS
static int reserve_as(struct intake *in, enum intake_wish wish)
{
    struct record *r = NULL;
    const struct reservation want = {.kind = 1, .numbered = true, .payload_bytes = 100};
    int got = intake_reserve(in, &want, wish, &r, NULL);
    if (got == 0)
        intake_publish(r, RECORD_DONE);
    return got;
}

/* As on btrfs, where a store into a mapped file may be refused. */
static void without_room_for_its_pages_a_change_is_refused_and_a_report_waits(void **state)
{
    (void)state;
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000", 1);
    struct intake *in = given_an_intake();
    setenv("CCFS_FAIL", "guard_ask:28:1:10", 1); /* the tenth passage is the last that fails */
    assert_int_equal(reserve_as(in, INTAKE_CHANGE), -ENOSPC);
    assert_true(intake_is_tight(in)); /* so the writer refuses the next one */
    assert_int_equal(intake_health(in, NULL), 0);
    assert_int_equal(reserve_as(in, INTAKE_AT_ONCE), -ENOSPC);
    assert_int_equal(reserve_as(in, INTAKE_REPORT), 0);
    assert_int_equal(reserve_as(in, INTAKE_CHANGE), 0);
    setenv("CCFS_FAIL", "guard_ask:28:1:1000000", 1);
    assert_int_equal(reserve_as(in, INTAKE_REPORT), -ENOSPC); /* not for ever */
    unsetenv("CCFS_FAIL");
    assert_int_equal(take_all(in), 2);
    intake_close(&in);
}

struct stirrer {
    struct intake *in;
    _Atomic bool stop;
};

static void *stir(void *context)
{
    struct stirrer *s = context;
    const struct timespec moment = {.tv_nsec = 1000000};
    while (!atomic_load(&s->stop)) {
        intake_move_tail(s->in, intake_tail(s->in));
        nanosleep(&moment, NULL); /* whoever waits wants the lock, too */
    }
    return NULL;
}

/* Each move of the tail wakes who waits: how often that was says nothing about how long. */
static void woken_ever_again_a_report_waits_as_long_for_pages(void **state)
{
    (void)state;
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000", 1);
    struct stirrer s = {.in = given_an_intake()};
    pthread_t thread;
    setenv("CCFS_FAIL", "guard_ask:28:1:1000000000", 1);
    assert_int_equal(pthread_create(&thread, NULL, stir, &s), 0);
    int64_t began = clock_steady_ns();
    assert_int_equal(reserve_as(s.in, INTAKE_REPORT), -ENOSPC);
    assert_true(clock_steady_ns() - began >= NS_PER_S * 9 / 10);
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    unsetenv("CCFS_FAIL");
    intake_close(&s.in);
}

/* More room would not help: nobody is told to make some, and nothing of the reserve is given up. */
static void pages_that_the_disk_does_not_take_are_no_want_of_room(void **state)
{
    (void)state;
    struct error err = ERROR_NONE;
    struct record *r = NULL;
    const struct reservation want = {.kind = 1, .numbered = true, .payload_bytes = 100};
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000", 1);
    struct intake *in = given_an_intake();
    setenv("CCFS_FAIL", "guard_ask:5:1:1000000000", 1);
    assert_int_equal(intake_reserve(in, &want, INTAKE_CHANGE, &r, &err), -EIO);
    assert_null(strstr(err.message, "room"));
    assert_false(intake_is_tight(in));
    unsetenv("CCFS_FAIL");
    intake_close(&in);
}

static void a_sync_with_nothing_new_asks_the_disk_for_nothing(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    put(in, 100);
    assert_int_equal(intake_sync(in, NULL), 0);
    setenv("CCFS_FAIL", "intake_sync:5:1:1000", 1);
    assert_int_equal(intake_sync(in, NULL), 0);
    put(in, 100);
    assert_int_equal(intake_sync(in, NULL), -EIO);
    assert_int_equal(intake_sync(in, NULL), -EIO); /* what failed is not done */
    unsetenv("CCFS_FAIL");
    assert_int_equal(intake_sync(in, NULL), 0);
    struct record *pending = reserve(in, 100);
    intake_publish(pending, RECORD_PENDING);
    assert_int_equal(intake_sync(in, NULL), 0);
    setenv("CCFS_FAIL", "intake_sync:5:1:1000", 1);
    intake_finish(pending, RECORD_DONE);
    assert_int_equal(intake_sync(in, NULL), -EIO); /* how it ended is news too */
    unsetenv("CCFS_FAIL");
    intake_close(&in);
}
#endif

/* -1: this filesystem does not tell. */
static int unwritten_extents(const char *name)
{
    const uint32_t room = 64;
    struct fiemap *map = calloc(1, sizeof *map + room * sizeof *map->fm_extents);
    assert_non_null(map);
    map->fm_length = UINT64_MAX;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = room;
    CLEANUP(fd_close) int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
    int count = ioctl(fd, FS_IOC_FIEMAP, map) < 0 ? -1 : 0;
    for (uint32_t i = 0; count >= 0 && i < map->fm_mapped_extents; i++)
        count += (map->fm_extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0;
    free(map);
    return count;
}

static void its_blocks_are_written_before_the_first_record_is(void **state)
{
    (void)state;
    struct intake *in = given_an_intake();
    int count = unwritten_extents("intake");
    intake_close(&in);
    if (count < 0)
        skip();
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        T(records_come_out_in_order_over_many_laps),
        T(what_was_put_is_there_after_reopening),
        T(a_pending_record_holds_up_those_behind_it),
        T(too_large_a_record_is_refused),
        T(shut_it_takes_reports_and_no_changes),
        T(a_full_ring_makes_threads_wait_and_drops_nothing),
#ifdef CCFS_FAULTS
        T(without_room_for_its_pages_a_change_is_refused_and_a_report_waits),
        T(pages_that_the_disk_does_not_take_are_no_want_of_room),
        T(a_sync_with_nothing_new_asks_the_disk_for_nothing),
        T(woken_ever_again_a_report_waits_as_long_for_pages), /* last: of many passages */
#endif
        T(its_blocks_are_written_before_the_first_record_is),
        T(where_it_is_kept_short_a_change_waits_for_the_writer),
        T(one_flipped_byte_costs_one_record_at_most),
        T(a_damaged_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
