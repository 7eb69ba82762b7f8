/* data.c - see data.h. */
#include "fusefs/data.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fusefs/fresh.h"
#include "fusefs/mapped.h"
#include "fusefs/passthrough.h"
#include "fusefs/truncate.h"
#include "fusefs/unseen.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"

#define COPY_MAX ((size_t)64 << 20) /* a longer copy is done in parts: others get their turn */

/* ---- open and close --------------------------------------------------------------------------------- */

enum wish data_wish(int flags)
{
    int access = flags & O_ACCMODE;
    if (access == O_RDONLY)
        return flags & O_TRUNC ? WISH_UPDATE : WISH_READ;
    return access == O_WRONLY ? WISH_WRITE : WISH_UPDATE;
}

int turn_take(struct fusefs *fs, struct node *node, struct turn *out)
{
    out->fs = fs;
    out->file = file_enter(&fs->handles, fs->nodes, node);
    return out->file ? 0 : -ENOMEM;
}

void turn_end(struct turn *turn)
{
    if (turn->file)
        file_exit(&turn->fs->handles, turn->fs->nodes, turn->file);
    turn->file = NULL;
}

/* A file to be written is opened for reading too: what it loses must be read first. */
static int open_backing(struct fusefs *fs, struct node *node, enum wish wish, struct attr *now)
{
    if (wish == WISH_READ)
        return node_open_as(fs->nodes, node, O_RDONLY | O_NONBLOCK, now);
    int fd = node_open_as(fs->nodes, node, O_RDWR | O_NONBLOCK, now);
    return fd == -EACCES ? node_open_as(fs->nodes, node, O_WRONLY | O_NONBLOCK, now) : fd;
}

/* An open that failed leaves nothing behind of what was prepared for it. */
static void give_back(struct fusefs *fs, struct file *file)
{
    passthrough_tidy(fs, file);
    if (file->writing.unseen && file->unseen == 0)
        writing_end(fs, file, -1);
}

/* Who only reads may have been given more, to truncate the file or to make it.  Kept so, it would look
 * like somebody's mapping for ever (mapped.h). */
static void keep_to_reading(int *fd, int flags)
{
    char self[32];
    if ((flags & O_ACCMODE) != O_RDONLY || !(flags & (O_TRUNC | O_CREAT)))
        return;
    snprintf(self, sizeof self, "/proc/self/fd/%d", *fd);
    int only_read = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (only_read < 0)
        return; /* made without the right to read it, and not as root: nothing is passed through */
    fd_close(fd);
    *fd = only_read;
}

int data_hand_out(struct turn *turn, const struct caller *caller, int fd, int flags,
                  const struct attr *now, struct opened *out)
{
    struct fusefs *fs = turn->fs;
    struct file *file = turn->file;
    CLEANUP(fd_close) int own = fd;
    keep_to_reading(&own, flags);
    if ((flags & O_ACCMODE) != O_RDONLY)
        file->opener = caller_actor(fs, caller);
    int r = passthrough_choose(fs, file, caller, own, flags, now, &out->way);
    bool cached = r == 0 && out->way == WAY_CACHED;
    bool fresh = cached && fresh_open(fs, file->node, own);
    if (r == 0)
        r = handle_open_file(&fs->handles, fs->nodes, file, fd_take(&own), flags & O_ACCMODE,
                             out->way, &out->handle);
    if (r < 0) {
        give_back(fs, file);
        return r;
    }
    passthrough_join(fs, file, out->way, flags);
    out->backing = cached ? 0 : file->backing;
    out->keep_cache = cached && fresh;
    return 0;
}

/* Its turn lasts from the open to the handle: a truncation beside it would put another inode there. */
static int open_in_turn(struct fusefs *fs, const struct caller *caller, struct node *node,
                        int flags, bool kill_setid, bool alone, struct opened *out)
{
    CLEANUP(turn_end) struct turn turn = TURN_NONE;
    TRY(turn_take(fs, node, &turn));
    struct attr now;
    CLEANUP(fd_close) int fd = open_backing(fs, node, data_wish(flags), &now);
    if (fd < 0)
        return fd;
    const struct truncation what = {.kill_setid = kill_setid, .alone = alone};
    if (flags & O_TRUNC)
        TRY(truncate_file(fs, caller, turn.file, fd, &what, &now));
    return data_hand_out(&turn, caller, fd_take(&fd), flags, now.mode ? &now : NULL, out);
}

int data_open(struct fusefs *fs, const struct caller *caller, uint64_t number, int flags,
              bool kill_setid, struct opened *out)
{
    struct node *node = node_get(fs->nodes, number);
    if (!node)
        return -ESTALE;
    enum wish wish = data_wish(flags);
    char path[PLACE_PATH_MAX];
    const char *reason;
    if (zone_check(node->zone, wish, &reason) < 0) {
        node_path(fs->nodes, node, path);
        return allow(fs, caller, wish == WISH_READ ? OP_OPEN : OP_WRITE, node->zone, wish, path,
                     NULL);
    }
    if (!(flags & O_TRUNC))
        return open_in_turn(fs, caller, node, flags, kill_setid, false, out);
    int r = -EAGAIN;
    for (int alone = 0; alone < 2 && r == -EAGAIN; alone++) {
        CLEANUP(gate_leave)
        UNUSED struct fusefs *in = alone ? gate_enter_alone(fs) : gate_enter(fs);
        r = open_in_turn(fs, caller, node, flags, kill_setid, alone != 0, out);
    }
    return r;
}

