/* test_net_tool.c - a program that fails is said to have failed with its reason, whatever that is.
 */
#include <errno.h>
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "launcher/net/tool.h"
#include "tests/support/test.h"

static void a_tool_that_fails_says_why_or_it_is_told_how_it_ended(void **state)
{
    static const struct {
        const char *script;
        const char *message;
    } tools[] = {
        {"echo no such link >&2; echo more >&2; exit 1", "/bin/sh failed: no such link"},
        {"exit 3", "/bin/sh failed: exit code 3"},
        {"kill -9 $$", "/bin/sh failed: signal 9"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        struct error err = ERROR_NONE;
        const char *const argv[] = {"/bin/sh", "-c", tools[i].script, NULL};
        assert_int_equal(tool_run(argv, NULL, NULL, &err), -EIO);
        assert_string_equal(err.message, tools[i].message);
    }
}

static void a_tool_that_cannot_be_started_is_told_of_with_the_reason(void **state)
{
    struct error err = ERROR_NONE;
    const char *const argv[] = {"/nowhere/tool", NULL};
    (void)state;
    assert_int_equal(tool_run(argv, NULL, NULL, &err), -EIO);
    assert_non_null(strstr(err.message, "start /nowhere/tool: No such file or directory"));
}

static void who_is_not_heard_any_more_takes_no_more_memory(void **state)
{
    struct error err = ERROR_NONE;
    char line[100];
    CLEANUP(fd_close) int said = -1;
    (void)state;
    assert_int_equal(tool_said_open(&said, &err), 0);
    assert_int_equal(fd_write_all(said, "ready\n", 6), 0);
    tool_said_enough(said);
    assert_true(fd_write_all(said, "more\n", 5) < 0);
    tool_said_line(said, line, sizeof line);
    assert_string_equal(line, "ready");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tool_that_fails_says_why_or_it_is_told_how_it_ended),
        cmocka_unit_test(a_tool_that_cannot_be_started_is_told_of_with_the_reason),
        cmocka_unit_test(who_is_not_heard_any_more_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
