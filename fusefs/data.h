/* data.h - private to fusefs/: what is inside a file. */
#ifndef FUSEFS_DATA_H
#define FUSEFS_DATA_H

#include "fusefs/fs.h"

/* A file's lock, held: nobody else opens, writes or truncates it meanwhile.
 *     CLEANUP(turn_end) struct turn turn = TURN_NONE;
 *     TRY(turn_take(fs, node, &turn)); */
struct turn {
    struct fusefs *fs;
    struct file *file; /* NULL: none */
};
#define TURN_NONE ((struct turn){.file = NULL})
MUST_USE int turn_take(struct fusefs *fs, struct node *node, struct turn *out);
void turn_end(struct turn *turn);

/* What an open with these flags wishes. */
enum wish data_wish(int flags);
/* What an open gave. */
struct opened {
    uint64_t handle;
    enum way way;
    int backing;     /* the kernel's number; 0: cached */
    bool keep_cache; /* what the kernel has cached of it is still good */
};
int data_open(struct fusefs *fs, const struct caller *caller, uint64_t number, int flags,
              bool kill_setid, struct opened *out);
/* Bytes written or -errno.  from_cache: a store that the kernel wrote back, of nobody it could name. */
ssize_t data_write(struct fusefs *fs, const struct caller *caller, uint64_t handle,
                   const void *data, size_t bytes, int64_t offset, int flags, bool from_cache,
                   bool kill_setid);
int data_allocate(struct fusefs *fs, const struct caller *caller, uint64_t handle, int mode,
                  int64_t offset, int64_t length);
ssize_t data_copy(struct fusefs *fs, const struct caller *caller, uint64_t from,
                  int64_t from_offset, uint64_t to, int64_t to_offset, size_t bytes);
int data_sync(struct fusefs *fs, uint64_t handle, bool data_only);
int data_sync_folder(struct fusefs *fs, uint64_t number);
/* fd (taken) becomes a handle of the file.  now: how it looks, if that was seen in this turn; NULL: not. */
MUST_USE int data_hand_out(struct turn *turn, const struct caller *caller, int fd, int flags,
                           const struct attr *now, struct opened *out);
/* The kernel has closed it. */
int data_release(struct fusefs *fs, uint64_t handle);
/* The same, and it is over. */
int data_drop(struct fusefs *fs, uint64_t handle);

/* Ends the write session of an inode before something else happens to it.  false: nobody has it open. */
bool data_settle(struct fusefs *fs, struct node *node);
/* Whoever writes it unseen goes on in a session of its own, behind what happened to its name. */
void data_renew(struct fusefs *fs, struct node *node);

enum settling {
    SETTLE_REPORT, /* records what all open handles have written so far */
    SETTLE_RENEW,  /* what comes from now on belongs to other events */
    SETTLE_END,    /* nothing comes any more */
};
void data_settle_all(struct fusefs *fs, enum settling how);

#endif
