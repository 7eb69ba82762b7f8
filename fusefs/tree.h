/* tree.h - private to fusefs/: names appear, vanish and move.
 *
 * Each function is one request: 0 or -errno, and the journal knows what happened before it returns. */
#ifndef FUSEFS_TREE_H
#define FUSEFS_TREE_H

#include <sys/stat.h>

#include "fusefs/data.h"
#include "fusefs/fs.h"

/* What a name turned out to be: one lookup counted for the kernel. */
struct entry {
    uint64_t number;
    struct statx attr;
};

int tree_lookup(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                struct entry *out);
/* *opened: what to give the kernel as the open file. */
int tree_create(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                mode_t mode, int flags, struct entry *out, struct opened *opened);
int tree_mknod(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
               mode_t mode, struct entry *out);
int tree_mkdir(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
               mode_t mode, struct entry *out);
int tree_symlink(struct fusefs *fs, const struct caller *caller, const char *target,
                 uint64_t folder, const char *name, struct entry *out);
int tree_link(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t folder,
              const char *name, struct entry *out);
int tree_unlink(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name);
int tree_rmdir(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name);
int tree_rename(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                uint64_t new_folder, const char *new_name, unsigned flags);

/* The seen thing becomes known to the kernel. */
int entry_meet(struct place *at, struct entry *out);

#endif
