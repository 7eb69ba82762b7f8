/* backup_part.h - private to backup*.c: what the parts of a backup share. */
#ifndef LAUNCHER_BACKUP_PART_H
#define LAUNCHER_BACKUP_PART_H

#include "journal/base/arena.h"
#include "journal/past.h"
#include "launcher/backup.h"
#include "launcher/tarball.h"
#include "launcher/touched.h"

struct backup {
    struct look *look;
    const struct backup_wish *wish;
    struct backup_result *result;
    const struct archive_file *file; /* what it is to be */
    struct past_instant since;
    struct tarball *tarball; /* being written */
    struct touched touched;
    struct arena memory;
    struct other_name {
        uint64_t ino;
        const char *path;
    } * names; /* of files with several */
    size_t name_count;
    size_t name_room;
};

/* backup_pack.c: the workspace as it is now, and the vault and configuration of its state. */
MUST_USE int backup_pack_tree(struct backup *b, struct error *err);
MUST_USE int backup_pack_state(struct backup *b, struct error *err);
/* One path, as it is now; what is gone is left out. */
MUST_USE int backup_pack_path(struct backup *b, const char *path, struct error *err);
/* A socket is nothing without its program. */
bool backup_packs(mode_t mode);
bool backup_excludes(const struct backup *b, const char *path);

/* backup_mend.c: a file is touched under all of its names. */
MUST_USE int backup_add_other_names(struct backup *b, struct error *err);
/* Copies the archive `from` without what is touched, and adds that as it was. */
MUST_USE int backup_mend(struct backup *b, int from, struct error *err);

#endif
