/* test_capture.c - another program is heard so much and so long, gets nothing of ours, and leaves
 * nothing behind. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "launcher/capture.h"

static int run(const char *script, size_t most, int patience_ms, struct capture *out,
               struct error *err)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct capture_wish wish = {
        .argv = argv, .folder = -1, .most = most, .patience_ms = patience_ms};
    return capture_run(&wish, out, err);
}

static void what_it_says_and_how_it_ends_is_told_apart(void **state)
{
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    struct error err = ERROR_NONE;
    (void)state;
    assert_int_equal(
        run("echo out; printf 'first\\nl\\033ast\\n\\n' >&2; exit 3", 100, 60000, &said, &err), 0);
    assert_string_equal(strbuf_text(&said.output), "out\n");
    assert_string_equal(said.said, "l\\x1bast");
    assert_int_equal(said.status, 3);
}

static void a_status_is_an_error_where_it_must_be_done(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo why >&2; exit 1", NULL};
    const struct capture_wish wish = {
        .argv = argv, .folder = -1, .most = 100, .patience_ms = 60000};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    struct error err = ERROR_NONE;
    (void)state;
    assert_true(capture_done(&wish, &said, &err) < 0);
    assert_string_equal(err.message, "/bin/sh failed: why");
}

static void more_than_is_wanted_ends_it(void **state)
{
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    struct error err = ERROR_NONE;
    (void)state;
    assert_int_equal(run("while :; do echo more; done", 10000, 60000, &said, &err), -EFBIG);
    assert_int_equal(said.status, 128 + SIGKILL);
}

/* The number of the process that the script left in a file. */
static pid_t left_behind(const char *file)
{
    char text[32] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return (pid_t)atoi(text);
}

static void impatience_ends_it_and_what_it_started(void **state)
{
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    struct error err = ERROR_NONE;
    char file[] = "/tmp/ccfs-capture-XXXXXX";
    char script[128];
    (void)state;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    snprintf(script, sizeof script, "sleep 1000 & echo $! >%s; wait", file);
    assert_int_equal(run(script, 100, 1500, &said, &err), -ETIMEDOUT);
    pid_t child = left_behind(file);
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; i < 6000 && kill(child, 0) == 0; i++)
        nanosleep(&moment, NULL); /* whoever reaps it may take its time */
    char state_path[64];
    snprintf(state_path, sizeof state_path, "/proc/%d/exe", (int)child);
    assert_true(access(state_path, F_OK) < 0); /* gone, or dead and not reaped */
    unlink(file);
}

static void it_gets_nothing_of_ours(void **state)
{
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    struct error err = ERROR_NONE;
    (void)state;
    int fd = open("/dev/null", O_RDONLY); /* not closed by exec: capture does it */
    assert_true(fd > 2);
    assert_int_equal(setenv("CCFS_TEST_SECRET", "mine", 1), 0);
    assert_int_equal(run("env; ls /proc/self/fd | wc -l; read line; echo \"$?$line\"; pwd", 4000,
                         60000, &said, &err),
                     0);
    unsetenv("CCFS_TEST_SECRET");
    close(fd);
    assert_null(strstr(strbuf_text(&said.output), "CCFS_TEST_SECRET"));
    assert_non_null(
        strstr(strbuf_text(&said.output), "\n4\n1\n/\n")); /* 3, and the folder itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_and_how_it_ends_is_told_apart),
        cmocka_unit_test(a_status_is_an_error_where_it_must_be_done),
        cmocka_unit_test(more_than_is_wanted_ends_it),
        cmocka_unit_test(impatience_ends_it_and_what_it_started),
        cmocka_unit_test(it_gets_nothing_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
