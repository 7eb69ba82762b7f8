/* backup_record.h - when the last backup was made, and where it lies: .ccfs/last-backup. */
#ifndef LAUNCHER_BACKUP_RECORD_H
#define LAUNCHER_BACKUP_RECORD_H

#include <stdint.h>

#include "journal/base/error.h"

struct backup_record {
    int64_t time;    /* UTC ns */
    char file[4096]; /* absolute */
};

/* root: the workspace's descriptor; as its owner. */
MUST_USE int backup_record_write(int root, const struct backup_record *record, struct error *err);
/* -ENOENT: none was made, or what is written there makes no sense. */
MUST_USE int backup_record_read(int root, struct backup_record *out);

#endif
