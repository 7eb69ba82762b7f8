/* zone.h - which folder allows what.  Pure: no I/O, no clock, no memory after zones_make().
 *
 * A zone is a folder with a mode; the longest prefix wins; the root is an implicit `ro` zone. */
#ifndef FUSEFS_ZONE_H
#define FUSEFS_ZONE_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/base/error.h"

enum zone_mode {
    ZONE_RO,
    ZONE_WO,
    ZONE_RW,
    ZONE_NONE,
};

struct zone {
    const char *path; /* relative to the workspace, no slash at either end, "" only for the root */
    enum zone_mode mode;
    bool list;  /* false (only for wo): folders in it cannot be listed */
    bool setid; /* setuid and setgid on files allowed */
};

struct zones; /* immutable once made */

/* What a caller wishes to do with a place. */
enum wish {
    WISH_STAT,   /* lookup, stat, getxattr, listxattr */
    WISH_LIST,   /* readdir */
    WISH_READ,   /* open to read, exec, readlink */
    WISH_WRITE,  /* open to write */
    WISH_UPDATE, /* open to read and write */
    WISH_ALTER,  /* create, remove, rename, chmod, … */
};

/* Copies rules (any order).  -EINVAL with a sentence: the same folder twice, "..", an absolute path,
 * .ccfs.  Nested zones are allowed: the longest prefix wins.  *out is yours: zones_free() it. */
MUST_USE int zones_make(const struct zone *rules, size_t count, struct zones **out,
                        struct error *err);
void zones_free(struct zones **zones);

/* The zone of a path; never NULL (the root's at least). */
const struct zone *zone_of(const struct zones *zones, const char *path);
/* Is path itself the root of a zone (or a parent of one)?  Those cannot be renamed or removed. */
bool zone_is_root(const struct zones *zones, const char *path);
/* Is there a hidden zone at path or below it? */
bool zone_hides_below(const struct zones *zones, const char *path);
/* 0, or -ENOENT, -EACCES, -EROFS as design.md's table; *reason then holds a constant like
 * "imports is read-only" text without the folder: "read-only", "write-only", "hidden". */
int zone_check(const struct zone *zone, enum wish wish, const char **reason);
const char *zone_mode_name(enum zone_mode mode);
bool zone_mode_parse(const char *name, enum zone_mode *out);

#endif
