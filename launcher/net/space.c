/* space.c - see space.h. */
#include "launcher/net/space.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/net/keeper.h"
#include "launcher/pidfd.h"

#define GRACE_MS 3000

static int hear(int fd, struct keeper_report *out, struct error *err)
{
    size_t got = 0;
    ssize_t n = 0;
    while (got < sizeof *out && (n = read(fd, (char *)out + got, sizeof *out - got)) != 0) {
        if (n < 0 && errno != EINTR)
            return error_set(err, errno, "hear of the session's network");
        got += n > 0 ? (size_t)n : 0;
    }
    if (got < sizeof *out)
        return error_say(err, EIO, "the keeper of the session's network ended without a word");
    return error_pass(err, &out->err);
}

static int start_keeper(const struct keeper_order *order, struct net_space *s, struct error *err)
{
    s->keeper = fork();
    if (s->keeper < 0) {
        s->keeper = 0;
        return error_set(err, errno, "start the keeper of the session's network");
    }
    if (s->keeper == 0) {
        fd_close(&s->life); /* so that the parent's end is the last one */
        keeper_live(order);
    }
    s->namespaces = pidfd_of(s->keeper);
    return s->namespaces < 0 ? error_set(err, errno, "watch the session's network") : 0;
}

int net_space_open(const struct workspace *w, const struct net_policy *policy,
                   const struct net_wish *wish, struct contacts *contacts, struct net_space *out,
                   struct error *err)
{
    CLEANUP(net_space_close) struct net_space s = NET_SPACE_NONE;
    struct keeper_report said;
    CLEANUP(fd_close) int life_reads = -1;
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&life_reads, &s.life, err));
    TRY(fd_pipe(&hears, &says, err));
    const struct keeper_order order = {.workspace = w,
                                       .policy = policy,
                                       .wish = wish,
                                       .contacts = contacts,
                                       .parent = getpid(),
                                       .life = life_reads,
                                       .report = says};
    TRY(start_keeper(&order, &s, err));
    fd_close(&says);
    TRY(hear(hears, &said, err));
    s.proxy = contacts ? fd_take(&hears) : -1;
    s.helpers = pidfd_of(said.helpers);
    if (s.helpers < 0)
        return error_set(err, errno, "watch the session's network");
    *out = s;
    s = NET_SPACE_NONE;
    return 0;
}

int net_space_enter(const struct net_space *s, struct error *err)
{
    if (s->keeper && setns(s->namespaces, CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return error_set(err, errno, "enter the session's network");
    return 0;
}

void net_space_close(struct net_space *s)
{
    fd_close(&s->life);
    if (s->keeper) {
        (void)pidfd_wait(s->namespaces, GRACE_MS); /* the proxy may have something to say yet */
        (void)kill(s->keeper, SIGKILL);
        (void)child_wait(s->keeper);
    }
    pidfd_wait_gone(s->helpers); /* which the keeper took along */
    fd_close(&s->proxy);
    fd_close(&s->namespaces);
    fd_close(&s->helpers);
    *s = NET_SPACE_NONE;
}
