/* fd.h - a file descriptor is declared with its end. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"
#include "journal/base/error.h"

/* CLEANUP(fd_close) int fd = open(…);  keeps errno, accepts -1, may run twice. */
void fd_close(int *fd);
/* Ownership leaves in one visible word: *out = fd_take(&fd). */
int fd_take(int *fd);

/* Both ends are yours, and closed by an exec.  Untouched where it fails. */
MUST_USE int fd_pipe(int *reads, int *writes, struct error *err);

/* Whole transfers, restarted after signals and short counts.  -errno; reading less than bytes because
 * the file ended is -ENODATA. */
MUST_USE int fd_write_all(int fd, const void *data, size_t bytes);
MUST_USE int fd_pwrite_all(int fd, const void *data, size_t bytes, int64_t offset);
MUST_USE int fd_pread_all(int fd, void *data, size_t bytes, int64_t offset);

/* Copies size bytes from the start of `from` to `to`, keeping holes.  -errno. */
MUST_USE int fd_copy(int from, int to, int64_t size);

/* Moves *at to the next byte that is data and says how much of it follows, most at the most; 0: only
 * holes are left before end.  Where holes are not told apart, everything is data. */
size_t fd_next_data(int fd, int64_t *at, int64_t end, size_t most);

/* Opens path (relative, bytes) below dir without leaving it and without following any symlink:
 * openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS.  fd or -errno. */
MUST_USE int fd_open_beneath(int dir, const char *path, int flags, unsigned mode);

/* Raises RLIMIT_NOFILE to its hard limit; returns the limit in force. */
uint64_t fd_raise_limit(void);

#endif
