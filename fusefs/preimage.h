/* preimage.h - private to fusefs/: keeps what an operation on names is about to destroy.
 *
 * What a write destroys is writing.c's, what a truncation does truncate.c's. */
#ifndef FUSEFS_PREIMAGE_H
#define FUSEFS_PREIMAGE_H

#include "fusefs/fs.h"
#include "journal/base/strbuf.h"

/* Before a version is made: may the vault take more?  A refusal is on record. */
MUST_USE int preimage_room(struct fusefs *fs, const struct change_spec *spec, struct error *err);
/* The extended attributes of a folder that is about to go. */
MUST_USE int preimage_folder(const struct place *at, struct strbuf *xattrs);
/* The inode at a place, whose name is about to be taken by another: linked into the vault; where linking
 * is not allowed, copied there with all its metadata. */
MUST_USE int preimage_inode(struct fusefs *fs, const struct place *at, uint64_t version,
                            const struct attr *attr, struct error *err);
/* What stands at a place and has other names, before this one goes: a clone or a copy; where it is too
 * large or unreadable, another link, which preimage_link() makes once the change has begun.  Nothing where one more name is known to lie in the workspace:
 * names outside are nothing to rely on, what happens to them is not seen.  Fills spec->version, kept
 * and xattrs (in *xattrs); the caller discards the version if the change does not begin. */
MUST_USE int preimage_name(struct fusefs *fs, const struct place *at, struct node *node,
                           const struct attr *attr, struct change_spec *spec, struct strbuf *xattrs,
                           struct error *err);
MUST_USE int preimage_link(struct fusefs *fs, const struct place *at,
                           const struct change_spec *spec, struct error *err);
/* Others may write a file unseen while it is copied or cloned: does it still look so, or is it too dear
 * to be kept once more?  It is kept anew until then, PREIMAGE_LOOKS times at the most; at last its size
 * is that of what was kept. */
#define PREIMAGE_LOOKS 16
bool preimage_rests(const struct fusefs *fs, int fd, enum kept kept, const struct attr *seen);
void preimage_fit(struct fusefs *fs, uint64_t version, enum kept kept, struct attr *seen);
/* Is it the inode itself, not a copy, that preimage_inode() has put there? */
bool preimage_is_inode(struct fusefs *fs, uint64_t version, const struct attr *attr);
/* Gives a fresh file in the vault the owner, mode, xattrs and times of another. */
MUST_USE int preimage_dress(int from, int to, const struct attr *attr, struct error *err);

#endif
