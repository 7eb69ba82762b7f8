/* reserve.c - see reserve.h. */
#include "journal/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define RETAKE_BYTES (RESERVE_BYTES + RESERVE_BYTES / 2) /* it is not taken from the last room */
#define SLACK_BYTES (64 << 10) /* what the filesystem may need to note it */

/* What the filesystem could give us; in doubt nothing.  One without a size has no end that it
 * knows. */
static uint64_t room(const struct reserve *r)
{
    struct statvfs s;
    if (fstatvfs(r->fd, &s) < 0)
        return 0;
    if (s.f_blocks == 0)
        return UINT64_MAX;
    return (uint64_t)(geteuid() == 0 ? s.f_bfree : s.f_bavail) * s.f_frsize;
}

/* To the file that commits go to, before whoever waits for room on the disk can have it.  (SQLite
 * locks its other files: that this one is closed loses no lock.) */
static void hand_over(const struct reserve *r)
{
    struct stat st;
    CLEANUP(fd_close)
    int fd = openat(r->state, "journal.db-wal", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        (void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, RESERVE_BYTES - SLACK_BYTES);
}

/* Under lock.  Some filesystems have freed blocks only when that is on the disk. */
static void make_empty(struct reserve *r)
{
    (void)!ftruncate(r->fd, 0);
    (void)fsync(r->fd);
    r->whole = false;
}

/* Not every filesystem can set blocks aside: there they are written. */
static bool take_blocks(int fd)
{
    static const char zeroes[64 << 10];
    if (fallocate(fd, 0, 0, RESERVE_BYTES) == 0)
        return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return false;
    for (int64_t at = 0; at < RESERVE_BYTES; at += (int64_t)sizeof zeroes)
        if (fd_pwrite_all(fd, zeroes, sizeof zeroes, at) < 0)
            return false;
    return fsync(fd) == 0; /* it may find no room only now */
}

/* Under lock, when it is empty. */
static void make_whole(struct reserve *r)
{
    if (room(r) < RETAKE_BYTES)
        return; /* it is empty, and stays so */
    r->whole = take_blocks(r->fd);
    if (!r->whole)
        make_empty(r);
}

int reserve_open(int state, struct reserve *out, struct error *err)
{
    struct stat st;
    out->state = state;
    out->fd =
        openat(state, "reserve", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (out->fd < 0 && errno == ENOSPC)
        return 0; /* not even a name */
    if (out->fd < 0 || fstat(out->fd, &st) < 0)
        return error_set(err, errno, "open the journal's reserve");
    if (!S_ISREG(st.st_mode))
        return error_say(err, EBADMSG, ".ccfs/reserve is no file; move it away");
    out->whole = (uint64_t)st.st_blocks * 512 >= RESERVE_BYTES;
    if (out->whole) {
        reserve_spend_if_tight(out);
        return 0;
    }
    make_empty(out); /* an earlier run may have come half way */
    make_whole(out);
    return 0;
}

void reserve_close(struct reserve *r)
{
    fd_close(&r->fd);
}

bool reserve_spend(struct reserve *r)
{
    pthread_mutex_lock(&r->lock);
    bool had = r->whole;
    if (had) {
        make_empty(r);
        hand_over(r);
    }
    pthread_mutex_unlock(&r->lock);
    return had;
}

void reserve_spend_if_tight(struct reserve *r)
{
    if (r->fd >= 0 && room(r) < RESERVE_BYTES / 2)
        (void)reserve_spend(r);
}

bool reserve_is_there(struct reserve *r)
{
    pthread_mutex_lock(&r->lock);
    if (!r->whole && r->fd >= 0)
        make_whole(r);
    bool there = r->whole || r->fd < 0; /* without one it is as without this file */
    pthread_mutex_unlock(&r->lock);
    return there;
}
