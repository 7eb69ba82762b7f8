/* past_version.c - a version of the vault, compared with what was recorded of it.
 *
 * A kept inode may have been written by a handle that was open when it was kept: then events say
 * so, and take it back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/hasher.h"
#include "journal/kept_since.h"
#include "journal/past_part.h"
#include "journal/schema.h"
#include "journal/tombstone.h"

#define RANGES_EXACT 64 /* more are told as ones that cover them */

struct kept_as {
    uint64_t event;
    enum op op;
    enum kept kept;
    int64_t state;
    uint64_t object;
    uint64_t size;
    int64_t mtime;
};

static int look_up(struct past *p, uint64_t version, struct kept_as *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(p->db, "SELECT v.event, e.op, v.kept, v.state, iif(e.op=8, e.replaced, e.object),"
                        " iif(e.op=8, e.r_size, e.b_size), iif(e.op=8, e.r_mtime, e.b_mtime)"
                        " FROM version v JOIN event e ON e.id=v.event WHERE v.id=?1");
    stmt_bind_int(&s, 1, (int64_t)version);
    int r = stmt_step(&s, err);
    *out = (struct kept_as){0};
    if (r == 1)
        *out = (struct kept_as){
            .event = (uint64_t)stmt_int(&s, 0),
            .op = (enum op)stmt_int(&s, 1),
            .kept = (enum kept)stmt_int(&s, 2),
            .state = stmt_int(&s, 3),
            .object = (uint64_t)stmt_int(&s, 4),
            .size = (uint64_t)stmt_int(&s, 5),
            .mtime = stmt_int(&s, 6),
        };
    return r < 0 ? r : 0;
}

static int say_changed(uint64_t version, const struct kept_as *k, struct error *err)
{
    return error_say(err, EBADMSG,
                     "what event #%" PRIu64 " destroyed was changed in the vault (version %" PRIx64
                     "); see: ccfs verify",
                     k->event, version);
}

/* By which gc, and on which day. */
static int say_dropped(struct past *p, uint64_t version, const struct kept_as *k, struct error *err)
{
    int64_t by = 0;
    int64_t time = 0;
    char day[32] = "";
    struct tm local;
    int r = tombstone_of_version(p->db, version, &by, &time, err);
    if (r < 0)
        return r;
    const time_t seconds = clock_timespec(time).tv_sec;
    if (r == 1 && localtime_r(&seconds, &local))
        strftime(day, sizeof day, " on %Y-%m-%d %H:%M", &local);
    return error_say(err, ENODATA,
                     "what event #%" PRIu64 " destroyed is no longer there: its old content was "
                     "dropped by gc%s (event #%" PRId64 ")",
                     k->event, day, by);
}

int past_no_version(struct past *p, uint64_t version, struct error *err)
{
    struct kept_as k;
    TRY(look_up(p, version, &k, err));
    if (k.state == VERSION_DROPPED)
        return say_dropped(p, version, &k, err);
    if (k.state == VERSION_TORN)
        return error_say(err, ENODATA,
                         "what event #%" PRIu64
                         " destroyed was lost: a power loss came before it was on the disk",
                         k.event);
    if (k.state == VERSION_RETURNED)
        return error_say(err, ESTALE,
                         "what event #%" PRIu64
                         " destroyed was brought back by an undo, and is gone"
                         " from where that put it",
                         k.event);
    return error_say(err, EBADMSG,
                     "what event #%" PRIu64 " destroyed is missing from the vault (version %" PRIx64
                     "); see: ccfs verify",
                     k.event, version);
}

int past_copy(int from, int to, uint64_t size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    if (ftruncate(to, 0) < 0)
        return -errno;
    if (ioctl(to, FICLONE, from) == 0)
        return ftruncate(to, (off_t)size) < 0 ? -errno : 0;
    return fd_copy(from, to, (int64_t)size);
}

/* 1: *digest is what was recorded, 0: nothing was. */
static int recorded(struct past *p, const struct kept_as *k, unsigned char digest[SHA256_BYTES],
                    struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(p->db, "SELECT sha256 FROM hash WHERE event=?1 AND side=?2");
    size_t bytes = 0;
    stmt_bind_int(&s, 1, (int64_t)k->event);
    stmt_bind_int(&s, 2, hash_side_of(k->op, k->kept));
    int r = stmt_step(&s, err);
    if (r != 1)
        return r;
    const void *data = stmt_bytes(&s, 0, &bytes);
    memset(digest, 0, SHA256_BYTES);
    if (data && bytes == SHA256_BYTES)
        memcpy(digest, data, bytes);
    return 1;
}

/* Do the bytes of fd have the recorded checksum?  1: they have, 0: none was recorded. */
static int check_sum(struct past *p, uint64_t version, const struct kept_as *k, int fd,
                     struct error *err)
{
    unsigned char wanted[SHA256_BYTES];
    unsigned char found[SHA256_BYTES];
    int r = recorded(p, k, wanted, err);
    if (r != 1)
        return r;
    r = sha256_file(p->sha, fd, NULL, found);
    if (r < 0)
        return error_set(err, -r, "read version %" PRIx64 " in the vault", version);
    return memcmp(wanted, found, sizeof wanted) == 0 ? 1 : say_changed(version, k, err);
}

