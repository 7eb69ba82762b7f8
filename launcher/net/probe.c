/* probe.c - see probe.h.
 *
 * A connection that the ruleset refuses fails within the call that makes it; one that is on its way
 * (EINPROGRESS) has passed it.  A namespace without a route refuses, too, with another error. */
#include "launcher/net/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "journal/base/fd.h"

#define OWN_PROBED 16
#define REFUSAL_MS 1000

static const struct {
    const char *address;
    uint16_t port;
    const char *what;
} always[] = {
    {"169.254.169.254", 80, "the metadata service"},
    {"192.168.77.77", 80, "a machine on a private network"},
    {"10.77.77.77", 443, "a machine on a private network"},
    {"100.77.77.77", 80, "a carrier's network"},
    {"203.0.113.77", 53, "a name server that is not configured"},
};

static bool is_refusal(int code)
{
    return code == EHOSTUNREACH || code == ENETUNREACH || code == EPERM || code == EACCES;
}

/* The refusal may reach the socket a moment after the call. */
static int wait_refusal(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t bytes = sizeof code;
    while (poll(&p, 1, REFUSAL_MS) < 0 && errno == EINTR)
        continue;
    if (!p.revents || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &bytes) < 0)
        return EINPROGRESS;
    return code;
}

/* The error of a connection, 0: it was made. */
static int try_connection(struct in_addr address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return 0;
    return errno == EINPROGRESS ? wait_refusal(fd) : errno;
}

static int must_refuse(struct in_addr address, uint16_t port, const char *what, struct error *err)
{
    char text[INET_ADDRSTRLEN];
    int code = try_connection(address, port);
    if (is_refusal(code))
        return 0;
    inet_ntop(AF_INET, &address, text, sizeof text);
    return error_say(err, EPERM,
                     "the network policy does not hold: %s (%s, port %u) is not refused", what,
                     text, port);
}

static int must_refuse_own(const struct net_policy *policy, struct error *err)
{
    for (size_t i = 0; i < policy->own_count && i < OWN_PROBED; i++)
        TRY(must_refuse(policy->own[i], 22, "this machine", err));
    return 0;
}

static bool is_name_server(const struct net_policy *policy, struct in_addr address)
{
    for (size_t i = 0; i < policy->dns_count; i++)
        if (policy->dns[i].s_addr == address.s_addr)
            return true;
    return false;
}

int probe_closed(const struct net_policy *policy, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(always); i++) {
        struct in_addr address;
        if (inet_pton(AF_INET, always[i].address, &address) == 1 &&
            !(always[i].port == 53 && is_name_server(policy, address)))
            TRY(must_refuse(address, always[i].port, always[i].what, err));
    }
    return must_refuse_own(policy, err);
}
