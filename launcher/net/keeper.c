/* keeper.c - see keeper.h. */
#include "launcher/net/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/net/carrier.h"
#include "launcher/net/fence.h"
#include "launcher/net/probe.h"
#include "launcher/privilege.h"

#define ROUTE_TRIES 2000
#define ROUTE_PAUSE_NS (5 * 1000 * 1000)

/* Its only files beside what it makes. */
#define LIFE_FD 3
#define REPORT_FD 4

struct keeper {
    struct keeper_order order;
    pid_t helpers;
    struct carrier carrier;
};

/* ---- what is left of ccfs in it ---- */

/* Files of the session and of the terminal: held here they would not be closed when ccfs is gone.
 */
static int keep_two_files(struct keeper_order *order, struct error *err)
{
    CLEANUP(fd_close) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    CLEANUP(fd_close) int life = fcntl(order->life, F_DUPFD_CLOEXEC, 16);
    CLEANUP(fd_close) int report = fcntl(order->report, F_DUPFD_CLOEXEC, 16);
    bool done = nothing >= 0 && life >= 0 && report >= 0;
    for (int fd = 0; fd <= 2 && done; fd++)
        done = dup2(nothing, fd) >= 0;
    done = done && dup3(life, LIFE_FD, O_CLOEXEC) >= 0 && dup3(report, REPORT_FD, O_CLOEXEC) >= 0 &&
           close_range(REPORT_FD + 1, ~0U, 0) == 0;
    if (!done)
        return error_set(err, errno, "close the files of the session");
    order->life = LIFE_FD;
    order->report = REPORT_FD;
    nothing = life = report = -1; /* closed with the rest */
    return 0;
}

static void free_text(char **text)
{
    free(*text);
}

/* The workspace's owner may look into this process; root's environment is not theirs. */
static int forget_environment(struct error *err)
{
    const char *given = getenv("PATH");
    CLEANUP(free_text) char *path = given ? strdup(given) : NULL;
    for (char **at = environ; at && *at; at++)
        explicit_bzero(*at, strlen(*at));
    if (clearenv() != 0 || (path && setenv("PATH", path, 1) < 0))
        return error_say(err, ENOMEM, "no memory for the session's network");
    return 0;
}

static int leave_ccfs_behind(struct keeper_order *order, struct error *err)
{
    sigset_t none;
    setsid(); /* a key that interrupts the command must not take its network first */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    TRY(workspace_become_owner(order->workspace, err));
    TRY(keep_two_files(order, err));
    TRY(forget_environment(err));
    /* another user's since the line before the last one: others must find the namespaces */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || chdir("/") < 0)
        return error_set(err, errno, "leave the session's folder");
    return 0;
}

/* After each change of user or capabilities, which clears it. */
static int die_with(pid_t parent, struct error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return error_set(err, errno, "tie the network to the session");
    return getppid() == parent ? 0 : error_say(err, ESRCH, "ccfs was killed");
}

static int write_line(const char *path, const char *text, struct error *err)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    return r < 0 ? error_set(err, -r, "write %s", path) : 0;
}

/* Root in it is whoever we are now, and there is nobody else. */
static int own_user_namespace(struct error *err)
{
    char users[48];
    char groups[48];
    snprintf(users, sizeof users, "0 %u 1\n", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1\n", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
        return error_set(err, errno, "make a user namespace for the session's network");
    TRY(write_line("/proc/self/setgroups", "deny", err));
    TRY(write_line("/proc/self/uid_map", users, err));
    return write_line("/proc/self/gid_map", groups, err);
}

/* ---- the helpers' first process ---- */

/* Says hello when it is tied to the keeper: to one that is dead already it cannot, and dies. */
static void live_as_first(int hello)
{
    (void)signal(SIGCHLD, SIG_IGN); /* who is left to it, it need not wait for */
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || write(hello, "h", 1) != 1 ||
        close_range(0, ~0U, 0) < 0)
        _exit(1);
    for (;;)
        pause();
}

static int start_first(struct keeper *k, struct error *err)
{
    int ends[2];
    char word;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, errno, "make a pipe");
    CLEANUP(fd_close) int hears = ends[0];
    CLEANUP(fd_close) int says = ends[1];
    k->helpers = fork();
    if (k->helpers < 0)
        return error_set(err, errno, "start the network's first process");
    if (k->helpers == 0) {
        fd_close(&hears);
        live_as_first(says);
    }
    fd_close(&says);
    return read(hears, &word, 1) == 1
               ? 0
               : error_say(err, EIO, "the network's first process did not start");
}

/* ---- the network ---- */

static int own_network(struct error *err)
{
    return unshare(CLONE_NEWNET) < 0 ? error_set(err, errno, "make a network namespace") : 0;
}

static int wait_for_route(struct keeper *k, struct error *err)
{
    const struct timespec moment = {.tv_nsec = ROUTE_PAUSE_NS};
    for (int i = 0; i < ROUTE_TRIES; i++) {
        if (carrier_has_route())
            return 0;
        TRY(carrier_check(&k->carrier, err));
        nanosleep(&moment, NULL);
    }
    return error_say(err, ETIMEDOUT, "%s made no network within ten seconds", k->carrier.name);
}

/* In this order: helpers use the host's sockets, so they start before we leave it; the policy is in
 * force before there is a way out. */
static int make_network(struct keeper *k, struct error *err)
{
    struct keeper_order *order = &k->order;
    TRY(leave_ccfs_behind(order, err));
    if (!carrier_has_route())
        return error_say(err, ENETUNREACH, "this machine has no route to the internet");
    TRY(carrier_find(&k->carrier, err));
    TRY(own_user_namespace(err));
    TRY(die_with(order->parent, err));
    TRY(start_first(k, err));
    TRY(carrier_start(&k->carrier, err));
    TRY(own_network(err));
    TRY(fence_raise(order->policy, err));
    TRY(privilege_give_up(err));
    TRY(die_with(order->parent, err));
    TRY(carrier_go(&k->carrier, getpid(), err));
    TRY(wait_for_route(k, err));
    return probe_closed(order->policy, err);
}

/* ---- its life ---- */

static void wait_for_end(int life)
{
    struct pollfd p = {.fd = life, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        continue;
}

void keeper_live(const struct keeper_order *order)
{
    struct keeper k = {.order = *order, .carrier = CARRIER_NONE};
    struct keeper_report report = {.err = ERROR_NONE};
    int r = make_network(&k, &report.err);
    report.helpers = k.helpers;
    int told = fd_write_all(k.order.report, &report, sizeof report);
    if (r == 0 && told == 0)
        wait_for_end(k.order.life);
    _exit(r < 0);
}
