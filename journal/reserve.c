/* reserve.c - see reserve.h. */
#include "journal/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/intake_guard.h"

#define NAME "reserve"
#define RETAKE_BYTES (RESERVE_BYTES + RESERVE_BYTES / 2) /* it is not taken from the last room */
#define NEAR_BYTES (8 * RESERVE_BYTES) /* more than is written between two looks at it */
#define SLACK_BYTES (64 << 10)         /* what the filesystem may need to note it */
#define PIECES 8
#define EXTRA_PIECES 4          /* they are not taken from the last room */
#define STEP_NS (NS_PER_S / 10) /* whoever waits tries again before there is another */

/* What the filesystem could give us; in doubt nothing.  One without a size has no end that it
 * knows. */
static uint64_t room(const struct reserve *r)
{
    struct statvfs s;
    if (fstatvfs(r->state, &s) < 0)
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

static int file_open(const struct reserve *r, const char *name)
{
    int fd = openat(r->state, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* Of what a quota leaves, a filesystem does not tell. */
static bool is_quota(const struct reserve *r)
{
    return r->pieces > 1 && room(r) >= RETAKE_BYTES;
}

/* ---- its pieces: the first is the file that is open ---- */

struct piece {
    char name[24];
};

static struct piece piece_of(int i)
{
    struct piece p = {NAME};
    if (i > 0)
        snprintf(p.name, sizeof p.name, NAME ".%d", i);
    return p;
}

static bool piece_is_there(const struct reserve *r, int i)
{
    struct stat st;
    int got =
        i > 0 ? fstatat(r->state, piece_of(i).name, &st, AT_SYMLINK_NOFOLLOW) : fstat(r->fd, &st);
    return got == 0 && st.st_blocks * 512 >= RESERVE_BYTES / r->pieces;
}

static bool piece_drop(const struct reserve *r, int i)
{
    return unlinkat(r->state, piece_of(i).name, 0) == 0;
}

/* Not every filesystem can set blocks aside: there they are written. */
static int take_blocks(int fd, int64_t bytes)
{
    static const char zeroes[64 << 10];
    if (fallocate(fd, 0, 0, bytes) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return -errno;
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof zeroes)
        TRY(fd_pwrite_all(fd, zeroes, sizeof zeroes, at));
    return fsync(fd) < 0 ? -errno : 0; /* it may find no room only now */
}

static int piece_make(const struct reserve *r, int i)
{
    CLEANUP(fd_close) int own = i > 0 ? file_open(r, piece_of(i).name) : -1;
    int fd = i > 0 ? own : r->fd;
    if (fd < 0)
        return fd;
    return take_blocks(fd, RESERVE_BYTES / r->pieces);
}

static int held(const struct reserve *r)
{
    int count = 0;
    while (count < r->pieces && piece_is_there(r, count))
        count++;
    return count;
}

/* ---- spending and taking ---- */

/* Under lock.  Some filesystems have freed blocks only when that is on the disk. */
static void make_empty(struct reserve *r)
{
    for (int i = r->pieces - 1; i > 0; i--)
        (void)piece_drop(r, i);
    (void)!ftruncate(r->fd, 0);
    (void)fsync(r->fd);
}

/* Under lock.  Where a quota of btrfs is used up no file can be made shorter, but one can be
 * removed. What others may take meanwhile cannot be handed over, as each store wants room of its
 * own. */
static void take_step(struct reserve *r)
{
    int64_t now = clock_steady_ns();
    int last = held(r) - 1;
    if (last < 0 || (r->stepped && now - r->step < STEP_NS))
        return;
    r->step = now;
    r->stepped = true;
    if (piece_drop(r, last) && last == 0)
        fd_close(&r->fd);
}

/* Under lock: those that are missing, and, for a moment, what is to be left to others. */
static int take(const struct reserve *r)
{
    int extra = r->pieces > 1 ? EXTRA_PIECES : 0;
    int had = held(r);
    int got = 0;
    int i = had;
    for (; got == 0 && i < r->pieces + extra; i++)
        got = piece_make(r, i);
    int keep = got == 0 ? r->pieces : had;
    while (i-- > keep)
        if (i > 0)
            (void)piece_drop(r, i);
    return got;
}

/* Under lock, when it is empty, or goes bit by bit. */
static void make_whole(struct reserve *r)
{
    if (room(r) < RETAKE_BYTES)
        return; /* it stays as it is */
    if (r->fd < 0)
        r->fd = file_open(r, NAME);
    if (r->fd < 0)
        return;
    r->whole = take(r) == 0;
    if (r->whole)
        r->stepped = false;
    else if (!r->stepped)
        make_empty(r);
}

int reserve_open(int state, struct reserve *out, struct error *err)
{
    struct stat st;
    out->state = state;
    out->pieces = guard_is_wanted(state) ? PIECES : 1;
    out->fd = file_open(out, NAME);
    out->stepped = out->fd == -EDQUOT;
    if (out->fd == -ENOSPC || out->fd == -EDQUOT)
        return 0; /* not even a name */
    if (out->fd < 0)
        return error_set(err, -out->fd, "open the journal's reserve");
    if (fstat(out->fd, &st) < 0)
        return error_set(err, errno, "open the journal's reserve");
    if (!S_ISREG(st.st_mode))
        return error_say(err, EBADMSG, ".ccfs/reserve is no file; move it away");
    out->whole = held(out) == out->pieces;
    out->stepped = !out->whole && is_quota(out);
    if (out->whole) {
        reserve_spend_if_tight(out);
        return 0;
    }
    if (!out->stepped)
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
    bool had = r->whole || (r->stepped && held(r) > 0);
    r->whole = false;
    if (had && (r->stepped || is_quota(r))) {
        take_step(r);
    } else if (had) {
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

bool reserve_is_near(const struct reserve *r)
{
    return room(r) < NEAR_BYTES;
}

bool reserve_is_there(struct reserve *r)
{
    pthread_mutex_lock(&r->lock);
    if (!r->whole && (r->fd >= 0 || r->stepped))
        make_whole(r);
    /* where there was never one it is as without this file */
    bool there = r->whole || (r->fd < 0 && !r->stepped);
    pthread_mutex_unlock(&r->lock);
    return there;
}
