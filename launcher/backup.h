/* backup.h - a workspace as one archive, as it was at one instant.
 *
 * The folder is packed while sessions go on writing.  What the journal tells of since the beginning
 * is then taken out again and put in as it was at the beginning, rebuilt from the vault. (1) The
 * archive appears whole and checked under its name, or not at all. (2) What cannot be had as it was
 * (it was being written at the very instant, or changed outside ccfs) is packed as it is now, and
 * named. (3) An agent can make what nobody gets to the end of, or may not read: that is left out and
 * counted, rather than that there is no backup. */
#ifndef LAUNCHER_BACKUP_H
#define LAUNCHER_BACKUP_H

#include "launcher/archive_file.h"
#include "launcher/look.h"
#include "launcher/render.h"

/* Borrowed. */
struct backup_wish {
    const char *file;               /* where to; NULL: ~/claude-workspace-YYYYMMDD-HHMMSS.tar.gz */
    const struct cli_list *exclude; /* globs over paths; one without a slash also over names */
    bool with_journal;              /* .ccfs too: the events, the vault, the configuration */
    const struct screen *screen;    /* for progress */
};

struct backup_result {
    char *file; /* owned */
    char sha256[65];
    uint64_t entries;  /* files, folders, links */
    uint64_t bytes;    /* of the archive */
    uint64_t rebuilt;  /* changed meanwhile, and packed as they were */
    uint64_t as_is;    /* rule 2 */
    char *first_as_is; /* owned; NULL: none */
    uint64_t left_out; /* rule 3 */
};
void backup_result_release(struct backup_result *result); /* CLEANUP */
/* An error (exit 4) where something was left out. */
MUST_USE int backup_is_whole(const struct backup_result *result, struct error *err);

/* Without a name yet, for those who put it into another archive: *fd is theirs, and result has no
 * file and no checksum. */
MUST_USE int backup_write(struct look *look, const struct backup_wish *wish,
                          const struct archive_file *file, struct backup_result *result, int *fd,
                          struct error *err);

/* -EEXIST: there is such a file. */
MUST_USE int backup_make(struct look *look, const struct backup_wish *wish,
                         struct backup_result *out, struct error *err);

#endif
