/* truncate.h - private to fusefs/: a file becomes shorter or longer, and its tail is kept. */
#ifndef FUSEFS_TRUNCATE_H
#define FUSEFS_TRUNCATE_H

#include "fusefs/fs.h"

struct truncation {
    const struct handle *own; /* that the descriptor belongs to, or NULL */
    int64_t size;             /* new */
    bool kill_setid;
    bool alone; /* the gate is held for writing */
};

/* file: entered.  fd: of it, readable and writable; when the inode is swapped it is made to mean the new
 * one.  The zone was checked.  after: how it looks then (mode 0: not known); NULL where nobody asks.
 * -EAGAIN: it has to be done alone, for another inode is to take the old one's place, which an operation on
 * its name or its metadata must not meet half-way. */
int truncate_file(struct fusefs *fs, const struct caller *caller, struct file *file, int fd,
                  const struct truncation *what, struct attr *after);

#endif
