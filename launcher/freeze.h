/* freeze.h - all processes of a session in a sandbox held still, and let go on.
 *
 * By its cgroup where there is one that can (v2), else by SIGSTOP, parents first, until nobody new
 * has come.  Doing it twice is doing it once. */
#ifndef LAUNCHER_FREEZE_H
#define LAUNCHER_FREEZE_H

#include <stddef.h>
#include <sys/types.h>

#include "journal/base/error.h"

/* root: the session's first process.  -ESRCH: it has ended.  *count: how many processes it has. */
MUST_USE int freeze_session(pid_t root, size_t *count, struct error *err);
MUST_USE int thaw_session(pid_t root, size_t *count, struct error *err);

#endif
