/* writing.c - see writing.h. */
#include "fusefs/writing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "fusefs/fs.h"
#include "fusefs/spare.h"
#include "fusefs/unseen.h"
#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"

#define SESSION_MAX_NS (30 * NS_PER_S) /* a handle open for long gets interim events */
#define BLOCK_BYTES 4096
#define BLOCKS_MAX (INT64_C(1) << 21)
#define CAPTURE_CHUNK (1 << 20)

/* ---- ranges --------------------------------------------------------------------------------------- */

static int64_t range_end(const struct range *r)
{
    return r->offset + r->length;
}

/* The two neighbours with the smallest gap become one: an over-statement, never an omission. */
static void merge_closest(struct writing *w)
{
    size_t best = 0;
    int64_t gap = INT64_MAX;
    for (size_t i = 0; i + 1 < w->range_count; i++)
        if (w->ranges[i + 1].offset - range_end(&w->ranges[i]) < gap) {
            gap = w->ranges[i + 1].offset - range_end(&w->ranges[i]);
            best = i;
        }
    w->ranges[best].length = range_end(&w->ranges[best + 1]) - w->ranges[best].offset;
    memmove(&w->ranges[best + 1], &w->ranges[best + 2],
            (w->range_count - best - 2) * sizeof(struct range));
    w->range_count--;
}

/* Ascending, disjoint, not touching. */
void writing_add_range(struct writing *w, int64_t offset, int64_t length)
{
    int64_t end = offset + length;
    size_t first = 0;
    while (first < w->range_count && range_end(&w->ranges[first]) < offset)
        first++;
    size_t last = first;
    while (last < w->range_count && w->ranges[last].offset <= end) {
        offset = w->ranges[last].offset < offset ? w->ranges[last].offset : offset;
        end = range_end(&w->ranges[last]) > end ? range_end(&w->ranges[last]) : end;
        last++;
    }
    if (first == last && w->range_count == WRITING_RANGES) {
        merge_closest(w);
        writing_add_range(w, offset, length);
        return;
    }
    size_t tail = w->range_count - last;
    memmove(&w->ranges[first + 1], &w->ranges[last], tail * sizeof(struct range));
    w->ranges[first] = (struct range){offset, end - offset};
    w->range_count = first + 1 + tail;
}

/* ---- pre-images ------------------------------------------------------------------------------------ */

static int blocks_begin(struct fusefs *fs, struct writing *w, struct error *err)
{
    w->block_bytes = BLOCK_BYTES;
    int64_t size = (int64_t)w->before.size;
    while (size / w->block_bytes >= BLOCKS_MAX)
        w->block_bytes *= 2;
    w->captured = calloc((size_t)(size / w->block_bytes / 8 + 1), 1);
    if (!w->captured)
        return error_set(err, ENOMEM, "bitmap of captured blocks");
    w->kept = KEPT_BLOCKS;
    return vault_blocks_create(fs->vault, w->version, &w->blocks, err);
}

/* The cheapest that is right: nothing for an empty file, a clone, a small copy, blocks as they go. */
static int keep_old_content(struct fusefs *fs, struct writing *w, const struct write_wish *wish,
                            struct error *err)
{
    TRY(vault_room(fs->vault, err));
    w->version = vault_new(fs->vault);
    int r = vault_copy_in(fs->vault, w->version, wish->fd, (int64_t)w->before.size, fs->copy_limit,
                          &w->kept, err);
    return r == -EFBIG ? blocks_begin(fs, w, err) : r;
}

static bool is_captured(const struct writing *w, int64_t block)
{
    return w->captured[block / 8] & (1u << (block % 8));
}

/* What the host's user has cut off meanwhile cannot be read any more. */
static int64_t readable_end(int fd, int64_t to)
{
    off_t end = lseek(fd, 0, SEEK_END);
    return end >= 0 && end < to ? end : to;
}

