/* policy.c - see policy.h.
 *
 *   (1) The ruleset is a function of the policy: the same for every backend.
 *   (2) What no rule accepts is refused: the chains' own policy is drop.
 *   (3) Refused connections fail at once ("No route to host"), and nothing of them leaves. */
#include "launcher/net/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/net/host.h"

#define REJECT "reject with icmpx admin-prohibited"

const char *const net_mode_words[NET_MODE_COUNT] = {"internet", "none", "allowlist"};

bool net_mode_from_word(const char *word, enum net_mode *out)
{
    for (unsigned i = 0; i < NET_MODE_COUNT; i++) {
        if (strcmp(word, net_mode_words[i]) == 0) {
            *out = (enum net_mode)i;
            return true;
        }
    }
    return false;
}

void net_wish_release(struct net_wish *wish)
{
    free(wish->allow);
    wish->allow = NULL;
    wish->allow_count = 0;
}

/* ---- the wish becomes a policy ---- */

static void add_port(uint16_t *ports, size_t *count, size_t limit, uint16_t port)
{
    for (size_t i = 0; i < *count; i++)
        if (ports[i] == port)
            return;
    if (*count < limit)
        ports[(*count)++] = port;
}

void net_policy_serve(struct net_policy *policy, uint16_t port)
{
    add_port(policy->served, &policy->served_count, NET_SERVED_LIMIT, port);
}

static void add_target(struct net_policy *p, uint16_t port)
{
    add_port(p->ports, &p->port_count, NET_PORT_LIMIT, port);
}

static void collect_ports(const struct net_wish *wish, struct net_policy *p)
{
    bool usual = wish->defaults;
    for (size_t i = 0; i < wish->allow_count; i++)
        usual = usual || wish->allow[i].port == 0;
    if (usual) {
        add_target(p, 80);
        add_target(p, 443);
    }
    for (size_t i = 0; i < wish->allow_count; i++)
        if (wish->allow[i].port)
            add_target(p, wish->allow[i].port);
}

int net_policy_make(const struct net_wish *wish, struct net_policy *out, struct error *err)
{
    *out = NET_POLICY_NONE;
    out->mode = wish->mode;
    if (wish->mode == NET_NONE)
        return 0;
    memcpy(out->dns, wish->dns, sizeof out->dns);
    out->dns_count = wish->dns_count;
    if (out->dns_count == 0)
        out->dns_count = net_host_resolvers(out->dns, NET_DNS_LIMIT);
    if (wish->mode == NET_ALLOWLIST)
        collect_ports(wish, out);
    return net_host_addresses(&out->own, &out->own_count, err);
}

void net_policy_release(struct net_policy *policy)
{
    free(policy->own);
    policy->own = NULL;
    policy->own_count = 0;
}

/* ---- the ruleset ---- */

/* Not the internet, and 168.63.129.16, where Azure answers its virtual machines about themselves.
 * Ranges for documentation (192.0.2.0/24 …) lead nowhere, so closing them closes nothing. */
static const char *const closed[] = {
    "0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10", "127.0.0.0/8",
    "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",  "192.168.0.0/16",
    "198.18.0.0/15",  "224.0.0.0/4",   "240.0.0.0/4",   "168.63.129.16",
};

static void add_addresses(struct strbuf *out, const struct in_addr *items, size_t count,
                          const char *before)
{
    for (size_t i = 0; i < count; i++) {
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &items[i], text, sizeof text);
        strbuf_add_format(out, "%s%s", i ? ", " : before, text);
    }
}

static void add_closed(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_text(out, "\tset closed {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\tauto-merge\n"
                         "\t\telements = { ");
    for (size_t i = 0; i < COUNT_OF(closed); i++)
        strbuf_add_format(out, "%s%s", i ? ", " : "", closed[i]);
    add_addresses(out, p->own, p->own_count, ", ");
    strbuf_add_text(out, " }\n\t}\n");
}

static void add_name_servers(struct strbuf *out, const struct net_policy *p)
{
    static const char port[] = "meta l4proto { tcp, udp } th dport 53";
    if (p->dns_count) {
        strbuf_add_text(out, "\t\tip daddr { ");
        add_addresses(out, p->dns, p->dns_count, "");
        strbuf_add_format(out, " } %s accept\n", port);
    }
    strbuf_add_format(out, "\t\t%s " REJECT "\n", port);
}

static void add_port_list(struct strbuf *out, const char *before, const uint16_t *ports,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_add_format(out, "%s%u", i ? ", " : before, ports[i]);
    strbuf_add_text(out, " }");
}

/* Where the proxy may go; elsewhere is closed by what follows. */
static void add_ports(struct strbuf *out, const struct net_policy *p)
{
    if (p->port_count == 0)
        return;
    add_port_list(out, "\t\ttcp dport { ", p->ports, p->port_count);
    strbuf_add_text(out, " accept\n");
}

