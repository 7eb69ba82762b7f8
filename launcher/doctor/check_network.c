/* check_network.c - is the policy of the sessions that run in force, and does an allowlist name
 * what exists? */
#include <errno.h>
#include <inttypes.h>

#include "launcher/control_client.h"
#include "launcher/doctor/checks.h"
#include "launcher/net/dead.h"
#include "launcher/net/visit.h"

#define NAMES_MS 5000

/* ---- sessions ---- */

static void check_session(struct doctor *d, const struct net_policy *policy, uint64_t session,
                          pid_t root)
{
    struct error err = ERROR_NONE;
    enum net_found found = NET_FOUND_CLOSED;
    int r = net_visit(root, policy, &found, &err);
    if (r == -EPERM)
        doctor_say(d, VERDICT_FAIL, "session %" PRIu64 ": %s", session, err.message);
    else if (r == -EACCES)
        doctor_say_fix(d, VERDICT_WARN, "sudo ccfs doctor",
                       "only root may look at the network of session %" PRIu64, session);
    else if (r < 0)
        doctor_say_error(d, VERDICT_WARN, &err);
    else if (found == NET_FOUND_CLOSED)
        doctor_say(d, VERDICT_OK, "session %" PRIu64 ": it has no way out of its own", session);
    else
        doctor_say(d, VERDICT_OK,
                   "session %" PRIu64
                   ": the network policy is in force, and what must be closed is",
                   session);
}

/* Whatever the session was started with: what is closed is closed with every policy. */
static int make_policy(const struct doctor *d, struct net_policy *out, struct error *err)
{
    struct net_wish wish = d->config.network;
    wish.mode = NET_INTERNET;
    return net_policy_make(&wish, out, err);
}

static int check_sessions(struct doctor *d, struct control *daemon, struct error *err)
{
    CLEANUP(net_policy_release) struct net_policy policy = NET_POLICY_NONE;
    TRY(control_ask(daemon, "status", NULL, NULL, err));
    uint64_t session = 0;
    pid_t root = 0;
    const char *roots = control_value(daemon, "roots");
    if (!roots || !roots[0]) {
        doctor_say(d, VERDICT_OK, "no session runs");
        return 0;
    }
    TRY(make_policy(d, &policy, err));
    while (control_next_root(&roots, &session, &root))
        check_session(d, &policy, session, root);
    return 0;
}

void check_policy(struct doctor *d)
{
    struct error err = ERROR_NONE;
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    int runs = control_connect(d->workspace.root, &daemon, &err);
    if (runs > 0)
        runs = check_sessions(d, &daemon, &err);
    if (runs < 0)
        doctor_say_error(d, VERDICT_WARN, &err);
}

/* ---- names ---- */

void check_domains(struct doctor *d)
{
    struct net_wish wish = d->config.network;
    CLEANUP(dead_close) struct dead_search search = DEAD_SEARCH_NONE;
    struct dead_names dead;
    if (wish.mode != NET_ALLOWLIST && wish.allow_count == 0)
        return;
    wish.mode = NET_ALLOWLIST;
    dead_begin(&wish, &search);
    dead_take(&search, NAMES_MS, &dead);
    for (size_t i = 0; i < dead.count; i++)
        doctor_say(d, VERDICT_WARN, "network.allow: no name server knows %s", dead.names[i].name);
    if (dead.more)
        doctor_say(d, VERDICT_WARN, "network.allow: %zu more names are unknown", dead.more);
    if (!dead.count)
        doctor_say(d, VERDICT_OK, "no name of the allowlist is known to be dead");
}