static int capture_run(struct fusefs *fs, struct writing *w, int fd, int64_t from, int64_t to,
                       struct error *err)
{
    size_t room = (size_t)(to - from < CAPTURE_CHUNK ? to - from : CAPTURE_CHUNK);
    char *buffer = malloc(room);
    if (!buffer)
        return error_set(err, ENOMEM, "capture");
    int r = 0;
    to = readable_end(fd, to);
    for (int64_t at = from; at < to && r == 0; at += (int64_t)room) {
        size_t n = (size_t)(to - at < (int64_t)room ? to - at : (int64_t)room);
        r = fd_pread_all(fd, buffer, n, at);
        if (r < 0)
            error_set(err, -r, "reading what is about to be overwritten");
        else
            r = vault_blocks_add(w->blocks, at, buffer, (uint32_t)n, err);
        if (r == 0)
            vault_grew(fs->vault, (int64_t)n);
        FAULT_POINT("block_kept");
    }
    free(buffer);
    return r;
}

/* The first block from `block` on that is not kept yet and loses something; last + 1: none. */
static int64_t run_begin(const struct writing *w, const struct write_wish *wish, int64_t block,
                         int64_t last)
{
    while (block <= last) {
        if (is_captured(w, block)) {
            block++;
            continue;
        }
        off_t data = wish->zeroes ? lseek(wish->fd, block * w->block_bytes, SEEK_DATA) : -1;
        if (data < 0)
            return wish->zeroes && errno == ENXIO ? last + 1 : block;
        if (data / w->block_bytes <= block)
            return block;
        block = data / w->block_bytes;
    }
    return last + 1;
}

static int64_t run_end(const struct writing *w, const struct write_wish *wish, int64_t block,
                       int64_t last)
{
    off_t hole = wish->zeroes ? lseek(wish->fd, block * w->block_bytes, SEEK_HOLE) : -1;
    if (hole >= 0 && hole / w->block_bytes < last)
        last = hole / w->block_bytes;
    do
        block++;
    while (block <= last && !is_captured(w, block));
    return block;
}

/* Runs of blocks that are not kept yet, below the old end. */
static int capture_blocks(struct fusefs *fs, struct writing *w, const struct write_wish *wish,
                          bool *more, struct error *err)
{
    int64_t size = (int64_t)w->before.size;
    if (wish->offset >= size || wish->length <= 0)
        return 0;
    int64_t end = wish->length > size - wish->offset ? size : wish->offset + wish->length;
    int64_t last = (end - 1) / w->block_bytes;
    int64_t block = run_begin(w, wish, wish->offset / w->block_bytes, last);
    while (block <= last) {
        int64_t stop = run_end(w, wish, block, last);
        int64_t to = stop * w->block_bytes < size ? stop * w->block_bytes : size;
        *more = true;
        TRY(capture_run(fs, w, wish->fd, block * w->block_bytes, to, err));
        for (; block < stop; block++)
            w->captured[block / 8] |= (uint8_t)(1u << (block % 8));
        block = run_begin(w, wish, block, last);
    }
    return 0;
}

/* ---- the session ------------------------------------------------------------------------------------ */

static void release(struct writing *w)
{
    fd_close(&w->blocks);
    free(w->captured);
    *w = WRITING_NONE;
}

static bool touches_old(const struct writing *w, const struct write_wish *wish)
{
    return wish->offset < (int64_t)w->before.size && wish->length > 0;
}

int writing_record(struct fusefs *fs, struct file *file, struct writing *w,
                   const struct write_wish *wish, struct error *err)
{
    char path[PLACE_PATH_MAX];
    node_path(fs->nodes, file->node, path); /* of a removed file: its last one */
    struct change_spec spec = {
        .op = OP_WRITE,
        .who = wish->who,
        .tid = wish->tid,
        .flags = wish->inferred ? EVENT_INFERRED : 0,
        .path = path,
        .before = w->before,
        .version = w->version,
        .kept = w->kept,
    };
    w->who = wish->who;
    w->began = clock_now_ns();
    w->reported = !w->unseen;
    return journal_write_begin(fs->journal, &spec, &w->event, err);
}