/* Who is asked may answer, and nothing else. */
static void add_served(struct strbuf *out, const struct net_policy *p, bool answers)
{
    if (p->served_count == 0)
        return;
    add_addresses(out, &p->served_to, 1, answers ? "\t\tip daddr " : "\t\tip saddr ");
    add_port_list(out, answers ? " tcp sport { " : " tcp dport { ", p->served, p->served_count);
    strbuf_add_format(out, "%s accept\n", answers ? " ct direction reply" : "");
}

/* What is out there. */
static void add_outward(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_text(out, "\tchain outward {\n\t\tmeta nfproto ipv6 " REJECT "\n");
    add_name_servers(out, p);
    strbuf_add_text(out, "\t\tip daddr @closed " REJECT "\n");
    if (p->mode == NET_INTERNET)
        strbuf_add_text(out, "\t\taccept\n");
    else
        add_ports(out, p);
    strbuf_add_text(out, "\t}\n");
}

/* Docker's resolver is asked by loopback and asks on from elsewhere. */
static void add_resolver_closed(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_text(out, "\t\tip daddr 127.0.0.11 ");
    if (p->mode == NET_ALLOWLIST)
        strbuf_add_format(out, "meta skuid != %u ", p->proxy_user);
    strbuf_add_text(out, REJECT "\n");
}

/* The agent is beside it, and must not come in by the proxy's inner door. */
static void add_inner_door(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_format(out, "\t\toifname \"lo\" tcp dport %d meta skuid != %u " REJECT "\n",
                      NET_PROXY_INNER_PORT, p->proxy_user);
}

/* The last packets of a connection that was closed are nobody's; none of them opens one. */
static void add_proxy_user(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_format(out,
                      "\t\ttcp flags & syn == 0 ct state established accept\n"
                      "\t\tmeta skuid %u jump outward\n",
                      p->proxy_user);
}

static void add_output(struct strbuf *out, const struct net_policy *p)
{
    bool shared = p->mode == NET_ALLOWLIST && p->proxy_user != NET_ANY_USER;
    strbuf_add_text(out,
                    "\tchain output {\n\t\ttype filter hook output priority 0; policy drop;\n");
    if (p->mode == NET_NONE || shared)
        add_resolver_closed(out, p);
    if (shared)
        add_inner_door(out, p);
    strbuf_add_text(out, "\t\toifname \"lo\" accept\n");
    add_served(out, p, true);
    if (p->proxy_link)
        strbuf_add_format(out, "\t\toifname \"%s\" tcp sport %d accept\n", p->proxy_link,
                          NET_PROXY_PORT);
    if (shared)
        add_proxy_user(out, p);
    else if (p->mode != NET_NONE)
        strbuf_add_text(out, "\t\tjump outward\n");
    strbuf_add_text(out, "\t\t" REJECT "\n\t}\n");
}

static void add_input(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_text(out, "\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n"
                         "\t\tiifname \"lo\" accept\n");
    if (p->mode != NET_NONE)
        strbuf_add_text(out, "\t\tct state established,related accept\n");
    add_served(out, p, false);
    if (p->proxy_link)
        strbuf_add_format(out, "\t\tiifname \"%s\" tcp dport %d accept\n", p->proxy_link,
                          NET_PROXY_PORT);
    strbuf_add_text(out, "\t}\n");
}

void net_policy_ruleset(const struct net_policy *policy, struct strbuf *out)
{
    /* made first, so that there is one to delete; all of it is one transaction */
    strbuf_add_text(out, "table inet ccfs\ndelete table inet ccfs\ntable inet ccfs {\n");
    if (policy->mode != NET_NONE) {
        add_closed(out, policy);
        add_outward(out, policy);
    }
    add_output(out, policy);
    add_input(out, policy);
    strbuf_add_text(out, "\tchain forward {\n\t\ttype filter hook forward priority 0; policy "
                         "drop;\n\t}\n}\n");
}

void net_policy_resolv_conf(const struct net_policy *policy, struct strbuf *out)
{
    for (size_t i = 0; i < policy->dns_count; i++) {
        add_addresses(out, &policy->dns[i], 1, "nameserver ");
        strbuf_add_text(out, "\n");
    }
}

/* ---- the allowlist ---- */

/* Behind what is there already, in whose place it comes where it covers it. */
static size_t merge(struct net_domain *items, size_t count, const struct net_domain *one)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (net_domain_covers(&items[i], one))
            return count;
    for (size_t i = 0; i < count; i++)
        if (!net_domain_covers(one, &items[i]))
            items[kept++] = items[i];
    items[kept] = *one;
    return kept + 1;
}

int net_policy_domains(const struct net_wish *wish, struct net_domain **out, size_t *count,
                       struct error *err)
{
    size_t n = 0;
    struct net_domain *items =
        calloc(wish->allow_count + net_domain_default_count + 1, sizeof *items);
    if (!items)
        return error_say(err, ENOMEM, "no memory for the allowlist");
    for (size_t i = 0; i < wish->allow_count; i++)
        n = merge(items, n, &wish->allow[i]);
    for (size_t i = 0; wish->defaults && i < net_domain_default_count; i++) {
        struct net_domain d;
        if (net_domain_parse(net_domain_defaults[i], &d, NULL) == 0)
            n = merge(items, n, &d);
    }
    *out = items;
    *count = n;
    return 0;
}
