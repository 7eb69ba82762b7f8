/* carrier.h - the program that carries a namespace's packets to the host's sockets: pasta, or
 * slirp4netns.  It needs no privilege on the host, and forwards nothing in. */
#ifndef LAUNCHER_NET_CARRIER_H
#define LAUNCHER_NET_CARRIER_H

#include <stdbool.h>
#include <sys/types.h>

#include "journal/base/error.h"

struct carrier {
    const char *name;
    char path[4096];
    pid_t pid;
    int target; /* whose namespace is told here; -1: nobody waits */
    int said;
};
#define CARRIER_NONE ((struct carrier){.target = -1, .said = -1})

/* Is there one, and may it have its device?  Says what to install or to open. */
MUST_USE int carrier_find(struct carrier *out, struct error *err);
/* Starts it in the present network namespace, whose sockets it uses; it waits for carrier_go(). */
MUST_USE int carrier_start(struct carrier *c, struct error *err);
/* Attaches it to the namespace of pid, which must not hold more capabilities than it does. */
MUST_USE int carrier_go(struct carrier *c, pid_t pid, struct error *err);
/* It ended, which it should not: says why. */
MUST_USE int carrier_check(struct carrier *c, struct error *err);
void carrier_close(struct carrier *c);

/* Has the network namespace of the caller a default route? */
bool carrier_has_route(void);
/* Until it has one, fifteen seconds at the most.  c: a child of the caller, whose end is noticed;
 * NULL: somebody else's. */
MUST_USE int carrier_wait_route(struct carrier *c, struct error *err);

#endif
