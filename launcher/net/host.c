/* host.c - see host.h. */
#include "launcher/net/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define RESOLV_CONF_LIMIT 16384

static bool is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

/* ---- addresses ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = ntohl(((const struct in_addr *)a)->s_addr);
    uint32_t y = ntohl(((const struct in_addr *)b)->s_addr);
    return (x > y) - (x < y);
}

static size_t unique(struct in_addr *items, size_t count)
{
    size_t kept = 0;
    qsort(items, count, sizeof *items, compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || items[kept - 1].s_addr != items[i].s_addr)
            items[kept++] = items[i];
    return kept;
}

static void free_list(struct ifaddrs **list)
{
    if (*list)
        freeifaddrs(*list);
}

/* Into *out, when the interface has such an address. */
static bool address_of(const struct ifaddrs *at, struct in_addr *out)
{
    struct sockaddr_in address;
    if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET)
        return false;
    memcpy(&address, at->ifa_addr, sizeof address);
    *out = address.sin_addr;
    return !is_loopback(*out);
}

int net_host_addresses(struct in_addr **out, size_t *count, struct error *err)
{
    CLEANUP(free_list) struct ifaddrs *list = NULL;
    size_t room = 1;
    size_t found = 0;
    if (getifaddrs(&list) < 0)
        return error_set(err, errno, "list the addresses of this machine");
    for (const struct ifaddrs *at = list; at; at = at->ifa_next)
        room++;
    struct in_addr *items = calloc(room, sizeof *items);
    if (!items)
        return error_say(err, ENOMEM, "no memory for the addresses of this machine");
    for (const struct ifaddrs *at = list; at; at = at->ifa_next)
        found += address_of(at, &items[found]);
    *count = unique(items, found);
    *out = items;
    return 0;
}

/* ---- name servers ---- */

/* The word behind "nameserver", when it is an address that can be asked from elsewhere. */
static bool take_server(const char *line, struct in_addr *out)
{
    static const char key[] = "nameserver";
    char word[INET_ADDRSTRLEN];
    if (strncmp(line, key, sizeof key - 1) != 0)
        return false;
    line += sizeof key - 1;
    size_t gap = strspn(line, " \t");
    line += gap;
    size_t bytes = strcspn(line, " \t\r\n#;");
    if (gap == 0 || bytes >= sizeof word)
        return false;
    memcpy(word, line, bytes);
    word[bytes] = '\0';
    return inet_pton(AF_INET, word, out) == 1 && !is_loopback(*out) && out->s_addr != INADDR_ANY;
}

static bool has(const struct in_addr *items, size_t count, struct in_addr item)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].s_addr == item.s_addr)
            return true;
    return false;
}

size_t net_resolvers_parse(const char *text, struct in_addr *out, size_t limit)
{
    size_t count = 0;
    while (*text && count < limit) {
        struct in_addr server;
        if (take_server(text, &server) && !has(out, count, server))
            out[count++] = server;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return count;
}

static size_t read_resolvers(const char *path, struct in_addr *out, size_t limit)
{
    char text[RESOLV_CONF_LIMIT + 1];
    size_t got = 0;
    ssize_t n = 0;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && got < RESOLV_CONF_LIMIT &&
           (n = read(fd, text + got, RESOLV_CONF_LIMIT - got)) > 0)
        got += (size_t)n;
    text[got] = '\0';
    return net_resolvers_parse(text, out, limit);
}

size_t net_host_resolvers(struct in_addr *out, size_t limit)
{
    size_t count = read_resolvers("/etc/resolv.conf", out, limit);
    return count ? count : read_resolvers("/run/systemd/resolve/resolv.conf", out, limit);
}
