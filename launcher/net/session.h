/* session.h - the network that a session in this machine's sandbox gets: what was wished for, or,
 * by default, what this machine can give. */
#ifndef LAUNCHER_NET_SESSION_H
#define LAUNCHER_NET_SESSION_H

#include "launcher/net/policy.h"
#include "launcher/net/space.h"

/* The policy in force, its namespace, and with an allowlist what is contacted
 * (net_policy_release(), net_space_close(), contacts_free()).  Where the
 * machine has no network, or cannot make one and nobody asked for it, the policy is "none" and a
 * line says why; where it cannot and somebody asked, that is an error. */
MUST_USE int net_session_open(const struct workspace *w, const struct net_wish *wish,
                              struct net_policy *policy, struct net_space *space,
                              struct contacts **contacts, struct error *err);

#endif
