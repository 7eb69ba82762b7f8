/* test_net_proxy.c - the allowlist as squid is told, and what is made of its log, whose words are
 * the agent's. */
#include "tests/support/test.h"

#include <arpa/inet.h>

#include "launcher/net/contacts.h"
#include "launcher/net/proxy.h"

/* ---- the configuration ---- */

static void config_of(const struct net_domain *domains, size_t count, struct strbuf *out)
{
    struct net_policy policy = NET_POLICY_NONE;
    inet_pton(AF_INET, "192.0.2.53", &policy.dns[0]);
    policy.dns_count = 1;
    const struct proxy_setup setup = {"192.0.0.1", "/proc/self/fd/5", "/proc/self/fd/6",
                                      &policy,     domains,           count};
    proxy_config(&setup, out);
    assert_false(out->failed);
}

static void has_line(const struct strbuf *text, const char *line)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(strbuf_text(text), wanted))
        fail_msg("no line \"%s\" in:\n%s", line, strbuf_text(text));
}

static void comes_before(const struct strbuf *text, const char *first, const char *second)
{
    const char *a = strstr(strbuf_text(text), first);
    const char *b = strstr(strbuf_text(text), second);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
}

static void names_are_allowed_on_their_ports_and_all_else_is_denied(void **state)
{
    static const struct net_domain domains[] = {
        {.name = "example.com"},
        {.name = "example.net", .below = true},
        {.name = "git.example.org", .port = 8443},
    };
    CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
    (void)state;
    config_of(domains, COUNT_OF(domains), &out);
    has_line(&out, "acl names_0 dstdomain -n example.com");
    has_line(&out, "acl names_0 dstdomain -n .example.net");
    has_line(&out, "acl tls_0 ssl::server_name .example.net");
    has_line(&out, "acl ports_0 port 80 443");
    has_line(&out, "http_access allow names_0 ports_0");
    has_line(&out, "acl names_8443 dstdomain -n git.example.org");
    has_line(&out, "http_access allow names_8443 ports_8443");
    has_line(&out, "ssl_bump splice tls_8443 ports_8443");
    has_line(&out, "dns_nameservers 192.0.2.53");
    has_line(&out, "cache deny all");
    comes_before(&out, "http_access deny address", "http_access allow names_0");
    comes_before(&out, "http_access allow names_8443", "http_access deny all");
    comes_before(&out, "ssl_bump splice tls_8443", "ssl_bump terminate all");
    comes_before(&out, "ssl_bump peek step1", "ssl_bump splice");
    assert_null(strstr(strbuf_text(&out), "ssl_bump bump"));
}

static void an_empty_list_allows_nothing(void **state)
{
    CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
    (void)state;
    config_of(NULL, 0, &out);
    has_line(&out, "http_access deny all");
    has_line(&out, "ssl_bump terminate all");
    assert_null(strstr(strbuf_text(&out), "http_access allow names"));
}

/* ---- the log ---- */

static struct contacts *given_contacts(void)
{
    struct contacts *c = NULL;
    assert_int_equal(contacts_make(&c, NULL), 0);
    return c;
}

static const struct contact *found(const struct contacts *c, const char *target,
                                   enum contact_outcome outcome)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->items[i].outcome == outcome && strcmp(c->items[i].target, target) == 0)
            return &c->items[i];
    return NULL;
}

/* What squid 5.7 wrote, for each of the probes of tests/net/allowlist.sh. */
static void each_kind_of_contact_is_told_from_its_lines(void **state)
{
    static const struct {
        const char *lines[3];
        const char *target;
        enum contact_outcome outcome;
    } cases[] = {
        {{"3128 GET allowed.test 80 200 TCP_MISS - -"}, "allowed.test:80", CONTACT_REACHED},
        {{"3128 GET allowed.test 80 404 TCP_MISS - -"}, "allowed.test:80", CONTACT_REACHED},
        {{"3129 CONNECT a.test 443 200 NONE_NONE splice -",
          "3129 CONNECT a.test 443 500 TCP_TUNNEL splice -",
          "3128 CONNECT a.test 443 200 TCP_TUNNEL - -"},
         "a.test:443",
         CONTACT_REACHED},
        {{"3129 CONNECT dead.test 443 200 NONE_NONE splice -",
          "3129 CONNECT dead.test 443 500 NONE_NONE splice ERR_CANNOT_FORWARD",
          "3128 CONNECT dead.test 443 200 TCP_TUNNEL - -"},
         "dead.test:443",
         CONTACT_FAILED},
        {{"3129 CONNECT private.test 443 200 NONE_NONE splice -",
          "3129 CONNECT private.test 443 503 NONE_NONE splice -", "- - - - 000 NONE_NONE - -"},
         "private.test:443",
         CONTACT_FAILED},
        {{"3128 GET dead.test 80 502 TCP_MISS - ERR_READ_ERROR"}, "dead.test:80", CONTACT_FAILED},
        {{"3128 GET slow.test 80 000 TCP_MISS_ABORTED - ERR_CLIENT_GONE"},
         "slow.test:80",
         CONTACT_FAILED},
        {{"3128 CONNECT other.test 443 403 TCP_DENIED - ERR_ACCESS_DENIED"},
         "other.test:443",
         CONTACT_REFUSED},
        {{"3129 CONNECT a.test 443 200 NONE_NONE terminate -",
          "3128 CONNECT a.test 443 200 TCP_TUNNEL - -"},
         "a.test:443",
         CONTACT_OTHER_NAME},
        {{"3129 CONNECT a.test 443 200 NONE_NONE peek ERR_PROTOCOL_UNKNOWN"},
         "a.test:443",
         CONTACT_NO_TLS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct contacts *c = given_contacts();
        for (size_t k = 0; k < COUNT_OF(cases[i].lines) && cases[i].lines[k]; k++)
            contacts_take_line(c, cases[i].lines[k]);
        if (c->count != 1 || !found(c, cases[i].target, cases[i].outcome))
            fail_msg("case %zu: %u contacts, the first %s %u", i, c->count, c->items[0].target,
                     c->items[0].outcome);
        assert_int_equal(c->items[0].count, 1);
        contacts_free(&c);
    }
}

static void what_is_no_such_line_is_passed_over(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "- GARBAGE - - 400 NONE_NONE - -",
        "3128 GET a",
        "3128 GET a.test 80 200 TCP_MISS - - more",
        "3128  a.test 80 200 TCP_MISS - -",
        "3129 CONNECT ccfs.invalid 443 200 TCP_DENIED bump ERR_ACCESS_DENIED",
        "3128 CONNECT ccfs.invalid 443 500 NONE_NONE - ERR_CANNOT_FORWARD",
    };
    char huge[4096];
    struct contacts *c = given_contacts();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        contacts_take_line(c, lines[i]);
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    contacts_take_line(c, huge);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->more, 0);
    contacts_free(&c);
}

