/* mapped.h - private to fusefs/: mappings that outlive the handle they were made by.
 *
 * The kernel closes a passed-through file while its mapping lives on, and stores in that are unseen.  So the
 * handle stays among the file's writers, unknown to the kernel, until nobody has the inode mapped for
 * writing: only then its write session ends. */
#ifndef FUSEFS_MAPPED_H
#define FUSEFS_MAPPED_H

#include "fusefs/fs.h"

/* May a mapping be left of this handle, which the kernel has closed?  Then it is put aside. */
bool mapped_put_aside(struct fusefs *fs, struct handle *handle, uint64_t number);
/* Releases those of the oldest `most` that nobody has mapped any more. */
void mapped_sweep(struct fusefs *fs, size_t most);
void mapped_free(struct mapped *mapped);

#endif
