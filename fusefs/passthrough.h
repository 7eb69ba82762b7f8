/* passthrough.h - private to fusefs/: which files the kernel reads and writes without us.
 *
 * The kernel holds all handles of an inode to one kind, cached or passed through, and refuses what does not
 * fit; so the way is chosen under the file's lock, which is held until the handle counts.
 *   (1) Nobody gets a way on which changes are unseen before the whole old content is kept (unseen.h).
 *   (2) What must be seen is never passed through: one event for each write, setuid files.
 *   (3) Where it cannot be had (no CAP_SYS_ADMIN, an older kernel, a filesystem that refuses) all is cached. */
#ifndef FUSEFS_PASSTHROUGH_H
#define FUSEFS_PASSTHROUGH_H

#include "fusefs/fs.h"

/* Whether it may be asked for: privilege, and a filesystem on which is_quiet() can tell and a store
 * through a mapping shows in the times. */
bool passthrough_is_possible(const struct fusefs *fs);

/* fd: the inode, as the handle will have it; flags: as open(2); now: how it looks, NULL: not known.  Under
 * the file's lock.  -errno: what must be kept first could not be. */
MUST_USE int passthrough_choose(struct fusefs *fs, struct file *file, const struct caller *caller,
                                int fd, int flags, const struct attr *now, enum way *out);
/* A handle of this kind counts, or does not any more. */
void passthrough_join(struct fusefs *fs, struct file *file, enum way way, int flags);
void passthrough_leave(struct fusefs *fs, struct file *file, enum way way, int flags);
/* The kernel's number of the backing file is given back when nobody uses it. */
void passthrough_tidy(struct fusefs *fs, struct file *file);

/* Nobody has the inode open for writing or mapped so.  fd: read-only. */
bool passthrough_is_quiet(int fd);

#endif
