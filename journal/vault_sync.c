/* vault_sync.c - see vault_sync.h.
 *
 *   (1) The mark VAULT_ON_DISK is set after the bytes are on the disk: whoever sees it may rely on
 *       them, whether or not the mark itself got there in time.
 *   (2) In doubt a version is not whole: bytes that may be wrong are never put back. */
#include "journal/vault_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "journal/base/crc.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"

#define SUM_NAME "user.ccfs.sum"
#define SUM_LIMIT (INT64_C(1) << 20) /* a longer copy takes so long that a sync adds little */
#define CHUNK 65536
#define ASIDE_MAX 99

/* ---- the sum of a copy ---- */

struct sum {
    uint64_t bytes;
    uint32_t crc;
    uint32_t unused;
};

static int sum_of(int fd, int64_t size, struct sum *out)
{
    unsigned char chunk[CHUNK];
    *out = (struct sum){.bytes = (uint64_t)size};
    for (int64_t at = 0; at < size;) {
        size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        TRY(fd_pread_all(fd, chunk, n, at));
        out->crc = crc32c(out->crc, chunk, n);
        at += (int64_t)n;
    }
    return 0;
}

/* 1: it has the bytes that its sum tells of, 0: it has not, or carries none; -errno. */
static int sum_fits(int fd, int64_t size)
{
    struct sum meant;
    struct sum there;
    if (fgetxattr(fd, SUM_NAME, &meant, sizeof meant) != (ssize_t)sizeof meant)
        return 0;
    if (meant.bytes != (uint64_t)size || size > SUM_LIMIT)
        return 0;
    int r = sum_of(fd, size, &there);
    return r < 0 ? r : there.crc == meant.crc;
}

/* 1: noted, 0: it cannot carry one, -errno. */
static int sum_note(int fd, int64_t size)
{
    struct sum sum;
    if (size > SUM_LIMIT)
        return 0;
    TRY(sum_of(fd, size, &sum));
    if (fsetxattr(fd, SUM_NAME, &sum, sizeof sum, 0) == 0)
        return 1;
    return errno == ENOTSUP || errno == EPERM || errno == ENOSPC ? 0 : -errno;
}

int vault_finish(int fd, enum kept kept, int64_t size)
{
    int noted = kept == KEPT_CLONE ? 1 : sum_note(fd, size);
    TRY(noted);
    if (noted == 0 && fsync(fd) < 0)
        return -errno;
    return noted == 0 && fchmod(fd, VAULT_ON_DISK) < 0 ? -errno : 0;
}

