/* unseen.h - private to fusefs/: write sessions of files that the kernel writes without us (passthrough.h).
 *
 *   (1) Such a session keeps the whole old content, and its event is on record, before the first byte can
 *       change.
 *   (2) What changed is found out by comparing: in doubt everything did.  Where nothing did, there is no event.
 *   (3) It goes on while somebody can still write unseen; what else happens to the file meanwhile may begin
 *       another one behind it, where the old content is cheap to keep.
 * All under the file's lock. */
#ifndef FUSEFS_UNSEEN_H
#define FUSEFS_UNSEEN_H

#include "fusefs/writing.h"

/* Rule 1, for wish's actor; another one's session ends behind it.  copy_limit: bytes up to which a copy is
 * made where cloning is impossible.  -EFBIG: it is larger, and no session that keeps all of it runs. */
MUST_USE int unseen_begin(struct fusefs *fs, struct file *file, const struct write_wish *wish,
                          int64_t copy_limit);
/* Rule 3.  fd: readable, of the inode, or -1. */
void unseen_renew(struct fusefs *fs, struct file *file, int fd, int64_t copy_limit);
/* Has the session's file, which is now as after says, changed since it began?  Sets the session's ranges.
 * fd: readable, or -1. */
bool unseen_changed(struct fusefs *fs, struct writing *w, int fd, const struct attr *after);

#endif
