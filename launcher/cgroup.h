/* cgroup.h - bounds all processes of a session together, where cgroups can be written (v2 or v1).
 */
#ifndef LAUNCHER_CGROUP_H
#define LAUNCHER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "launcher/config.h"

struct cgroup {
    char memory[256]; /* folders; "" where that limit is not kept by a cgroup */
    char processes[256];
};
#define CGROUP_NONE ((struct cgroup){0})

/* Makes the groups and puts pid into them.  What cannot be made stays "": rlimits must do. */
void cgroup_make(pid_t pid, const struct sandbox_limits *limits, struct cgroup *out);
/* Removes them; they must be empty of processes. */
void cgroup_remove(struct cgroup *group); /* CLEANUP(cgroup_remove) */

/* "cgroup v2", "cgroup v1" or "rlimits": what would bound a session of ours. */
const char *cgroup_kind(void);

/* All processes of the group that cgroup_make() made for root: held still, or let go on.  false: there
 * is no group that can do that. */
bool cgroup_freeze(pid_t root, bool frozen);

#endif
