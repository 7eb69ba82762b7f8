/* privilege.h - how little the daemon may do before it meets its first request. */
#ifndef LAUNCHER_PRIVILEGE_H
#define LAUNCHER_PRIVILEGE_H

#include "launcher/workspace.h"

/* As root, for good: on somebody else's workspace becomes its owner and keeps CAP_SYS_ADMIN alone
 * (the mount itself, kernel passthrough); on root's own keeps what acting for every caller needs.
 * As a normal user does nothing: fusermount3 is setuid, so no_new_privs would forbid the mount. */
MUST_USE int privilege_drop(const struct workspace *w, struct error *err);

/* All capabilities of this process, for good; its user stays. */
MUST_USE int privilege_give_up(struct error *err);

#endif