static int begin(struct fusefs *fs, struct file *file, const struct write_wish *wish,
                 struct error *err)
{
    struct writing *w = &file->writing;
    int r = attr_read(wish->fd, "", &w->before);
    if (r < 0)
        return error_set(err, -r, "stat of a file that is about to be written");
    if (touches_old(w, wish))
        TRY(keep_old_content(fs, w, wish, err));
    return writing_record(fs, file, w, wish, err);
}

/* setuid and setgid must not survive a write (FUSE_CAP_HANDLE_KILLPRIV_V2): data.c does it; a session
 * that began before a chmod would not know, so attr.c ends it. */

static bool belongs(const struct writing *w, const struct write_wish *wish)
{
    if (!w->event)
        return false;
    if (w->unseen)
        return true;
    bool same = wish->inferred || w->who.actor == wish->who.actor;
    bool needs_version = w->version == 0 && touches_old(w, wish);
    return same && !needs_version && clock_now_ns() - w->began < SESSION_MAX_NS;
}

static int keep_blocks(struct fusefs *fs, struct writing *w, const struct write_wish *wish,
                       struct error *err)
{
    bool more = false;
    TRY(vault_room(fs->vault, err));
    TRY(capture_blocks(fs, w, wish, &more, err));
    return more ? journal_write_kept(fs->journal, w->version, false, err) : 0;
}

int writing_prepare(struct fusefs *fs, struct file *file, const struct write_wish *wish)
{
    struct writing *w = &file->writing;
    struct error err = ERROR_NONE;
    int r = 0;
    if (!belongs(w, wish)) {
        writing_end(fs, file, wish->fd);
        r = begin(fs, file, wish, &err);
        if (r < 0) {
            if (w->version)
                vault_discard(fs->vault, w->version);
            release(w);
        }
    }
    if (r == 0 && w->kept == KEPT_BLOCKS)
        r = keep_blocks(fs, w, wish, &err);
    if (r < 0) {
        /* What is kept may not be on the disk: the next begins anew. */
        writing_end(fs, file, wish->fd);
        complain(&err);
    }
    return r;
}

void writing_done(struct fusefs *fs, struct file *file, int fd, int64_t offset, int64_t length)
{
    file->writing.reported = false;
    file->writing.changed = true;
    if (length > 0)
        writing_add_range(&file->writing, offset, length);
    if (fs->options->writes == WRITES_EACH)
        writing_end(fs, file, fd);
}

static void update(struct fusefs *fs, struct file *file, int fd, bool ended)
{
    struct writing *w = &file->writing;
    struct attr after = {0};
    if (fd < 0 || attr_read(fd, "", &after) < 0)
        if (node_attr(fs->nodes, file->node, &after, NULL) < 0)
            after = (struct attr){0};
    if (!w->unseen || unseen_changed(fs, w, fd, &after))
        journal_write_update(fs->journal, w->event, &after, w->ranges, w->range_count, ended);
    else if (ended)
        journal_write_nothing(fs->journal, w->event);
    w->reported = !w->unseen;
}

void writing_report(struct fusefs *fs, struct file *file, int fd)
{
    if (file->writing.event && !file->writing.reported)
        update(fs, file, fd, false);
}

void writing_settle(struct fusefs *fs, struct file *file, int fd)
{
    if (file->writing.unseen && file->unseen > 0)
        writing_report(fs, file, fd);
    else
        writing_end(fs, file, fd);
}

void writing_end(struct fusefs *fs, struct file *file, int fd)
{
    if (file->writing.event)
        update(fs, file, fd, true);
    if (file->writing.event && file->writing.kept == KEPT_BLOCKS)
        (void)!journal_write_kept(fs->journal, file->writing.version, true, NULL); /* cannot fail */
    if (file->writing.event)
        spare_consider(fs, file->node, &file->writing);
    release(&file->writing);
}
