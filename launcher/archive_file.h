/* archive_file.h - the file that an archive is to be: nameless while it is written, then whole and
 * checked under its name, or not there at all. */
#ifndef LAUNCHER_ARCHIVE_FILE_H
#define LAUNCHER_ARCHIVE_FILE_H

#include <stdint.h>

#include "launcher/workspace.h"

struct archive_file {
    char *path; /* owned */
    int folder; /* where it gets its name */
};
#define ARCHIVE_FILE_NONE ((struct archive_file){.folder = -1})

/* Both borrowed. */
struct archive_place {
    const char *path;   /* NULL: PREFIX-YYYYMMDD-HHMMSS.tar.gz in the home of who we are */
    const char *prefix; /* "claude-workspace" */
};
/* Not in the workspace, which may be packed into it.  -EEXIST: there is such a file. */
MUST_USE int archive_file_place(const struct archive_place *place, const struct workspace *w,
                                struct archive_file *out, struct error *err);
void archive_file_close(struct archive_file *f); /* CLEANUP(archive_file_close) */

const char *archive_file_name(const struct archive_file *f); /* without its folders */
/* A file without a name, on the same filesystem; *out: fd_close(). */
MUST_USE int archive_file_nameless(const struct archive_file *f, int *out, struct error *err);
/* The nameless one gets the name, on the disk; both are results. */
MUST_USE int archive_file_finish(const struct archive_file *f, int fd, char sha256[65],
                                 uint64_t *bytes, struct error *err);
/* SHA-256 of all of a file. */
MUST_USE int archive_file_sum(int fd, char sha256[65], struct error *err);

#endif
