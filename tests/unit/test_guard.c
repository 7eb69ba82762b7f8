/* test_guard.c - a bus error waits for room, as long each time, and only where room could help. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/intake_guard.h"
#include "tests/support/test.h"

#define WAIT_NS (GUARD_WAIT_S * NS_PER_S)
#define RETRY_NS (NS_PER_S / 100)

static int64_t waited(struct guard_incident *incident, const void *at, int64_t from)
{
    int64_t now = from;
    while (guard_waits_on(incident, at, now))
        now += RETRY_NS;
    return now - from;
}

static void each_incident_waits_as_long_as_the_first(void **state)
{
    (void)state;
    static char pages[2];
    struct guard_incident incident = {0};
    int64_t now = 5 * NS_PER_S;
    for (int64_t end = now + WAIT_NS / 2; now < end; now += RETRY_NS)
        assert_true(guard_waits_on(&incident, pages, now));
    now += 3600 * NS_PER_S; /* there was room after all */
    assert_int_equal(waited(&incident, pages, now), WAIT_NS);
    assert_int_equal(waited(&incident, pages + 1, now), WAIT_NS);
}

#ifdef CCFS_FAULTS
/* Of a file that ends in front of it: like a page that the disk does not give. */
static char *given_a_page_that_cannot_be_read(int dir)
{
    int fd = openat(dir, "page", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

static void store_into_it(int dir, int said)
{
    signal(SIGBUS, SIG_DFL); /* a sanitizer's report is not what comes here */
    setenv("CCFS_FAIL", "guard_wanted:5:1:1000", 1);
    volatile char *page = given_a_page_that_cannot_be_read(dir);
    if (!page || !guard_begin(dir) || dup2(said, STDERR_FILENO) < 0)
        _exit(1);
    alarm(120); /* it waited for ten minutes */
    *page = 'x';
    _exit(2);
}
#endif

static void what_cannot_be_read_either_ends_the_process_at_once_and_says_why(void **state)
{
    (void)state;
#ifdef CCFS_FAULTS
    char folder[64];
    char said[512] = "";
    int ends[2];
    int status = 0;
    int dir = test_folder_make(folder, sizeof folder);
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        store_into_it(dir, ends[1]);
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    assert_non_null(strstr(said, "see the kernel's log"));
    close(dir);
    test_folder_remove(folder);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_incident_waits_as_long_as_the_first),
        cmocka_unit_test(what_cannot_be_read_either_ends_the_process_at_once_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
