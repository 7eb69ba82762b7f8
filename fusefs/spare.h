/* spare.h - private to fusefs/: the content of large files, kept ahead of the next write session.
 *
 * What cannot be kept at once is kept block by block while it is overwritten, and the kernel does not write
 * such a file without us (passthrough.h); a clone of a file in many pieces takes a while.  So where a session
 * has cost the one or left the other, the content it left is kept in the background; an open that finds the
 * file as it was then has its pre-image at once.
 *   (1) A spare is of one inode with its size and times, made while nobody could write it; it becomes the
 *       version of one session, or nothing.
 *   (2) Until then no event knows it: it goes when the file has changed, after some minutes, at the end, and
 *       after a crash with all that no event knows.
 *   (3) It costs what the session before it cost at most some times over: number, size and room are bounded.
 * Threads: any. */
#ifndef FUSEFS_SPARE_H
#define FUSEFS_SPARE_H

#include "fusefs/writing.h"

struct spares;
struct node;

MUST_USE int spares_start(struct fusefs *fs, struct spares **out, struct error *err);
void spares_stop(struct spares **spares); /* NULL is fine; it becomes NULL */

/* The session of this node's file is over: was it worth one?  Nothing happens where no thread runs. */
void spare_consider(struct fusefs *fs, struct node *node, const struct writing *w);
/* Is the whole content of the file that looks so kept already?  The version is then the caller's. */
bool spare_take(struct fusefs *fs, const struct attr *now, uint64_t *version, enum kept *kept);

#endif
