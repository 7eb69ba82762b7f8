/* touched.h - the paths that events since an instant told of. */
#ifndef LAUNCHER_TOUCHED_H
#define LAUNCHER_TOUCHED_H

#include "journal/base/arena.h"
#include "journal/history.h"

struct touched_path {
    const char *path;
    bool below; /* and everything below it: the name came, went or moved */
    int64_t
        mtime; /* of a folder in which names came or went: before the first of them; 0: unknown */
    size_t order;
};

struct touched {
    struct arena memory;
    struct touched_path *list; /* ascending, each path once, once it is sorted */
    size_t count;
    size_t room;
    uint64_t *inodes; /* ascending: whose content or metadata changed */
    size_t inode_count;
    size_t inode_room;
};
#define TOUCHED_NONE ((struct touched){0})
void touched_release(struct touched *t); /* CLEANUP */

MUST_USE int touched_collect(struct history *h, uint64_t first_event, struct touched *out,
                             struct error *err);
/* One more; touched_sort() before the next question. */
MUST_USE int touched_add(struct touched *t, const char *path, bool below, int64_t mtime);
void touched_sort(struct touched *t);

const struct touched_path *touched_find(const struct touched *t, const char *path);
/* It, or a folder above it with all that is below. */
bool touched_has(const struct touched *t, const char *path);
/* A folder above it is touched with all that is below. */
bool touched_above(const struct touched *t, const char *path);
bool touched_inode(const struct touched *t, uint64_t ino);

#endif
