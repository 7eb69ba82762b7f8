/* dead.h - which names of an allowlist nobody knows: asked beside whatever else goes on.
 *
 * The name servers of the session are asked.  A name is dead when one of them says that it does not
 * exist; one that does not answer says nothing, and when all names are said to be dead, it is the
 * server that is not to be believed. */
#ifndef LAUNCHER_NET_DEAD_H
#define LAUNCHER_NET_DEAD_H

#include <sys/types.h>

#include "launcher/net/policy.h"

#define DEAD_SHOWN 8

struct dead_search {
    pid_t asker; /* 0: none */
    int heard;
};
#define DEAD_SEARCH_NONE ((struct dead_search){.heard = -1})

struct dead_names {
    struct net_domain names[DEAD_SHOWN];
    size_t count; /* of names */
    size_t more;
};

/* Begins to ask, in a child, where the wish is an allowlist. */
void dead_begin(const struct net_wish *wish, struct dead_search *out);
/* What is known by now, or after patience_ms at the most. */
void dead_take(struct dead_search *search, int patience_ms, struct dead_names *out);
void dead_close(struct dead_search *search); /* CLEANUP(dead_close): nobody asks any more */

/* Both: a line on stderr for each that is known to be dead by now. */
void dead_tell(struct dead_search *search);

#endif
