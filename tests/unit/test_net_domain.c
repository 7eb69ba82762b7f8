/* test_net_domain.c - the names of an allowlist are understood wholly, or refused with the reason.
 */
#include "tests/support/test.h"

#include "launcher/cli.h"
#include "launcher/net/domain.h"
#include "launcher/net/policy.h"

static struct net_domain domain(const char *text)
{
    struct net_domain d;
    struct error err = ERROR_NONE;
    if (net_domain_parse(text, &d, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return d;
}

static void a_name_is_itself_alone_on_the_ports_of_the_web(void **state)
{
    (void)state;
    struct net_domain d = domain("API.Example.com.");
    assert_string_equal(d.name, "api.example.com");
    assert_false(d.below);
    assert_int_equal(d.port, 0);
}

static void a_star_or_a_leading_dot_means_the_names_below_too(void **state)
{
    (void)state;
    assert_true(domain("*.example.com").below);
    assert_string_equal(domain("*.example.com").name, "example.com");
    assert_true(domain(".example.com").below);
    assert_int_equal(domain("*.example.com:8443").port, 8443);
    assert_string_equal(domain("xn--bcher-kva.example").name, "xn--bcher-kva.example");
}

static void what_is_no_name_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "is no domain"},
        {"*", "is no domain"},
        {".", "is no domain"},
        {"..", "is no domain"},
        {"*.com", "needs a dot"},
        {"localhost", "needs a dot"},
        {"a..b", "is no domain"},
        {"*.*.example.com", "is no domain"},
        {"a.*.example.com", "is no domain"},
        {"ex ample.com", "is no domain"},
        {"example.com\nhttp_access allow all", "is no domain"},
        {"example.com#", "is no domain"},
        {"\"example.com\"", "is no domain"},
        {"-a.example.com", "is no domain"},
        {"a-.example.com", "is no domain"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--"},
        {"https://example.com", "the host alone"},
        {"example.com/path", "the host alone"},
        {"10.0.0.1", "is an address"},
        {"1.1.1.1:443", "is an address"},
        {"example.com:0", "a port from 1 to 65535"},
        {"example.com:65536", "a port from 1 to 65535"},
        {"example.com:", "a port from 1 to 65535"},
        {"example.com:44x", "a port from 1 to 65535"},
        {"example.com:443:443", "a port from 1 to 65535"},
        {"[::1]:443", "a port from 1 to 65535"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_domain d;
        struct error err = ERROR_NONE;
        if (net_domain_parse(cases[i].text, &d, &err) == 0)
            fail_msg("%s was taken", cases[i].text);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_int_equal(cli_exit_code(&err), EXIT_CONFIG);
    }
}

static void names_and_labels_are_as_long_as_the_name_service_allows(void **state)
{
    struct net_domain d;
    char label[66 + sizeof ".com"];
    char name[300];
    (void)state;
    snprintf(label, sizeof label, "%063d.com", 0);
    assert_int_equal(net_domain_parse(label, &d, NULL), 0);
    snprintf(label, sizeof label, "%064d.com", 0);
    assert_true(net_domain_parse(label, &d, NULL) < 0);
    for (size_t i = 0; i < 253; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = '\0';
    assert_int_equal(net_domain_parse(name, &d, NULL), 0);
    assert_int_equal(strlen(d.name), 253);
    strcpy(name + 253, ".a");
    assert_true(net_domain_parse(name, &d, NULL) < 0);
}

static bool covers(const char *a, const char *b)
{
    struct net_domain x = domain(a);
    struct net_domain y = domain(b);
    return net_domain_covers(&x, &y);
}

static void a_wider_name_covers_a_narrower_one(void **state)
{
    (void)state;
    assert_true(covers("example.com", "example.com"));
    assert_true(covers("*.example.com", "example.com"));
    assert_true(covers("*.example.com", "a.b.example.com"));
    assert_true(covers("*.example.com", "*.b.example.com"));
    assert_false(covers("example.com", "*.example.com"));
    assert_false(covers("example.com", "a.example.com"));
    assert_false(covers("*.example.com", "badexample.com"));
    assert_false(covers("example.com", "example.com:8443"));
    assert_false(covers("*.b.example.com", "*.example.com"));
}

static size_t given_list(const char *const *texts, size_t count, bool defaults,
                         struct net_domain **out)
{
    struct net_wish wish = {.mode = NET_ALLOWLIST, .defaults = defaults};
    size_t n = 0;
    wish.allow = calloc(count + 1, sizeof *wish.allow);
    assert_non_null(wish.allow);
    for (size_t i = 0; i < count; i++)
        wish.allow[wish.allow_count++] = domain(texts[i]);
    assert_int_equal(net_policy_domains(&wish, out, &n, NULL), 0);
    net_wish_release(&wish);
    return n;
}

static void the_list_keeps_only_what_no_other_name_covers(void **state)
{
    static const char *const texts[] = {"a.example.com", "example.com:8443", "b.example.com",
                                        "*.example.com", "c.example.com"};
    struct net_domain *list = NULL;
    (void)state;
    assert_int_equal(given_list(texts, COUNT_OF(texts), false, &list), 2);
    assert_string_equal(list[0].name, "example.com");
    assert_int_equal(list[0].port, 8443);
    assert_string_equal(list[1].name, "example.com");
    assert_true(list[1].below);
    free(list);
}

static void every_default_is_a_name_and_none_is_there_twice(void **state)
{
    struct net_domain *list = NULL;
    (void)state;
    for (size_t i = 0; i < net_domain_default_count; i++)
        (void)domain(net_domain_defaults[i]);
    size_t with = given_list(NULL, 0, true, &list);
    free(list);
    assert_int_equal(given_list((const char *const[]){"github.com"}, 1, true, &list), with);
    free(list);
    assert_int_equal(given_list(NULL, 0, false, &list), 0);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_itself_alone_on_the_ports_of_the_web),
        cmocka_unit_test(a_star_or_a_leading_dot_means_the_names_below_too),
        cmocka_unit_test(what_is_no_name_is_refused_with_the_reason),
        cmocka_unit_test(names_and_labels_are_as_long_as_the_name_service_allows),
        cmocka_unit_test(a_wider_name_covers_a_narrower_one),
        cmocka_unit_test(the_list_keeps_only_what_no_other_name_covers),
        cmocka_unit_test(every_default_is_a_name_and_none_is_there_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
