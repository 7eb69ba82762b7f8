/* host.h - what the host itself is and whom it asks: addresses and name servers. */
#ifndef LAUNCHER_NET_HOST_H
#define LAUNCHER_NET_HOST_H

#include <netinet/in.h>
#include <stddef.h>

#include "journal/base/error.h"

/* IPv4 addresses of all interfaces but loopback ones, sorted, each once.  *out: free(). */
MUST_USE int net_host_addresses(struct in_addr **out, size_t *count, struct error *err);

/* The name servers that the host asks, as far as somebody else than the host can ask them: not
 * those on its loopback, behind which systemd-resolved keeps a list of its own.  How many. */
size_t net_host_resolvers(struct in_addr *out, size_t limit);
/* The part of it that parses a resolv.conf. */
size_t net_resolvers_parse(const char *text, struct in_addr *out, size_t limit);

#endif
