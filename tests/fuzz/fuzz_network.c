/* The network: names of an allowlist, a resolv.conf, and the proxy's log, whose words are the
 * agent's.  The first byte says which. */
#include <ctype.h>
#include <string.h>

#include "journal/base/compiler.h"
#include "launcher/net/contacts.h"
#include "launcher/net/domain.h"
#include "launcher/net/host.h"
#include "tests/fuzz/fuzz.h"

const unsigned long fuzz_runs = 50000;

static const char *const texts[] = {
    "Dexample.com",
    "D*.Example.com.:8443",
    "D.a-b.xn--bcher-kva.example",
    "Rnameserver 192.168.1.1\nnameserver\t9.9.9.9 # it\nsearch x\nnameserver ::1\n",
    "L3128 GET allowed.test 80 200 TCP_MISS - -",
    "L3129 CONNECT a.test 443 200 NONE_NONE terminate -",
    "L3129 CONNECT a.test 443 500 TCP_TUNNEL splice -",
    "L3128 CONNECT %5B::1%5D 443 403 TCP_DENIED - ERR_ACCESS_DENIED",
};

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    return fuzz_seed_text(texts, COUNT_OF(texts), number, out, room);
}

/* What is taken goes into the proxy's configuration as it is. */
static void parse_domain(const char *text)
{
    struct net_domain d;
    struct error err = ERROR_NONE;
    if (net_domain_parse(text, &d, &err) < 0) {
        if (!err.message[0])
            __builtin_trap(); /* a refusal says why */
        return;
    }
    for (const char *at = d.name; *at; at++)
        if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) && !strchr(".-_", *at))
            __builtin_trap();
    if (!strchr(d.name, '.') || !net_domain_covers(&d, &d))
        __builtin_trap();
}

static void parse_resolvers(const char *text)
{
    struct in_addr found[3];
    size_t count = net_resolvers_parse(text, found, COUNT_OF(found));
    if (count > COUNT_OF(found))
        __builtin_trap();
    for (size_t i = 0; i < count; i++)
        if (ntohl(found[i].s_addr) >> 24 == 127)
            __builtin_trap();
}

static void take_line(const char *line)
{
    static struct contacts contacts; /* it may fill up */
    contacts_take_line(&contacts, line);
    if (contacts_check(&contacts) != contacts.count)
        __builtin_trap();
}

/* In two pieces, as a connection may give it; zeros and all. */
static void take_log(const char *data, size_t bytes)
{
    static struct contacts contacts;
    static struct contact_lines lines;
    size_t half = bytes / 2;
    contacts_take(&contacts, &lines, data, half);
    contacts_take(&contacts, &lines, data + half, bytes - half);
    if (lines.bytes >= sizeof lines.heard || contacts_check(&contacts) != contacts.count)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char text[4096];
    if (bytes == 0 || bytes > sizeof text)
        return 0;
    memcpy(text, data + 1, bytes - 1);
    text[bytes - 1] = '\0';
    if (data[0] == 'D')
        parse_domain(text);
    else if (data[0] == 'R')
        parse_resolvers(text);
    else if (data[0] == 'L')
        take_log((const char *)data + 1, bytes - 1);
    else
        take_line(text);
    return 0;
}
