/* walk.h - goes through a workspace's files, and not for ever.
 *
 * Follows no symlink, opens nothing but folders, passes by .ccfs and what programs put there by the
 * thousand (node_modules and its like). */
#ifndef LAUNCHER_DOCTOR_WALK_H
#define LAUNCHER_DOCTOR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "journal/base/error.h"

struct walk_place {
    int folder;       /* open */
    const char *name; /* in it */
    const char *path; /* from the workspace on */
    struct stat st;
};
enum walk_wish {
    WALK_ON,
    WALK_PAST, /* of a folder: not into it */
    WALK_END,
};
typedef enum walk_wish walk_visit(void *context, const struct walk_place *place);

struct walk {
    walk_visit *visit;
    void *context;
    uint64_t seen;
    bool cut_short; /* by its own bounds: there is more */
};
MUST_USE int walk_tree(int root, struct walk *walk, struct error *err);

#endif
