/* visit.c - see visit.h.
 *
 *   (1) A child goes in, so that nobody else's network is ever ours.
 *   (2) Nothing is probed but behind the ruleset: where that is missing, a packet could leave. */
#include "launcher/net/visit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/cli.h"
#include "launcher/net/carrier.h"
#include "launcher/net/fence.h"
#include "launcher/net/probe.h"

#define MAKERS 4

struct report {
    enum net_found found;
    struct error err; /* code 0: it holds */
};

static bool is_same(int a, int b)
{
    struct stat one;
    struct stat other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* The first of its children; 0: none. */
static pid_t child_of(pid_t pid)
{
    char path[64];
    char text[32] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return 0;
    return (pid_t)strtol(text, NULL, 10);
}

/* Who makes a sandbox stays outside of it: the session's network is that of the first process, from
 * pid downwards, which is not in ours. */
static int open_network(pid_t pid, int *out, struct error *err)
{
    CLEANUP(fd_close) int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (int depth = 0; pid > 0 && depth < MAKERS; depth++, pid = child_of(pid)) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
        CLEANUP(fd_close) int theirs = open(path, O_RDONLY | O_CLOEXEC);
        if (theirs < 0 || ours < 0)
            return error_set(err, errno == EPERM ? EACCES : errno, "open the session's network");
        if (is_same(ours, theirs))
            continue;
        *out = fd_take(&theirs);
        return 0;
    }
    return error_say(err, EPERM, "it is in this machine's own network");
}

/* The namespace belongs to a user namespace, whose powers come with entering that one first; ours
 * cannot be entered again, and need not. */
static int enter(int network, struct error *err)
{
    CLEANUP(fd_close) int ours = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close) int owner = ioctl(network, NS_GET_USERNS);
    if (owner >= 0 && !is_same(ours, owner)) {
        if (setns(owner, CLONE_NEWUSER) < 0)
            return error_set(err, errno == EPERM ? EACCES : errno, "enter the session's users");
        /* nft must be root in there; where there is none, there is no way out either */
        (void)!setresgid(0, 0, 0);
        (void)!setresuid(0, 0, 0);
    }
    if (setns(network, CLONE_NEWNET) < 0)
        return error_set(err, errno == EPERM ? EACCES : errno, "enter the session's network");
    return 0;
}

static int look(const struct net_policy *policy, enum net_found *out, struct error *err)
{
    struct error open = ERROR_NONE;
    *out = NET_FOUND_CLOSED;
    if (fence_check(&open) < 0) {
        if (!carrier_has_route())
            return 0;
        if (open.code == EXIT_AS_ERROR(EXIT_MISSING))
            return error_pass(err, &open);
        return error_say(err, EPERM, "no network policy is in force: %.300s", open.message);
    }
    *out = NET_FOUND_FENCED;
    return probe_closed(policy, err);
}

static void visit(int network, const struct net_policy *policy, int says)
{
    struct report report = {.err = ERROR_NONE};
    if (enter(network, &report.err) == 0)
        (void)!look(policy, &report.found, &report.err);
    _exit(fd_write_all(says, &report, sizeof report) < 0);
}

static int hear(int hears, pid_t pid, enum net_found *out, struct error *err)
{
    struct report report;
    ssize_t n = 0;
    while ((n = read(hears, &report, sizeof report)) < 0 && errno == EINTR)
        continue; /* less than a pipe takes at once */
    (void)child_wait(pid);
    if (n != (ssize_t)sizeof report)
        return error_say(err, EIO, "the session's network could not be looked at");
    *out = report.found;
    return error_pass(err, &report.err);
}

int net_visit(pid_t pid, const struct net_policy *policy, enum net_found *out, struct error *err)
{
    CLEANUP(fd_close) int network = -1;
    TRY(open_network(pid, &network, err));
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
    pid_t child = fork();
    if (child < 0)
        return error_set(err, errno, "start a look at the network");
    if (child == 0)
        visit(network, policy, says);
    fd_close(&says);
    return hear(hears, child, out, err);
}