/* The last writer ends the write session, the last of those that write unseen theirs. */
static void leave_file(struct fusefs *fs, struct handle *handle)
{
    struct file *file = handle->file;
    bool last = false;
    handle_end_writing(&fs->handles, handle, &last);
    pthread_mutex_lock(&file->lock);
    passthrough_leave(fs, file, handle->way, handle->flags);
    FAULT_POINT("passed_on");
    /* who opened the file after that look may write unseen already: only the count tells */
    if (file->writing.unseen ? file->unseen == 0 : last)
        writing_end(fs, file, handle->fd);
    pthread_mutex_unlock(&file->lock);
}

int data_drop(struct fusefs *fs, uint64_t number)
{
    struct handle *handle = handle_get(&fs->handles, number);
    if (!handle)
        return -EBADF;
    leave_file(fs, handle);
    handle_close(&fs->handles, fs->nodes, number);
    return 0;
}

int data_release(struct fusefs *fs, uint64_t number)
{
    struct handle *handle = handle_get(&fs->handles, number);
    if (!handle)
        return -EBADF;
    bool writable = handle->writable;
    if (mapped_put_aside(fs, handle, number))
        return 0;
    int r = data_drop(fs, number);
    if (writable)
        mapped_sweep(fs, 1);
    return r;
}

/* Which bytes a session changed is known to nobody else.  One that goes on unseen has all it needs on record
 * since it began: what changed is found by looking at the file, by recovery as well. */
static void report_file(struct fusefs *fs, struct file *file, int fd)
{
    pthread_mutex_lock(&file->lock);
    if (!file->writing.unseen)
        writing_report(fs, file, fd);
    pthread_mutex_unlock(&file->lock);
}

static int make_durable(struct fusefs *fs)
{
    struct error err = ERROR_NONE;
    int r = journal_make_durable(fs->journal, &err);
    if (r < 0)
        complain(&err);
    return r;
}

/* What is needed to take back what happened to it, then the file. */
int data_sync(struct fusefs *fs, uint64_t number, bool data_only)
{
    struct handle *handle = handle_get(&fs->handles, number);
    if (!handle)
        return -EBADF;
    report_file(fs, handle->file, handle->fd);
    TRY(make_durable(fs));
    FAULT_POINT("sync_kept");
    /* With its times, whatever was asked for: by them it is known again. */
    (void)data_only;
    return fsync(handle->fd) < 0 ? -errno : 0;
}

int data_sync_folder(struct fusefs *fs, uint64_t number)
{
    struct node *node = node_get(fs->nodes, number);
    CLEANUP(fd_close) int fd = node ? node_open(fs->nodes, node, O_RDONLY | O_DIRECTORY) : -ESTALE;
    if (fd < 0)
        return fd;
    TRY(make_durable(fs));
    return fsync(fd) < 0 ? -errno : 0;
}

/* ---- settling ---------------------------------------------------------------------------------------- */

/* The inode of a session that goes on unseen, to be read. */
static int open_to_read(struct fusefs *fs, const struct file *file)
{
    return file->writing.unseen ? node_open(fs->nodes, file->node, O_RDONLY | O_NONBLOCK) : -1;
}

static void settle_file(struct fusefs *fs, struct file *file, enum settling how)
{
    pthread_mutex_lock(&file->lock);
    CLEANUP(fd_close) int fd = open_to_read(fs, file);
    if (how == SETTLE_RENEW && file->unseen > 0)
        unseen_renew(fs, file, fd, INT64_MAX);
    else if (how == SETTLE_REPORT)
        writing_report(fs, file, fd);
    else
        writing_end(fs, file, fd);
    pthread_mutex_unlock(&file->lock);
    file_drop(&fs->handles, fs->nodes, file);
}

bool data_settle(struct fusefs *fs, struct node *node)
{
    struct file *file = file_of(&fs->handles, node);
    if (!file)
        return false;
    pthread_mutex_lock(&file->lock);
    CLEANUP(fd_close) int fd = open_to_read(fs, file);
    writing_settle(fs, file, fd);
    pthread_mutex_unlock(&file->lock);
    file_drop(&fs->handles, fs->nodes, file);
    return true;
}

void data_renew(struct fusefs *fs, struct node *node)
{
    struct file *file = file_of(&fs->handles, node);
    if (!file)
        return;
    pthread_mutex_lock(&file->lock);
    CLEANUP(fd_close) int fd = open_to_read(fs, file);
    unseen_renew(fs, file, fd, fs->copy_limit);
    pthread_mutex_unlock(&file->lock);
    file_drop(&fs->handles, fs->nodes, file);
}

void data_settle_all(struct fusefs *fs, enum settling how)
{
    size_t at = 0;
    mapped_sweep(fs, SIZE_MAX);
    for (struct file *file; (file = files_next(&fs->handles, &at, true));)
        settle_file(fs, file, how);
}

