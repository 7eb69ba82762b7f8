/* tarball.h - a tree as a compressed tar archive (pax, gzip): made, rewritten, unpacked.
 *
 * With owners, times to the nanosecond, extended attributes, ACLs, hard links and holes. */
#ifndef LAUNCHER_TARBALL_H
#define LAUNCHER_TARBALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "journal/base/error.h"

struct tarball; /* being written */

/* fd: borrowed until tarball_end() or tarball_free(). */
MUST_USE int tarball_create(int fd, struct tarball **out, struct error *err);
MUST_USE int tarball_end(struct tarball **t, struct error *err);
void tarball_free(struct tarball **t); /* CLEANUP; leaves a broken archive */

/* Borrowed. */
struct tarball_item {
    const char *path; /* relative */
    struct stat st;
    int fd;              /* of a file or folder: content, attributes; -1: of what has neither */
    const char *target;  /* of a symlink */
    bool own_attributes; /* those of `xattrs` (xattr.h), not those of fd */
    const void *xattrs;
    size_t xattr_bytes;
};
MUST_USE int tarball_add(struct tarball *t, const struct tarball_item *item, struct error *err);

/* Copies what keep() wants of a finished archive.  hardlink: whose other name it is, or NULL. */
typedef bool tarball_keep(void *context, const char *path, const char *hardlink);
MUST_USE int tarball_copy(int from, struct tarball *to, tarball_keep *keep, void *context,
                          struct error *err);

/* Unpacks into the current folder, which is empty: nothing gets out of it, by "..", by an absolute
 * name or through a symlink.  *entries: how many. */
MUST_USE int tarball_unpack(int fd, uint64_t *entries, struct error *err);

#endif
