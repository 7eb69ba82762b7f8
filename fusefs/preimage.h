/* preimage.h - private to fusefs/: keeps what an operation on names is about to destroy.
 *
 * What a write destroys is writing.c's, what a truncation does truncate.c's. */
#ifndef FUSEFS_PREIMAGE_H
#define FUSEFS_PREIMAGE_H

#include "fusefs/fs.h"
#include "journal/base/strbuf.h"

/* The extended attributes of a folder that is about to go. */
MUST_USE int preimage_folder(const struct place *at, struct strbuf *xattrs);
/* The inode at a place, whose name is about to be taken by another: linked into the vault; where linking
 * is not allowed, copied there with all its metadata. */
MUST_USE int preimage_inode(struct fusefs *fs, const struct place *at, uint64_t version,
                            const struct attr *attr, struct error *err);
/* Gives a fresh file in the vault the owner, mode, xattrs and times of another. */
MUST_USE int preimage_dress(int from, int to, const struct attr *attr, struct error *err);

#endif
