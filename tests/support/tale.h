/* tale.h - the same story told in an ordinary folder and in a mount must read the same.
 *
 * A story is a function of plain system calls, run in a process of its own with a fresh folder as
 * its working directory and umask 022.  What it observes it writes down, a line a call:
 *
 *     DID(mkdir("a", 0755));        mkdir("a", 0755) = 0
 *     LOOK("a");                    a: drwxr-xr-x 0 0 nlink 2 size 4096
 *
 * Whatever differs between two folders by nature (inode numbers, absolute times) stays out. */
#ifndef TESTS_SUPPORT_TALE_H
#define TESTS_SUPPORT_TALE_H

#include <sys/stat.h>

#include "tests/support/mount.h"

typedef void story(void);

#define DID(call) (errno = 0, did(#call, (long)(call)))
long did(const char *what, long result); /* returns result */
void say(const char *format, ...) PRINTF_LIKE(1, 2);
void look(const char *name, const struct stat *st);
void LOOK(const char *name);
void LOOK_FD(const char *what, int fd);
/* The bytes of a file, as length and checksum. */
void READ(const char *name);
/* Names in order, with their kinds. */
void LIST(const char *folder);

/* Sets mtime to the year 2001 and waits a tick; MOVED() tells which times an operation has moved.
 */
void SETTLE_TIMES(const char *name);
void MOVED(const char *name);

/* Makes or replaces a file. */
void FILL(const char *name, size_t bytes, char with);

/* Runs fn as another user in a child (root only; told as skipped otherwise). */
void AS(uid_t uid, gid_t gid, story *fn);

/* Tells it in both (zone: a folder of the mount), compares what was told, and the mount with what
 * lies below it. */
void assert_same_tale(struct mount *m, const char *zone, story *tell);
/* What it says in one folder; yours (free()). */
char *tale_told_in(const char *folder, story *tell);

#endif