static bool is_as_kept(const struct kept_as *k, const struct attr *now)
{
    return now->size == k->size && (k->kept != KEPT_INODE || now->mtime == k->mtime);
}

static int put_whole(struct past *p, uint64_t version, const struct kept_as *k, int to,
                     struct error *err)
{
    struct attr now;
    struct attr then;
    CLEANUP(fd_close) int from = vault_open_version(p->vault, version, O_RDONLY);
    if (from == -ENOENT)
        return past_no_version(p, version, err);
    if (from == -EBADMSG)
        return say_changed(version, k, err);
    int r = from < 0 ? from : attr_read(from, "", &now);
    if (r == 0)
        r = past_copy(from, to, now.size);
    if (r == 0)
        r = attr_read(from, "", &then);
    if (r < 0)
        return error_set(err, -r, "read version %" PRIx64 " in the vault", version);
    if (!attr_same_content(&now, &then))
        return error_say(err, EBUSY, "what event #%" PRIu64 " removed is still being written",
                         k->event);
    if (is_as_kept(k, &now)) {
        r = check_sum(p, version, k, to, err);
        return r < 0 ? r : 0;
    }
    const struct kept_inode kept = {version, k->object, now.ino};
    r = k->kept == KEPT_INODE ? kept_was_written_since(p->db, &kept, &now, false, err) : 0;
    return r == 0 ? say_changed(version, k, err) : r < 0 ? r : 0;
}

/* ---- blocks ---- */

struct cover {
    const struct range *blocks; /* ascending, merged */
    size_t count;
    bool whole;
};

static bool covers(const struct cover *cover, int64_t from, int64_t to)
{
    size_t i = 0;
    while (i < cover->count && cover->blocks[i].offset + cover->blocks[i].length <= from)
        i++;
    return from >= to || (i < cover->count && cover->blocks[i].offset <= from &&
                          cover->blocks[i].offset + cover->blocks[i].length >= to);
}

/* What a write session overwrote of the old bytes; where it says so exactly. */
static int compare_ranges(const struct event *e, void *context)
{
    struct cover *cover = context;
    int64_t size = (int64_t)e->before.size;
    bool exact = e->op == OP_WRITE && !(e->flags & EVENT_BY_UNDO) && e->range_count < RANGES_EXACT;
    for (size_t i = 0; exact && i < e->range_count; i++) {
        const struct range *range = &e->ranges[i];
        int64_t end = range->offset + range->length;
        cover->whole &= covers(cover, range->offset, end < size ? end : size);
    }
    return 0;
}

/* A file of blocks that lost its end reads like a shorter one. */
static int check_cover(struct past *p, uint64_t version, const struct kept_as *k, struct error *err)
{
    struct range *ranges = NULL;
    struct cover cover = {.whole = true};
    TRY(vault_blocks_ranges(p->vault, version, &ranges, &cover.count, err));
    cover.blocks = ranges;
    int r = history_event(p->history, k->event, compare_ranges, &cover, err);
    free(ranges);
    TRY(r);
    return cover.whole ? 0 : say_changed(version, k, err);
}

/* Each block has a checksum of its own; that they are all there is known by the one of them
 * together, or by what the event overwrote. */
static int put_blocks(struct past *p, uint64_t version, const struct kept_as *k, int to,
                      struct error *err)
{
    CLEANUP(fd_close) int fd = vault_open_version(p->vault, version, O_RDONLY);
    if (fd == -ENOENT)
        return past_no_version(p, version, err);
    if (fd == -EBADMSG)
        return say_changed(version, k, err);
    if (fd < 0)
        return error_set(err, -fd, "open version %" PRIx64 " in the vault", version);
    int summed = check_sum(p, version, k, fd, err);
    TRY(summed);
    if (!summed)
        TRY(check_cover(p, version, k, err));
    return vault_blocks_restore(p->vault, version, to, err);
}

/* The event tells what was kept: with another one, other bytes would pass for it. */
static int check_sealed(struct past *p, uint64_t event, struct error *err)
{
    if (!p->sealed)
        TRY(sealed_open(p->root, &p->sealed, err));
    return sealed_check(p->sealed, event, err);
}

int past_put_version(struct past *p, uint64_t version, int to, struct error *err)
{
    struct kept_as k;
    TRY(look_up(p, version, &k, err));
    if (!k.event)
        return error_say(err, EBADMSG, "the journal knows no version %" PRIx64 "; see: ccfs verify",
                         version);
    TRY(check_sealed(p, k.event, err));
    return kept_is_whole(k.kept) ? put_whole(p, version, &k, to, err)
                                 : put_blocks(p, version, &k, to, err);
}
