/* carrier.c - see carrier.h. */
#include "launcher/net/carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/cli.h"
#include "launcher/net/tool.h"
#include "launcher/net/wait.h"
#include "launcher/program.h"

#define TUN "/dev/net/tun"
#define NETNS "NETNS" /* in a table: the path of the namespace */

/* An address of its own, not the host's, which pasta would lend it: name servers on the host would
 * not be found, and the session would know where it is.  RFC 7335; behind the gate's.
 *
 * Nothing of the host by another address (pasta: the gateway's, slirp4netns: 10.0.2.2), no port of
 * the namespace on the host, no port of the host in the namespace, no IPv6. */
static const struct {
    const char *name;
    const char *words[TOOL_ARGUMENTS];
} carriers[] = {
    {"pasta",
     {"--foreground", "--quiet",     "--ipv4-only", "--no-map-gw", "--tcp-ports",  "none",
      "--udp-ports",  "none",        "--tcp-ns",    "none",        "--udp-ns",     "none",
      "--no-dhcp",    "--no-dhcpv6", "--no-ndp",    "--no-ra",     "--config-net", "--address",
      "192.0.0.18",   "--netmask",   "29",          "--gateway",   "192.0.0.17",   "--netns-only",
      "--netns",      NETNS}},
    {"slirp4netns",
     {"--configure", "--mtu=65520", "--disable-host-loopback", "--disable-dns", "--enable-sandbox",
      "--enable-seccomp", "--netns-type=path", NETNS, "tap0"}},
};

int carrier_find(struct carrier *out, struct error *err)
{
    size_t i = 0;
    *out = CARRIER_NONE;
    while (i < COUNT_OF(carriers) && !program_find(carriers[i].name, out->path, sizeof out->path))
        i++;
    if (i == COUNT_OF(carriers))
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "neither pasta nor slirp4netns is there, which carry a session's network; "
                         "as root: apt-get install passt");
    out->name = carriers[i].name;
    if (access(TUN, F_OK) < 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "there is no " TUN ", which %s needs; as root: modprobe tun", out->name);
    if (access(TUN, R_OK | W_OK) < 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         TUN " is not open to you, and %s needs it; as root: chmod 0666 " TUN,
                         out->name);
    return 0;
}

static const char *const *words_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(carriers); i++)
        if (strcmp(carriers[i].name, name) == 0)
            return carriers[i].words;
    return NULL;
}

static void become_carrier(const struct carrier *c, int target)
{
    static const int nothing[] = {-1};
    const char *argv[TOOL_ARGUMENTS + 2] = {c->path};
    const char *const *words = words_of(c->name);
    char path[64];
    pid_t pid = 0;
    if (read(target, &pid, sizeof pid) != sizeof pid)
        _exit(EXIT_FAILED); /* nobody needs it any more */
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    for (size_t i = 0; words && words[i]; i++)
        argv[i + 1] = strcmp(words[i], NETNS) == 0 ? path : words[i];
    tool_become(argv, c->said, nothing);
}

int carrier_start(struct carrier *c, struct error *err)
{
    TRY(tool_said_open(&c->said, err));
    CLEANUP(fd_close) int reads = -1;
    TRY(fd_pipe(&reads, &c->target, err));
    c->pid = fork();
    if (c->pid < 0)
        return error_set(err, errno, "start %s", c->name);
    if (c->pid == 0) {
        fd_close(&c->target); /* so that the parent's end is the last one */
        become_carrier(c, reads);
    }
    return 0;
}

int carrier_go(struct carrier *c, pid_t pid, struct error *err)
{
    int r = fd_write_all(c->target, &pid, sizeof pid);
    fd_close(&c->target);
    return r < 0 ? error_set(err, -r, "start %s", c->name) : 0;
}

int carrier_check(struct carrier *c, struct error *err)
{
    char line[200];
    int status = 0;
    if (waitpid(c->pid, &status, WNOHANG) == 0)
        return 0;
    tool_said_why(c->said, status, line, sizeof line);
    return error_say(err, EIO, "%s ended, which carries the session's network: %s", c->name, line);
}

void carrier_close(struct carrier *c)
{
    fd_close(&c->target);
    fd_close(&c->said);
}

/* Lines of /proc/net/route: interface, destination, gateway, flags, …, all in hexadecimal. */
bool carrier_has_route(void)
{
    char line[256];
    bool found = false;
    FILE *routes = fopen("/proc/self/net/route", "re");
    while (routes && !found && fgets(line, sizeof line, routes)) {
        uint32_t destination = 1;
        found = sscanf(line, "%*s %" SCNx32, &destination) == 1 && destination == 0;
    }
    if (routes)
        (void)fclose(routes);
    return found;
}

int carrier_wait_route(struct carrier *c, struct error *err)
{
    for (int i = 0; i < WAIT_TRIES; i++) {
        if (carrier_has_route())
            return 0;
        if (c)
            TRY(carrier_check(c, err));
        wait_moment();
    }
    return error_say(err, ETIMEDOUT, "nothing carries the session's network after fifteen seconds");
}
