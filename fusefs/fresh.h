/* fresh.h - private to fusefs/: do the pages that the kernel keeps of a file hold what the file
 * holds?
 *
 * The kernel is not left to guess it by the time of the last change (FUSE_AUTO_INVAL_DATA).  It
 * would drop a file's pages at every write of its own users too, also the page whose WRITE is still
 * on its way here; whoever reads that page meanwhile brings back the old bytes, and they stay
 * (fs/fuse/file.c, fuse_fill_write_pages() lets go of the page before it is written).  Databases
 * lost rows by it.  So the daemon compares: (1) A node knows the size and time of change of the
 * content that the kernel's pages are of. (2) A change through us moves that on, under the file's
 * lock; any other was made behind our back. (3) A file that is open keeps its old size and time in
 * our replies until its pages are dropped: the new size beside an old page would show zeros. (4) While the kernel reads a file without us
 * (passthrough.h) it uses no pages of its own; they are judged at the next open that does. */
#ifndef FUSEFS_FRESH_H
#define FUSEFS_FRESH_H

#include "fusefs/fs.h"

/* The thread that looks after open files: tells the kernel what is new, and the journal what was written
 * without us. */
struct fresh;

MUST_USE int fresh_start(struct fusefs *fs, struct fresh **out, struct error *err);
void fresh_stop(struct fresh **fresh);

/* Under the file's lock, fd just opened: may the kernel keep what it has of it? */
bool fresh_open(struct fusefs *fs, struct node *node, int fd);
/* Of a folder that is opened: may the kernel keep its listing? */
int fresh_folder(struct fusefs *fs, struct node *node, bool *same);
/* Under the file's lock, around a change through us of the content or its time. */
void fresh_before(struct fusefs *fs, struct node *node, int fd);
void fresh_after(struct fusefs *fs, struct node *node, int fd);
/* What a reply may say of the node with that number: rule 3. */
void fresh_reply(struct fusefs *fs, uint64_t number, struct statx *x);

#endif