/* ---- writing ------------------------------------------------------------------------------------------ */

/* The file's lock is held from the capture to the last byte: rule 1 of writing.h. */
struct writer {
    struct fusefs *fs;
    struct handle *handle;
    struct write_wish wish;
};

static void writer_leave(struct writer *w)
{
    if (!w->handle)
        return;
    pthread_mutex_unlock(&w->handle->file->lock);
    gate_leave(&w->fs);
}

/* fcntl(F_SETFL) is the kernel's business and reaches us only with the next write. */
static void follow_append(struct handle *handle, int flags)
{
    if ((handle->flags ^ flags) & O_APPEND) {
        handle->flags = (handle->flags & ~O_APPEND) | (flags & O_APPEND);
        fcntl(handle->fd, F_SETFL, handle->flags & O_APPEND);
    }
}

/* The kernel's idea of where a file ends may be older than what the host's user appended. */
static int64_t offset_of(const struct handle *handle, int64_t offset)
{
    off_t end = handle->flags & O_APPEND ? lseek(handle->fd, 0, SEEK_END) : -1;
    return end < 0 ? offset : end;
}

/* what: offset, length, and whether the kernel could name nobody; flags: O_APPEND or 0. */
static int writer_enter(struct writer *w, struct fusefs *fs, const struct caller *caller,
                        uint64_t number, const struct write_wish *what, int flags)
{
    struct handle *handle = handle_get(&fs->handles, number);
    if (!handle || !handle->writable)
        return -EBADF;
    w->fs = gate_enter(fs);
    w->handle = handle;
    pthread_mutex_lock(&handle->file->lock);
    follow_append(handle, flags);
    w->wish = *what;
    w->wish.inferred |= caller->tid == 0;
    w->wish.who = w->wish.inferred ? handle->file->opener : caller_actor(fs, caller);
    w->wish.tid = caller->tid;
    w->wish.fd = handle->fd;
    w->wish.offset = offset_of(handle, what->offset);
    fresh_before(fs, handle->node, handle->fd);
    return writing_prepare(fs, handle->file, &w->wish);
}

static void writer_done(struct writer *w, int64_t length, bool kill_setid)
{
    if (kill_setid)
        caller_drop_setid(w->handle->fd, w->handle->file->writing.before.mode);
    fresh_after(w->fs, w->handle->node, w->handle->fd);
    writing_done(w->fs, w->handle->file, w->handle->fd, w->wish.offset, length);
}

ssize_t data_write(struct fusefs *fs, const struct caller *caller, uint64_t number,
                   const void *data, size_t bytes, int64_t offset, int flags, bool from_cache,
                   bool kill_setid)
{
    CLEANUP(writer_leave) struct writer w = {0};
    struct write_wish what = {.offset = offset, .length = (int64_t)bytes, .inferred = from_cache};
    /* What was mapped goes where it was mapped, whichever descriptor the kernel takes for it. */
    TRY(writer_enter(&w, fs, caller, number, &what, from_cache ? 0 : flags));
    FAULT_POINT("write_kept");
    TRY(FAULT_ERROR("write"));
    ssize_t n = pwrite(w.handle->fd, data, bytes, w.wish.offset);
    if (n < 0)
        return -errno;
    FAULT_POINT("write_applied");
    writer_done(&w, n, kill_setid);
    return n;
}

/* The kernel does not say whether the caller may keep setuid here: only root may. */
static bool must_drop_setid(const struct caller *caller)
{
    return caller->uid != 0;
}

int data_allocate(struct fusefs *fs, const struct caller *caller, uint64_t number, int mode,
                  int64_t offset, int64_t length)
{
    CLEANUP(writer_leave) struct writer w = {0};
    bool shifts = mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE);
    bool zeroes = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
    struct write_wish what = {.offset = offset, .zeroes = zeroes};
    if (shifts || zeroes)
        what.length = shifts ? INT64_MAX - offset : length;
    TRY(writer_enter(&w, fs, caller, number, &what, 0));
    if (fallocate(w.handle->fd, mode, offset, length) < 0)
        return -errno;
    writer_done(&w, shifts ? what.length : length, must_drop_setid(caller));
    return 0;
}

ssize_t data_copy(struct fusefs *fs, const struct caller *caller, uint64_t from,
                  int64_t from_offset, uint64_t to, int64_t to_offset, size_t bytes)
{
    CLEANUP(writer_leave) struct writer w = {0};
    struct handle *source = handle_get(&fs->handles, from);
    if (!source)
        return -EBADF;
    bytes = bytes < COPY_MAX ? bytes : COPY_MAX;
    struct write_wish what = {.offset = to_offset, .length = (int64_t)bytes};
    TRY(writer_enter(&w, fs, caller, to, &what, 0));
    off_t in = from_offset;
    off_t out = to_offset;
    ssize_t n = copy_file_range(source->fd, &in, w.handle->fd, &out, bytes, 0);
    if (n < 0)
        return -errno;
    writer_done(&w, n, must_drop_setid(caller));
    return n;
}
