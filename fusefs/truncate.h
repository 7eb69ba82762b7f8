/* truncate.h - private to fusefs/: a file becomes shorter or longer, and its tail is kept. */
#ifndef FUSEFS_TRUNCATE_H
#define FUSEFS_TRUNCATE_H

#include "fusefs/fs.h"

/* file: entered.  fd: of it, readable and writable; when the inode is swapped it is made to mean the new
 * one.  own: the handle that fd belongs to, or NULL.  The zone was checked.
 * alone: the gate is held for writing.  -EAGAIN: it has to be, for another inode is to take the old one's
 * place, which an operation on its name or its metadata must not meet half-way. */
int truncate_file(struct fusefs *fs, const struct caller *caller, struct file *file, int fd,
                  const struct handle *own, int64_t size, bool kill_setid, bool alone);

#endif
