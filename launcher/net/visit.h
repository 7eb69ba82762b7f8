/* visit.h - is the policy of a session that runs in force?  Looked at from inside its namespace. */
#ifndef LAUNCHER_NET_VISIT_H
#define LAUNCHER_NET_VISIT_H

#include <sys/types.h>

#include "launcher/net/policy.h"

enum net_found {
    NET_FOUND_CLOSED, /* no way out at all, but perhaps a proxy's link */
    NET_FOUND_FENCED, /* the ruleset is in force, and what must be refused is */
};

/* pid: a process of the session.  policy: one of net_policy_make().  -EPERM: the policy does not
 * hold, *err says in which way; -EACCES: we may not look (root may); other errors: it could not be
 * looked at.  The caller stays where it is. */
MUST_USE int net_visit(pid_t pid, const struct net_policy *policy, enum net_found *out,
                       struct error *err);

#endif
