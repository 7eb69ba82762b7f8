/* xattr.h - extended attributes as one blob: u16 name bytes, u32 value bytes, name, value, repeated
 * (little endian).  A value of XATTR_ABSENT bytes says that the attribute did not exist. */
#ifndef JOURNAL_XATTR_H
#define JOURNAL_XATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/strbuf.h"

#define XATTR_ABSENT UINT32_MAX

struct xattr {
    const char *name; /* not NUL-terminated */
    size_t name_bytes;
    const void *value;
    uint32_t value_bytes; /* or XATTR_ABSENT */
};

void xattr_pack(struct strbuf *out, const char *name, const void *value, uint32_t value_bytes);
/* Walks the blob: *at starts at 0.  1: *out filled, 0: end, -EBADMSG: damaged. */
int xattr_next(const void *blob, size_t bytes, size_t *at, struct xattr *out);
/* All attributes of an open or O_PATH descriptor (read through /proc/self/fd), packed.  Filesystems
 * without them give an empty blob.  -errno. */
int xattr_read_all(int fd, struct strbuf *out);
/* The old value of one, packed (or its absence).  -errno. */
int xattr_read_one(int fd, const char *name, struct strbuf *out);
/* Is it, of what xattr_read_one() gave, this value (or absent)? */
bool xattr_holds(const struct strbuf *one, const void *value, uint32_t value_bytes);
/* Makes the attributes of fd those of the blob: only: just the named ones, else exactly these. */
int xattr_apply(int fd, const void *blob, size_t bytes, int only);

#endif