static void a_log_is_the_same_in_whatever_pieces_it_comes(void **state)
{
    enum {
        OVERLONG = 5000 /* a line that is not kept whole, and must not spoil the next one */
    };
    static const char first[] = "3128 GET a.test 80 200 TCP_MISS - -\n";
    static const char last[] = "\n3128 GET b.test 80 200 TCP_MISS - -\n3128 GET c.test 80 200";
    static const size_t pieces[] = {1, 7, 2048, 100000};
    char log[OVERLONG + sizeof first + sizeof last];
    (void)state;
    memcpy(log, first, sizeof first - 1);
    memset(log + sizeof first - 1, 'x', OVERLONG);
    memcpy(log + sizeof first - 1 + OVERLONG, last, sizeof last - 1);
    size_t bytes = sizeof first - 1 + OVERLONG + sizeof last - 1;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct contacts *c = given_contacts();
        struct contact_lines lines = {0};
        for (size_t at = 0; at < bytes; at += pieces[i])
            contacts_take(c, &lines, log + at, bytes - at < pieces[i] ? bytes - at : pieces[i]);
        assert_int_equal(c->count, 2);
        assert_non_null(found(c, "a.test:80", CONTACT_REACHED));
        assert_non_null(found(c, "b.test:80", CONTACT_REACHED));
        contacts_free(&c);
    }
}

static void refused_names_cannot_crowd_out_those_that_were_reached(void **state)
{
    struct contacts *c = given_contacts();
    (void)state;
    for (int i = 0; i < 10 * CONTACT_LIMIT; i++) {
        char line[100];
        snprintf(line, sizeof line, "3128 GET n%d.test 80 403 TCP_DENIED - ERR_ACCESS_DENIED", i);
        contacts_take_line(c, line);
    }
    for (int i = 0; i < 3; i++)
        contacts_take_line(c, "3128 GET allowed.test 80 200 TCP_MISS - -");
    assert_int_equal(found(c, "allowed.test:80", CONTACT_REACHED)->count, 3);
    assert_non_null(found(c, "n0.test:80", CONTACT_REFUSED));
    assert_int_equal(c->more, 10 * CONTACT_LIMIT - CONTACT_LIMIT / 2);
    contacts_free(&c);
}

static void a_table_that_was_spoilt_is_safe_to_read(void **state)
{
    struct contacts *c = given_contacts();
    (void)state;
    memset(c, 0xff, sizeof *c);
    assert_int_equal(contacts_check(c), CONTACT_LIMIT);
    for (uint32_t i = 0; i < c->count; i++) {
        assert_true(strlen(c->items[i].target) < CONTACT_TARGET_BYTES);
        assert_true(strlen(contact_reason(c->items[i].outcome)) > 0);
    }
    contacts_free(&c);
}

static void why_it_ended_is_found_in_what_it_said(void **state)
{
    static const struct {
        const char *said;
        const char *why;
    } proxies[] = {
        {"2026/11/27 02:27:03| FATAL: shm_open(/squid-x.shm): (17) File exists\n\n"
         "2026/11/27 02:27:03| Squid Cache (Version 5.7): Terminated abnormally.\n",
         "shm_open(/squid-x.shm): (17) File exists"},
        {"2026/11/27 02:27:03| Starting Squid Cache version 5.7...\n"
         "2026/11/27 02:27:04| FATAL: no \33[31mport\n",
         "no \\x1b[31mport"},
        {"2026/11/27 02:27:03| Starting Squid Cache version 5.7...\n", ""},
        {"the image has no squid\nat all\n", "the image has no squid"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(proxies); i++) {
        char why[200];
        proxy_complaint(proxies[i].said, why, sizeof why);
        assert_string_equal(why, proxies[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_allowed_on_their_ports_and_all_else_is_denied),
        cmocka_unit_test(an_empty_list_allows_nothing),
        cmocka_unit_test(each_kind_of_contact_is_told_from_its_lines),
        cmocka_unit_test(what_is_no_such_line_is_passed_over),
        cmocka_unit_test(a_log_is_the_same_in_whatever_pieces_it_comes),
        cmocka_unit_test(refused_names_cannot_crowd_out_those_that_were_reached),
        cmocka_unit_test(a_table_that_was_spoilt_is_safe_to_read),
        cmocka_unit_test(why_it_ended_is_found_in_what_it_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