int vault_stands_for_inode(int fd)
{
    if (fremovexattr(fd, SUM_NAME) < 0 && errno != ENODATA && errno != ENOTSUP)
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

/* ---- to the disk ---- */

static int touched_order(const void *a, const void *b)
{
    const struct vault_touched *x = a;
    const struct vault_touched *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

/* Each version once; whole where one said so. */
static size_t touched_unite(struct vault_touched *list, size_t count)
{
    size_t kept = 0;
    if (count > 1) /* an empty list may be no memory at all, which qsort(3) must not be given */
        qsort(list, count, sizeof *list, touched_order);
    for (size_t i = 0; i < count; i++)
        if (kept > 0 && list[kept - 1].version == list[i].version)
            list[kept - 1].whole |= list[i].whole;
        else
            list[kept++] = list[i];
    return kept;
}

/* All are under way before the first is waited for. */
static void start_all(struct vault *v, const struct vault_touched *list, size_t count)
{
    for (size_t i = 0; count > 1 && i < count; i++) {
        CLEANUP(fd_close) int fd = vault_open_version(v, list[i].version, O_RDONLY);
        if (fd >= 0)
            (void)!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
}

static int sync_one(struct vault *v, const struct vault_touched *t)
{
    struct stat st;
    CLEANUP(fd_close) int fd = vault_open_version(v, t->version, O_RDONLY);
    if (fd == -ENOENT)
        return 0; /* of a change that did not happen, or an undo took it back out */
    if (fd < 0)
        return fd;
    TRY(FAULT_ERROR("vault_sync"));
    if (fsync(fd) < 0)
        return -errno;
    FAULT_POINT("vault_synced");
    if (t->whole && fstat(fd, &st) == 0 && (st.st_mode & 07777) == VAULT_MADE_HERE)
        (void)!fchmod(fd, VAULT_ON_DISK); /* without the mark it is looked through, that is all */
    return 0;
}

static int sync_folders(struct vault *v, const struct vault_touched *list, size_t count)
{
    bool done[VAULT_FOLDERS] = {false};
    char name[VAULT_NAME];
    for (size_t i = 0; i < count; i++) {
        if (done[list[i].version % VAULT_FOLDERS])
            continue;
        if (fsync(vault_place(v, list[i].version, name)) < 0)
            return -errno;
        done[list[i].version % VAULT_FOLDERS] = true;
    }
    return 0;
}

int vault_sync(struct vault *v, struct vault_touched *list, size_t count, struct error *err)
{
    int r = 0;
    size_t each = touched_unite(list, count);
    start_all(v, list, each);
    for (size_t i = 0; r == 0 && i < each; i++)
        r = sync_one(v, &list[i]);
    if (r == 0)
        r = sync_folders(v, list, each);
    return r < 0 ? error_set(err, -r, "bring the vault to the disk") : 0;
}

/* ---- whether it got there ---- */

/* Are the changed bytes that the file had before among those that are held? */
static bool covers(const struct range *held, size_t held_count, const struct vault_claim *claim)
{
    size_t h = 0;
    for (size_t i = 0; i < claim->count; i++) {
        int64_t at = claim->changed[i].offset;
        int64_t end = at + claim->changed[i].length;
        if (end > claim->before)
            end = claim->before;
        while (h < held_count && held[h].offset + held[h].length <= at)
            h++;
        if (at < end &&
            (h == held_count || held[h].offset > at || held[h].offset + held[h].length < end))
            return false;
    }
    return true;
}

static int blocks_whole(struct vault *v, const struct vault_claim *claim)
{
    struct range *held = NULL;
    size_t count = 0;
    int r = vault_blocks_ranges(v, claim->version, &held, &count, NULL);
    if (r == 0)
        r = covers(held, count, claim);
    free(held);
    return r == -EBADMSG ? 0 : r;
}

int vault_is_whole(struct vault *v, const struct vault_claim *claim)
{
    struct stat st;
    if (claim->kept == KEPT_INODE)
        return vault_has(v, claim->version);
    CLEANUP(fd_close) int fd = vault_open_version(v, claim->version, O_RDONLY);
    if (fd < 0)
        return fd == -ENOENT || fd == -ELOOP ? 0 : fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return 0;
    bool on_disk = (st.st_mode & 07777) == VAULT_ON_DISK;
    if (claim->kept == KEPT_BLOCKS)
        return on_disk ? 1 : blocks_whole(v, claim);
    if (st.st_size != claim->before)
        return 0;
    if (claim->kept == KEPT_CLONE || on_disk)
        return 1;
    return sum_fits(fd, st.st_size);
}

bool vault_sum_breaks(struct vault *v, uint64_t version)
{
    struct stat st;
    CLEANUP(fd_close) int fd = vault_open_version(v, version, O_RDONLY);
    if (fd == -EBADMSG)
        return true; /* packed, and not what was packed */
    if (fd < 0 || fstat(fd, &st) < 0 || fgetxattr(fd, SUM_NAME, NULL, 0) < 0)
        return false;
    return sum_fits(fd, st.st_size) == 0;
}

static int rename_aside(int folder, const char *name, int nth)
{
    char aside[40];
    snprintf(aside, sizeof aside, "%s" VAULT_ASIDE, name);
    if (nth > 0)
        snprintf(aside, sizeof aside, "%s" VAULT_ASIDE "%d", name, nth);
    return renameat2(folder, name, folder, aside, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

void vault_set_aside(struct vault *v, uint64_t version)
{
    char name[VAULT_NAME];
    int folder = vault_place(v, version, name);
    int r = -EEXIST;
    for (int nth = 0; nth <= ASIDE_MAX && r == -EEXIST; nth++)
        r = rename_aside(folder, name, nth);
}
