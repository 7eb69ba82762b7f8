/* gate.h - the one way out of a session with an allowlist: a proxy in a network namespace of its
 * own, and a link to the session's, in which there is nothing else.
 *
 * So the session has no route and no name server, whoever it is; the policy is in force where the
 * proxy is, which has no capability and a user id that the session cannot have. */
#ifndef LAUNCHER_NET_GATE_H
#define LAUNCHER_NET_GATE_H

#include <sys/types.h>

#include "launcher/net/policy.h"

#define GATE_ADDRESS "192.0.0.1" /* of the proxy; RFC 7335, for links within a machine */

struct gate {
    pid_t pid; /* of the proxy, and of the owner of its namespace */
    int log;   /* what the proxy says about each contact; ends with it */
    int said;
};
#define GATE_NONE ((struct gate){.log = -1, .said = -1})

/* Policies for it name this link: policy.proxy_link. */
#define GATE_LINK "agent0"

/* Called in the session's namespace, as root of its user namespace.  When it returns both ends of
 * the link are there, and the proxy's namespace waits for a carrier: gate->pid. */
MUST_USE int gate_open(const struct net_policy *policy, const struct net_wish *wish,
                       struct gate *out, struct error *err);
/* 1: the proxy answers; 0: not yet; less: it ended, *err says why. */
MUST_USE int gate_check(struct gate *gate, struct error *err);

#endif
