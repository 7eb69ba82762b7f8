/* test_keeper.c - a store into a mapped file that is refused for want of room gets some from the
 * journal's reserve, and is done then. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "journal/intake_guard.h"
#include "journal/keeper.h"
#include "tests/support/test.h"

#ifdef CCFS_FAULTS
static void *store(void *at)
{
    *(volatile char *)at = 'x';
    return NULL;
}

static bool is_whole(int dir)
{
    return faccessat(dir, "reserve.7", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As on btrfs with a quota. */
static void given_a_guarded_reserve(int dir, struct reserve *out)
{
    struct error err = ERROR_NONE;
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000", 1);
    assert_true(guard_begin(dir));
    assert_int_equal(reserve_open(dir, out, &err), 0);
    assert_true(is_whole(dir));
}
#endif

/* The end of a file stands for a page without room: a store behind it is the same bus error. */
static void who_cannot_store_gets_some_of_the_reserve(void **state)
{
    (void)state;
#ifdef CCFS_FAULTS
    char folder[64];
    int dir = test_folder_make(folder, sizeof folder);
    struct reserve reserve = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct keeper *keeper = NULL;
    const struct timespec moment = {.tv_nsec = 20000000};
    pthread_t thread;
    given_a_guarded_reserve(dir, &reserve);
    setenv("CCFS_FAIL", "guard_read:5:1:1000000000", 1); /* a page without room could be read */
    assert_int_equal(keeper_start(&reserve, &keeper, NULL), 0);
    int fd = openat(dir, "page", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(fd >= 0 && page != MAP_FAILED);
    assert_int_equal(pthread_create(&thread, NULL, store, page), 0);
    while (is_whole(dir))
        nanosleep(&moment, NULL);
    assert_int_equal(ftruncate(fd, 4096), 0); /* the room that came of it */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(*page, 'x');
    munmap(page, 4096);
    close(fd);
    keeper_stop(&keeper);
    reserve_close(&reserve);
    close(dir);
    test_folder_remove(folder);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_cannot_store_gets_some_of_the_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
