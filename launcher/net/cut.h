/* cut.h - a session's network closed at one stroke, and opened again as it was.
 *
 * By a table of its own beside that of the policy, which stays untouched: in it nothing passes. */
#ifndef LAUNCHER_NET_CUT_H
#define LAUNCHER_NET_CUT_H

#include "journal/base/strbuf.h"
#include "launcher/workspace.h"

/* For nft(8); the same twice is the same once. */
void net_cut_rules(bool cut, struct strbuf *out);

/* In the network of a session in a sandbox, of which root is the first process.  *has_network:
 * false where there was none to cut. */
MUST_USE int net_cut(const struct workspace *w, pid_t root, bool cut, bool *has_network,
                     struct error *err);

#endif
