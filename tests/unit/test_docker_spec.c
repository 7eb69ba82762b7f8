/* test_docker_spec.c - what sessions in containers are called, and what the Engine is asked for. */
#include <errno.h>

#include "launcher/docker/spec.h"
#include "tests/support/test.h"

static void a_sessions_things_have_its_name(void **state)
{
    struct spec_names names;
    (void)state;
    assert_int_equal(spec_names_make(NULL, &names, NULL), 0);
    assert_string_equal(names.agent, "claude-code-env");
    assert_int_equal(spec_names_make("night", &names, NULL), 0);
    assert_string_equal(names.agent, "claude-code-env-night");
    assert_string_equal(names.holder, "claude-code-env-night-net");
    assert_string_equal(names.proxy, "claude-code-env-night-proxy");
}

/* Starting the session "a" removes what is called like its holder: no other session may be. */
static void no_session_is_called_like_anothers_things(void **state)
{
    static const char *const taken[] = {"net",   "nft",       "proxy", "home",
                                        "a-net", "a-b-proxy", "-home"};
    static const char *const free_ones[] = {"network", "n", "anet", "net-a", "proxy2", "my.home"};
    struct spec_names names;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (spec_names_make(taken[i], &names, NULL) != EXIT_AS_ERROR(EXIT_USAGE) * -1)
            fail_msg("%s is taken", taken[i]);
    for (size_t i = 0; i < COUNT_OF(free_ones); i++)
        if (spec_names_make(free_ones[i], &names, NULL) != 0)
            fail_msg("%s is free", free_ones[i]);
}

static void a_name_is_short_and_plain(void **state)
{
    static const char *const wrong[] = {
        "a b", "ä", "a/b", "../x", "$(x)", "a123456789012345678901234567890123456789x"};
    struct spec_names names;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_true(spec_names_make(wrong[i], &names, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sessions_things_have_its_name),
        cmocka_unit_test(no_session_is_called_like_anothers_things),
        cmocka_unit_test(a_name_is_short_and_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
