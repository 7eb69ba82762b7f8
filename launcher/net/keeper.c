/* keeper.c - see keeper.h. */
#include "launcher/net/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/net/carrier.h"
#include "launcher/net/fence.h"
#include "launcher/net/gate.h"
#include "launcher/net/owner.h"
#include "launcher/net/probe.h"
#include "launcher/net/wait.h"
#include "launcher/privilege.h"

/* Its only files beside what it makes. */
#define LIFE_FD 3
#define REPORT_FD 4

struct keeper {
    struct keeper_order order;
    pid_t helpers;
    struct carrier carrier;
    struct gate gate;         /* with an allowlist */
    struct contact_lines log; /* of it */
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

/* Of the children from now on. */
static int own_processes(struct error *err)
{
    return unshare(CLONE_NEWPID) < 0 ? error_set(err, errno, "make a process namespace") : 0;
}

static int start_first(struct keeper *k, struct error *err)
{
    char word;
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
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

static int wait_for_gate(struct keeper *k, struct error *err)
{
    for (int i = 0; i < WAIT_TRIES; i++) {
        int r = gate_check(&k->gate, err);
        if (r != 0)
            return r < 0 ? r : 0;
        TRY(carrier_check(&k->carrier, err));
        wait_moment();
    }
    return error_say(err, ETIMEDOUT, "the proxy does not answer after fifteen seconds");
}

/* The session's own namespace has the way out, and the policy is in force there before it. */
static int open_internet(struct keeper *k, struct error *err)
{
    TRY(fence_raise(k->order.policy, err));
    TRY(privilege_give_up(err));
    TRY(die_with(k->order.parent, err));
    TRY(carrier_go(&k->carrier, getpid(), err));
    TRY(carrier_wait_route(&k->carrier, err));
    return probe_closed(k->order.policy, err);
}

/* The proxy's namespace has it. */
static int open_allowlist(struct keeper *k, struct error *err)
{
    TRY(gate_open(k->order.policy, k->order.wish, &k->gate, err));
    TRY(privilege_give_up(err));
    TRY(die_with(k->order.parent, err));
    TRY(carrier_go(&k->carrier, k->gate.pid, err));
    return wait_for_gate(k, err);
}

/* Helpers that use the host's sockets start before we leave its network. */
static int make_network(struct keeper *k, struct error *err)
{
    TRY(leave_ccfs_behind(&k->order, err));
    if (!carrier_has_route())
        return error_say(err, ENETUNREACH, "this machine has no route to the internet");
    TRY(carrier_find(&k->carrier, err));
    TRY(owner_become(0, err));
    TRY(own_processes(err));
    TRY(die_with(k->order.parent, err));
    TRY(start_first(k, err));
    TRY(carrier_start(&k->carrier, err));
    TRY(own_network(err));
    return k->order.policy->mode == NET_ALLOWLIST ? open_allowlist(k, err) : open_internet(k, err);
}

/* ---- its life ---- */

/* false: the proxy has ended. */
static bool hear_proxy(struct keeper *k)
{
    char heard[2048];
    ssize_t n = read(k->gate.log, heard, sizeof heard);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    contacts_take(k->order.contacts, &k->log, heard, (size_t)n);
    return true;
}

/* Listens to the proxy until the session ends, then until the proxy has said all. */
static void live(struct keeper *k)
{
    struct pollfd polls[] = {{.fd = k->order.life, .events = POLLIN},
                             {.fd = k->gate.log, .events = POLLIN}};
    for (;;) {
        if (poll(polls, COUNT_OF(polls), -1) < 0)
            continue; /* EINTR: nothing else is possible here */
        if (polls[1].revents && !hear_proxy(k)) {
            polls[1].fd = -1;
            fd_close(&k->order.report);
        }
        if (polls[0].revents)
            break;
    }
    if (polls[1].fd < 0)
        return;
    (void)kill(k->gate.pid, SIGTERM);
    while (hear_proxy(k))
        continue;
}

void keeper_live(const struct keeper_order *order)
{
    struct keeper k = {.order = *order, .carrier = CARRIER_NONE, .gate = GATE_NONE};
    struct keeper_report report = {.err = ERROR_NONE};
    int r = make_network(&k, &report.err);
    report.helpers = k.helpers;
    int told = fd_write_all(k.order.report, &report, sizeof report);
    if (r == 0 && told == 0)
        live(&k);
    _exit(r < 0);
}
