/* space.h - a session's own network: made before its command starts, gone with it.
 *
 *   (1) The policy is in force before the namespace has a way out, and has been tried before
 *       net_space_open() comes back.
 *   (2) Whoever enters has no capability over it that survives the sandbox's own user namespace.
 *   (3) When we die, however, the kernel kills the keeper and with it all that it started. */
#ifndef LAUNCHER_NET_SPACE_H
#define LAUNCHER_NET_SPACE_H

#include "launcher/net/contacts.h"
#include "launcher/net/policy.h"
#include "launcher/workspace.h"

struct net_space {
    pid_t keeper;   /* child of ours that owns the namespaces; 0: there is none */
    int namespaces; /* pidfd of it */
    int helpers;    /* pidfd of the process with which its helpers end */
    int life;       /* it ends when this is closed */
    int proxy;      /* with an allowlist: hangs up when the proxy has ended */
};
#define NET_SPACE_NONE                                                                             \
    ((struct net_space){.namespaces = -1, .helpers = -1, .life = -1, .proxy = -1})

/* As the workspace's owner.  contacts: with an allowlist, whole after net_space_close().
 * -ENETUNREACH: the machine itself has no network.  EXIT_MISSING,
 * EXIT_PERMISSION: says what to install or to open. */
MUST_USE int net_space_open(const struct workspace *w, const struct net_policy *policy,
                            const struct net_wish *wish, struct contacts *contacts,
                            struct net_space *out, struct error *err);
/* For a child of ours that is the workspace's owner already: it is in there from now on, as root of
 * a user namespace with this one user. */
MUST_USE int net_space_enter(const struct net_space *s, struct error *err);
/* CLEANUP(net_space_close): afterwards nothing of it is left. */
void net_space_close(struct net_space *s);

#endif
