/* test_net_policy.c - the ruleset of each mode, to the letter, and what goes into it. */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "launcher/net/host.h"
#include "launcher/net/policy.h"

static struct in_addr address(const char *text)
{
    struct in_addr a = {0};
    assert_int_equal(inet_pton(AF_INET, text, &a), 1);
    return a;
}

/* Fails with the whole text, so that the first difference can be seen. */
static void then_ruleset_is(const struct net_policy *p, const char *wanted)
{
    CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
    net_policy_ruleset(p, &out);
    assert_string_equal(strbuf_text(&out), wanted);
}

#define HEAD "table inet ccfs\ndelete table inet ccfs\ntable inet ccfs {\n"
#define CLOSED                                                                                     \
    "\tset closed {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\tauto-merge\n"                     \
    "\t\telements = { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, "         \
    "172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4, "       \
    "168.63.129.16"
#define PORT_53 "meta l4proto { tcp, udp } th dport 53"
#define REJECT "reject with icmpx admin-prohibited\n"
#define OUTPUT "\tchain output {\n\t\ttype filter hook output priority 0; policy drop;\n"
#define INPUT                                                                                      \
    "\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\tiifname \"lo\" "    \
    "accept\n"
#define ANSWERS "\t\tct state established,related accept\n"
#define FORWARD "\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n"

static void with_none_only_loopback_is_left(void **state)
{
    struct net_policy p = NET_POLICY_NONE;
    (void)state;
    then_ruleset_is(&p, HEAD OUTPUT "\t\tip daddr 127.0.0.11 " REJECT
                                    "\t\toifname \"lo\" accept\n\t\t" REJECT "\t}\n" INPUT
                                    "\t}\n" FORWARD);
}

static void internet_closes_what_is_private_and_what_is_the_hosts(void **state)
{
    struct in_addr own[] = {address("10.1.2.3"), address("203.0.113.1")};
    struct net_policy p = {.mode = NET_INTERNET,
                           .dns = {address("192.168.1.1"), address("9.9.9.9")},
                           .dns_count = 2,
                           .own = own,
                           .own_count = 2,
                           .proxy_user = NET_ANY_USER};
    (void)state;
    then_ruleset_is(&p, HEAD CLOSED
                    ", 10.1.2.3, 203.0.113.1 }\n\t}\n"
                    "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT
                    "\t\tip daddr { 192.168.1.1, 9.9.9.9 } " PORT_53 " accept\n\t\t" PORT_53
                    " " REJECT "\t\tip daddr @closed " REJECT "\t\taccept\n\t}\n" OUTPUT
                    "\t\toifname \"lo\" accept\n\t\tjump outward\n\t\t" REJECT "\t}\n" INPUT ANSWERS
                    "\t}\n" FORWARD);
}

static void without_a_name_server_port_53_is_closed_altogether(void **state)
{
    struct net_policy p = {.mode = NET_INTERNET, .proxy_user = NET_ANY_USER};
    (void)state;
    then_ruleset_is(&p,
                    HEAD CLOSED " }\n\t}\n"
                                "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT "\t\t" PORT_53
                                " " REJECT "\t\tip daddr @closed " REJECT "\t\taccept\n\t}\n" OUTPUT
                                "\t\toifname \"lo\" accept\n\t\tjump outward\n\t\t" REJECT
                                "\t}\n" INPUT ANSWERS "\t}\n" FORWARD);
}

