/* list.h - private to fusefs/: what is in a folder. */
#ifndef FUSEFS_LIST_H
#define FUSEFS_LIST_H

#include "fusefs/fs.h"
#include "fusefs/tree.h"

int list_open(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t *handle);

struct list_item {
    const char *name; /* until the next call on the handle */
    uint64_t ino;
    uint32_t type;
    int64_t next; /* offset of the item behind it */
};

/* Takes the handle's lock until list_end(): items come from offset on.  -EBADF. */
int list_begin(struct fusefs *fs, uint64_t handle, int64_t offset, struct handle **out);
int list_next(struct fusefs *fs, struct handle *handle, struct list_item *out); /* 1, 0: end, -errno */
void list_end(struct handle *handle);
/* The item becomes known to the kernel (readdirplus); -ENOENT: it is gone meanwhile. */
int list_meet(struct fusefs *fs, const struct handle *handle, const struct list_item *item,
              struct entry *out);

#endif
