/* keeper.h - the process that makes a session's network namespace and holds it.  Private to
 * space.c.
 *
 * It lives in a user namespace of its own, in which the workspace's owner is root, and has no
 * capability once the network is made.  What it starts is in a process namespace whose first
 * process dies with it, and takes all along. */
#ifndef LAUNCHER_NET_KEEPER_H
#define LAUNCHER_NET_KEEPER_H

#include "launcher/net/contacts.h"
#include "launcher/net/policy.h"
#include "launcher/workspace.h"

/* All borrowed. */
struct keeper_order {
    const struct workspace *workspace;
    const struct net_policy *policy;
    const struct net_wish *wish;
    struct contacts *contacts; /* with an allowlist: filled while it lives */
    pid_t parent;
    int life;   /* ends when it hangs up */
    int report; /* takes one struct keeper_report; ends with the proxy of an allowlist */
};

struct keeper_report {
    pid_t helpers;    /* their first process */
    struct error err; /* code 0: the network is there */
};

/* The child's part of net_space_open(). */
void keeper_live(const struct keeper_order *order) __attribute__((noreturn));

#endif
