/* tar.h - folders and files as a tar stream; the door to libarchive. */
#ifndef LAUNCHER_TAR_H
#define LAUNCHER_TAR_H

#include <stddef.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

/* Borrowed. */
struct tar_file {
    const char *name;
    const void *data;
    size_t bytes;
};

/* Ordinary files, 0644, root's, without a time: the same files make the same bytes. */
MUST_USE int tar_files(const struct tar_file *files, size_t count, struct strbuf *out,
                       struct error *err);

/* Everything below root, with owners, modes, links and xattrs, but nothing setuid or setgid, and
 * no other filesystem; written to fd. */
MUST_USE int tar_tree(const char *root, int fd, struct error *err);

/* What the first ordinary file of an archive in memory holds, appended to out.  -ENOENT: it has
 * none; -EPROTO: that is no tar. */
MUST_USE int tar_first_file(const void *data, size_t bytes, struct strbuf *out, struct error *err);

#endif
