/* probe.h - tries, from inside a namespace, what must be closed there.
 *
 * Only to be called where the ruleset is known to be in force: a packet that it refuses does not
 * leave the machine. */
#ifndef LAUNCHER_NET_PROBE_H
#define LAUNCHER_NET_PROBE_H

#include "launcher/net/policy.h"

/* The metadata service, a LAN, another server on port 53, and the host's own addresses.  -EPERM:
 * one of them was not refused; *err says which. */
MUST_USE int probe_closed(const struct net_policy *policy, struct error *err);

#endif