static void in_a_shared_namespace_only_the_proxys_user_leaves(void **state)
{
    struct net_policy p = {.mode = NET_ALLOWLIST,
                           .dns = {address("9.9.9.9")},
                           .dns_count = 1,
                           .ports = {80, 443, 8443},
                           .port_count = 3,
                           .proxy_user = 13};
    (void)state;
    then_ruleset_is(
        &p, HEAD CLOSED
        " }\n\t}\n"
        "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT "\t\tip daddr { 9.9.9.9 } " PORT_53
        " accept\n\t\t" PORT_53 " " REJECT "\t\tip daddr @closed " REJECT
        "\t\ttcp dport { 80, 443, 8443 } accept\n\t}\n" OUTPUT
        "\t\tip daddr 127.0.0.11 meta skuid != 13 " REJECT
        "\t\toifname \"lo\" tcp dport 3129 meta skuid != 13 " REJECT "\t\toifname \"lo\" accept\n"
        "\t\ttcp flags & syn == 0 ct state established accept\n"
        "\t\tmeta skuid 13 jump outward\n\t\t" REJECT "\t}\n" INPUT ANSWERS "\t}\n" FORWARD);
}

static void in_its_own_namespace_the_proxy_is_asked_on_one_link(void **state)
{
    struct net_policy p = {.mode = NET_ALLOWLIST,
                           .ports = {443},
                           .port_count = 1,
                           .proxy_user = NET_ANY_USER,
                           .proxy_link = "agent0"};
    (void)state;
    then_ruleset_is(&p, HEAD CLOSED
                    " }\n\t}\n"
                    "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT "\t\t" PORT_53 " " REJECT
                    "\t\tip daddr @closed " REJECT "\t\ttcp dport { 443 } accept\n\t}\n" OUTPUT
                    "\t\toifname \"lo\" accept\n"
                    "\t\toifname \"agent0\" tcp sport 3128 accept\n\t\tjump outward\n\t\t" REJECT
                    "\t}\n" INPUT ANSWERS
                    "\t\tiifname \"agent0\" tcp dport 3128 accept\n\t}\n" FORWARD);
}

static void a_served_port_is_open_to_one_address_and_may_only_answer(void **state)
{
    struct net_policy p = {
        .mode = NET_INTERNET, .proxy_user = NET_ANY_USER, .served_to = address("172.28.0.1")};
    (void)state;
    net_policy_serve(&p, 8080);
    net_policy_serve(&p, 22);
    net_policy_serve(&p, 8080);
    then_ruleset_is(&p, HEAD CLOSED
                    " }\n\t}\n"
                    "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT "\t\t" PORT_53 " " REJECT
                    "\t\tip daddr @closed " REJECT "\t\taccept\n\t}\n" OUTPUT
                    "\t\toifname \"lo\" accept\n"
                    "\t\tip daddr 172.28.0.1 tcp sport { 8080, 22 } ct direction reply accept\n"
                    "\t\tjump outward\n\t\t" REJECT "\t}\n" INPUT ANSWERS
                    "\t\tip saddr 172.28.0.1 tcp dport { 8080, 22 } accept\n\t}\n" FORWARD);
}

/* The kernel's own judgement, where a namespace can be made to ask it. */
static void nft_takes_every_ruleset_twice(void **state)
{
    static const char load[] =
        "unshare -Urn sh -c 'nft -f \"$1\" && nft -f \"$1\" && nft list table inet ccfs' sh ";
    struct in_addr own[] = {address("10.1.2.3"), address("10.1.2.3"), address("203.0.113.1")};
    (void)state;
    if (system("unshare -Urn nft list ruleset >/dev/null 2>&1") != 0)
        skip();
    for (unsigned mode = 0; mode < NET_MODE_COUNT; mode++) {
        CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
        char path[] = "/tmp/ccfs-ruleset.XXXXXX";
        char command[256];
        struct net_policy p = {.mode = (enum net_mode)mode,
                               .dns = {address("10.0.0.53")},
                               .dns_count = 1,
                               .own = own,
                               .own_count = COUNT_OF(own),
                               .ports = {80},
                               .port_count = 1,
                               .proxy_user = 0,
                               .proxy_link = "agent0",
                               .served = {8080},
                               .served_count = 1,
                               .served_to = address("172.28.0.1")};
        net_policy_ruleset(&p, &out);
        int fd = mkstemp(path);
        assert_int_equal(write(fd, out.data, out.bytes), out.bytes);
        close(fd);
        snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin %s%s >/dev/null", load, path);
        int r = system(command);
        unlink(path);
        assert_int_equal(r, 0);
    }
}

