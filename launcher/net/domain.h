/* domain.h - which names an allowlist means.
 *
 *   example.com           this name, ports 80 and 443
 *   *.example.com         it and all names below it; so does .example.com
 *   git.example.com:8443  this port only */
#ifndef LAUNCHER_NET_DOMAIN_H
#define LAUNCHER_NET_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

struct net_domain {
    char name[254]; /* lower case, at least two labels, without a dot at either end */
    bool below;     /* and the names below it */
    uint16_t port;  /* 0: 80 and 443 */
};

/* Refused: what is no name (addresses, pages, other scripts than xn--), and what is too wide to be
 * meant (a whole top-level domain).  *err says why, without the text itself. */
MUST_USE int net_domain_parse(const char *text, struct net_domain *out, struct error *err);

/* Everything that b allows, a allows too. */
bool net_domain_covers(const struct net_domain *a, const struct net_domain *b);

/* What Claude Code and the usual package managers need. */
extern const char *const net_domain_defaults[];
extern const size_t net_domain_default_count;

#endif
