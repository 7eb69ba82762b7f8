/* attr.h - private to fusefs/: what is known about a file: mode, owner, times, size, xattrs. */
#ifndef FUSEFS_ATTR_H
#define FUSEFS_ATTR_H

#include <sys/stat.h>

#include "fusefs/fs.h"

/* What setattr is asked to change. */
enum attr_wish {
    ATTR_WISH_MODE = 1,
    ATTR_WISH_UID = 2,
    ATTR_WISH_GID = 4,
    ATTR_WISH_SIZE = 8,
    ATTR_WISH_ATIME = 16,
    ATTR_WISH_MTIME = 32,
    ATTR_WISH_KILL_SETID = 64, /* with SIZE: the caller may not keep setuid and setgid */
};

struct attr_change {
    unsigned wish;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    int64_t size;
    struct timespec atime; /* tv_nsec may be UTIME_NOW */
    struct timespec mtime;
};

int attr_get(struct fusefs *fs, uint64_t number, struct statx *out);
/* handle: 0 or the open file that the caller used. */
int attr_set(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t handle,
             const struct attr_change *change, struct statx *out);
int attr_readlink(struct fusefs *fs, const struct caller *caller, uint64_t number, char *out,
                  size_t bytes);
int attr_set_xattr(struct fusefs *fs, const struct caller *caller, uint64_t number,
                   const char *name, const void *value, size_t bytes, int flags);
int attr_remove_xattr(struct fusefs *fs, const struct caller *caller, uint64_t number,
                      const char *name);
/* Bytes or -errno; bytes 0 asks for the size. */
ssize_t attr_get_xattr(struct fusefs *fs, uint64_t number, const char *name, void *out,
                       size_t bytes);
ssize_t attr_list_xattr(struct fusefs *fs, uint64_t number, void *out, size_t bytes);

/* Files with setuid or setgid are refused unless the zone allows them.  0 or -EPERM, recorded. */
int attr_allow_mode(struct fusefs *fs, const struct caller *caller, enum op op,
                    const struct zone *zone, mode_t mode, const char *path);

#endif
