/* list.h - private to fusefs/: what is in a folder.
 *
 * Nothing is kept between two requests: the kernel says folder and offset, and keeps listings itself. */
#ifndef FUSEFS_LIST_H
#define FUSEFS_LIST_H

#include "fusefs/fs.h"
#include "fusefs/tree.h"

/* May it be listed?  0 or -errno, recorded.  *same: nothing came or went since it was listed last. */
int list_open(struct fusefs *fs, const struct caller *caller, uint64_t number, bool *same);

struct list_item {
    const char *name; /* until the next call */
    uint64_t ino;
    uint32_t type;
    int64_t next; /* offset of the item behind it */
};

struct listing {
    struct fusefs *fs;
    int fd;
    struct place place; /* of the folder; its name is the item's */
    bool hides;         /* something in it is not shown */
    char *buffer;
    size_t room, filled, at;
};
/* From offset on, in pieces that fill about `bytes` of a reply.  list_end() it also after an error.
 * -ESTALE, -errno. */
MUST_USE int list_begin(struct fusefs *fs, uint64_t number, int64_t offset, size_t bytes,
                        struct listing *out);
int list_next(struct listing *listing, struct list_item *out); /* 1, 0: end, -errno */
/* The item becomes known to the kernel (readdirplus); -ENOENT: it is gone meanwhile. */
int list_meet(struct listing *listing, const struct list_item *item, struct entry *out);
void list_end(struct listing *listing);

#endif
