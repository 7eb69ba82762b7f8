/* writing.h - private to fusefs/: a write session, from the first byte that changes to the last close.
 *
 *   (1) No byte below the old end changes before its pre-image is in the vault and the event is recorded.
 *   (2) One session belongs to one process; another writer ends it and begins its own.
 *   (3) Its memory is bounded: a bitmap of at most 256 KiB, 64 ranges (neighbours are merged beyond).
 * All under the file's lock. */
#ifndef FUSEFS_WRITING_H
#define FUSEFS_WRITING_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"

struct fusefs;
struct file;

#define WRITING_RANGES 64

struct writing {
    uint64_t event; /* 0: no session */
    struct actor_ref who;
    int64_t began;
    struct attr before;
    uint64_t version; /* 0: nothing kept yet, because nothing old was touched */
    enum kept kept;
    int blocks; /* KEPT_BLOCKS: its descriptor */
    int64_t block_bytes;
    uint8_t *captured; /* KEPT_BLOCKS: a bit a block */
    struct range ranges[WRITING_RANGES];
    size_t range_count;
    bool reported; /* nothing changed since it was last reported */
    /* The kernel writes without us (unseen.h): all is kept, what changed is found later. */
    bool unseen;
    bool changed; /* unseen: something did */
};
#define WRITING_NONE ((struct writing){.blocks = -1})

struct write_wish {
    struct actor_ref who;
    pid_t tid;
    bool inferred;
    bool zeroes;            /* the range becomes zeros: its holes lose nothing */
    int fd;                 /* readable where old bytes must be kept */
    const struct attr *now; /* of it, where that was seen under this lock; NULL: not */
    int64_t offset;
    int64_t length; /* INT64_MAX - offset: to the end of the file */
};

/* Makes sure of rule 1 for the wish.  0, or -errno: then the write must not happen. */
MUST_USE int writing_prepare(struct fusefs *fs, struct file *file, const struct write_wish *wish);
/* It happened: length bytes at offset. */
void writing_done(struct fusefs *fs, struct file *file, int fd, int64_t offset, int64_t length);
/* Records where the session stands, without ending it. */
void writing_report(struct fusefs *fs, struct file *file, int fd);
/* Before something else happens to the file: ends it, or, where somebody still writes unseen, records where
 * it stands. */
void writing_settle(struct fusefs *fs, struct file *file, int fd);
/* Ends it; no session is fine.  fd: any descriptor of the inode, -1: find one by the node. */
void writing_end(struct fusefs *fs, struct file *file, int fd);

/* For unseen.c: begins the event of a session that has kept what it must; and one more range of it. */
MUST_USE int writing_record(struct fusefs *fs, struct file *file, struct writing *w,
                            const struct write_wish *wish, struct error *err);
void writing_add_range(struct writing *w, int64_t offset, int64_t length);

#endif
