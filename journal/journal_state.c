/* journal_state.c - the folder .ccfs: made once, locked by the one process that writes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal_part.h"

/* ---- making one ---- */

int journal_state_open(int root, struct error *err)
{
    int fd = openat(root, STATE_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_say(err, ENOENT,
                         "this is not a workspace (it has no %s); make it one with: ccfs init",
                         STATE_FOLDER);
    return fd < 0 ? error_set(err, errno, "open the workspace's %s", STATE_FOLDER) : fd;
}

int journal_database_open(int state, enum db_mode mode, struct db **out, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/journal.db", state);
    return db_open(path, mode, out, err);
}

/* Where a filesystem writes a changed block elsewhere (btrfs), a full one has no room for the
 * journal's next word.  Files made here from now on are written in place; what is in vault/ and
 * undo/ is not: a clone wants both files to be of one kind (ioctl_ficlonerange(2)). */
static void write_in_place(int state)
{
    struct statfs fs;
    int flags = 0;
    if (fstatfs(state, &fs) < 0 || fs.f_type != BTRFS_SUPER_MAGIC ||
        ioctl(state, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    flags |= FS_NOCOW_FL;
    (void)ioctl(state, FS_IOC_SETFLAGS, &flags); /* without, a full disk is met earlier */
}

int journal_create(int root, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    CLEANUP(vault_close) struct vault *vault = NULL;

    if (mkdirat(root, STATE_FOLDER, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make the workspace's %s", STATE_FOLDER);
    CLEANUP(fd_close) int state = journal_state_open(root, err);
    TRY(state);
    TRY(vault_open(state, &vault, err));
    if (mkdirat(state, "undo", 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make the workspace's %s/undo", STATE_FOLDER);
    write_in_place(state);
    TRY(journal_database_open(state, DB_CREATE, &db, err));
    return intake_create(state, INTAKE_RING_BYTES, err);
}

/* ---- its lock ---- */

static int lock_busy(int fd, struct error *err)
{
    char text[32] = {0};
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return error_say(err, EBUSY,
                         "the workspace is in use by another ccfs (pid %ld); end that one, or "
                         "wait",
                         pid);
    return error_say(err, EBUSY, "the workspace is in use by another ccfs; end that one, or wait");
}

int journal_lock_take(int state, struct error *err)
{
    CLEANUP(fd_close)
    int fd = openat(state, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return error_set(err, errno, "open the workspace's lock");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? lock_busy(fd, err)
                                    : error_set(err, errno, "lock the workspace");
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || fd_pwrite_all(fd, text, (size_t)n, 0) < 0)
        log_line("cannot write the pid into the workspace's lock");
    return fd_take(&fd);
}