static void resolvers_are_read_from_a_hostile_file(void **state)
{
    static const char text[] = "# nameserver 1.1.1.1\n"
                               "nameserver 127.0.0.53\n"
                               "nameserver\t192.168.1.1 # the router\n"
                               "nameserver fe80::1%eth0\n"
                               "nameserver 0.0.0.0\n"
                               "nameserver9.9.9.9\n"
                               "nameserver 999.9.9.9\n"
                               "nameserver 8.8.8.8; rm -rf\n"
                               "nameserver 192.168.1.1\n"
                               "search nameserver 4.4.4.4\n"
                               "nameserver 11111111111111111111111111111111111111\n"
                               "nameserver 9.9.9.9";
    struct in_addr found[4];
    (void)state;
    assert_int_equal(net_resolvers_parse(text, found, 4), 3);
    assert_int_equal(found[0].s_addr, address("192.168.1.1").s_addr);
    assert_int_equal(found[1].s_addr, address("8.8.8.8").s_addr);
    assert_int_equal(found[2].s_addr, address("9.9.9.9").s_addr);
    assert_int_equal(net_resolvers_parse(text, found, 1), 1);
    assert_int_equal(net_resolvers_parse("", found, 4), 0);
}

static void the_hosts_addresses_are_sorted_and_without_loopback(void **state)
{
    struct in_addr *own = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(net_host_addresses(&own, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(ntohl(own[i].s_addr) >> 24, 127);
        assert_true(i == 0 || ntohl(own[i - 1].s_addr) < ntohl(own[i].s_addr));
    }
    free(own);
}

static void a_policy_follows_from_the_wish(void **state)
{
    struct net_domain allow[] = {{.name = "example.com", .port = 8443}};
    struct net_wish wish = {.mode = NET_ALLOWLIST,
                            .dns = {address("9.9.9.9")},
                            .dns_count = 1,
                            .allow = allow,
                            .allow_count = 1};
    struct net_policy p = NET_POLICY_NONE;
    (void)state;
    assert_int_equal(net_policy_make(&wish, &p, NULL), 0);
    assert_int_equal(p.dns_count, 1);
    assert_int_equal(p.port_count, 1);
    assert_int_equal(p.ports[0], 8443);
    net_policy_release(&p);
    wish.defaults = true;
    assert_int_equal(net_policy_make(&wish, &p, NULL), 0);
    assert_int_equal(p.port_count, 3);
    net_policy_release(&p);
    wish.mode = NET_NONE;
    assert_int_equal(net_policy_make(&wish, &p, NULL), 0);
    assert_int_equal(p.mode, NET_NONE);
    net_policy_release(&p);
}

static void resolv_conf_names_the_allowed_servers(void **state)
{
    CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
    struct net_policy p = {.dns = {address("9.9.9.9"), address("192.168.1.1")}, .dns_count = 2};
    (void)state;
    net_policy_resolv_conf(&p, &out);
    assert_string_equal(strbuf_text(&out), "nameserver 9.9.9.9\nnameserver 192.168.1.1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_none_only_loopback_is_left),
        cmocka_unit_test(internet_closes_what_is_private_and_what_is_the_hosts),
        cmocka_unit_test(without_a_name_server_port_53_is_closed_altogether),
        cmocka_unit_test(in_a_shared_namespace_only_the_proxys_user_leaves),
        cmocka_unit_test(in_its_own_namespace_the_proxy_is_asked_on_one_link),
        cmocka_unit_test(a_served_port_is_open_to_one_address_and_may_only_answer),
        cmocka_unit_test(nft_takes_every_ruleset_twice),
        cmocka_unit_test(resolvers_are_read_from_a_hostile_file),
        cmocka_unit_test(the_hosts_addresses_are_sorted_and_without_loopback),
        cmocka_unit_test(a_policy_follows_from_the_wish),
        cmocka_unit_test(resolv_conf_names_the_allowed_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
