/* dead.c - see dead.h.
 *
 * The asker writes a struct answer for each name as it knows it, so that who listens may stop at
 * any time. */
#include "launcher/net/dead.h"

#include <arpa/nameser.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/child.h"

#define ASK_SECONDS 1
#define SERVERS_ASKED 3 /* as many as the resolver takes */

struct answer {
    struct net_domain name;
    bool exists;
};

/* ---- the child ---- */

static void use_servers(struct __res_state *state, const struct net_policy *policy)
{
    state->retrans = ASK_SECONDS;
    state->retry = 1;
    state->options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
    if (policy->dns_count == 0)
        return; /* the host's own */
    state->nscount = 0;
    for (size_t i = 0; i < policy->dns_count && i < SERVERS_ASKED; i++)
        state->nsaddr_list[state->nscount++] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(NAMESERVER_PORT), .sin_addr = policy->dns[i]};
}

/* false: nobody says whether it does. */
static bool ask(struct __res_state *state, const char *name, bool *exists)
{
    unsigned char reply[2048];
    if (res_nquery(state, name, ns_c_in, ns_t_a, reply, sizeof reply) >= 0) {
        *exists = true;
        return true;
    }
    *exists = state->res_h_errno == NO_DATA;
    return *exists || state->res_h_errno == HOST_NOT_FOUND;
}

static void live_as_asker(const struct net_wish *wish, int says, pid_t parent)
{
    struct net_policy policy = NET_POLICY_NONE;
    struct net_domain *domains = NULL;
    struct __res_state state = {0};
    size_t count = 0;
    bool ready = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent &&
                 net_policy_make(wish, &policy, NULL) == 0 &&
                 net_policy_domains(wish, &domains, &count, NULL) == 0 && res_ninit(&state) == 0;
    if (!ready)
        _exit(1);
    use_servers(&state, &policy);
    for (size_t i = 0; i < count; i++) {
        struct answer answer = {.name = domains[i]};
        if (ask(&state, domains[i].name, &answer.exists) &&
            fd_write_all(says, &answer, sizeof answer) < 0)
            break;
    }
    _exit(0);
}

void dead_begin(const struct net_wish *wish, struct dead_search *out)
{
    int ends[2];
    pid_t parent = getpid();
    *out = DEAD_SEARCH_NONE;
    if (wish->mode != NET_ALLOWLIST || pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        fd_close(&ends[0]);
        (void)signal(SIGPIPE, SIG_DFL);
        live_as_asker(wish, ends[1], parent);
    }
    fd_close(&ends[1]);
    if (pid < 0)
        fd_close(&ends[0]);
    else
        *out = (struct dead_search){.asker = pid, .heard = ends[0]};
}

/* ---- the parent ---- */

static void keep(struct dead_names *out, const struct net_domain *name)
{
    if (out->count < DEAD_SHOWN)
        out->names[out->count++] = *name;
    else
        out->more++;
}

static bool is_there(int fd, int64_t end)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left = (end - clock_now_ns()) / (NS_PER_S / 1000);
    return poll(&p, 1, left > 0 ? (int)left : 0) > 0;
}

static void hear(int fd, int patience_ms, struct dead_names *out)
{
    const int64_t end = clock_now_ns() + patience_ms * (NS_PER_S / 1000);
    struct answer answer;
    size_t answers = 0;
    while (is_there(fd, end) && read(fd, &answer, sizeof answer) == (ssize_t)sizeof answer) {
        answers++;
        if (!answer.exists)
            keep(out, &answer.name);
    }
    if (answers > 1 && out->count + out->more == answers)
        *out = (struct dead_names){.count = 0};
}

void dead_take(struct dead_search *search, int patience_ms, struct dead_names *out)
{
    *out = (struct dead_names){.count = 0};
    if (search->asker > 0)
        hear(search->heard, patience_ms, out);
}

void dead_close(struct dead_search *search)
{
    fd_close(&search->heard);
    if (search->asker <= 0)
        return;
    (void)kill(search->asker, SIGKILL);
    (void)child_wait(search->asker);
    search->asker = 0;
}

void dead_tell(struct dead_search *search)
{
    struct dead_names dead;
    dead_take(search, 0, &dead);
    dead_close(search);
    for (size_t i = 0; i < dead.count; i++)
        log_line("network.allow: no name server knows %s: is it misspelled?", dead.names[i].name);
    if (dead.more)
        log_line("network.allow: %zu more names are unknown", dead.more);
}
