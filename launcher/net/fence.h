/* fence.h - the policy in force: loaded into the network namespace of the caller, and read back.
 *
 * Needs CAP_NET_ADMIN in the namespace. */
#ifndef LAUNCHER_NET_FENCE_H
#define LAUNCHER_NET_FENCE_H

#include "launcher/net/policy.h"

/* Reads it back: -EPERM when it is not there, or not whole; EXIT_MISSING: there is no nft. */
MUST_USE int fence_check(struct error *err);

/* Loads the ruleset and reads it back; to be called before the namespace has a way out. */
MUST_USE int fence_raise(const struct net_policy *policy, struct error *err);

#endif
