/* passthrough.c - see passthrough.h. */
#include "fusefs/passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "fusefs/unseen.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"

/* ---- the kernel's door
 * ------------------------------------------------------------------------------ */

/* As in linux/fuse.h from 6.9 on.  Not by fuse_passthrough_open(): that needs a request, which the
 * end of a mapping is not, and says every refusal on stderr. */
struct backing_map {
    int32_t fd;
    uint32_t flags;
    uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

/* Not for good: another try may work. */
static bool is_shortage(int code)
{
    return code == ENOMEM || code == ENOSPC || code == EMFILE || code == ENFILE;
}

/* The kernel keeps the very descriptor: one for writing would look like a mapping that lives on. */
static int register_inode(const struct fusefs *fs, int fd, bool writable)
{
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    CLEANUP(fd_close) int only_path = writable ? open(self, O_PATH | O_CLOEXEC) : -1;
    if (writable && only_path < 0)
        return -1;
    const struct backing_map map = {.fd = writable ? only_path : fd};
    return ioctl(fuse_session_fd(fs->session), BACKING_OPEN, &map);
}

static bool backing_open(struct fusefs *fs, struct file *file, int fd, bool writable)
{
    if (file->backing)
        return true;
    int id = register_inode(fs, fd, writable);
    if (id > 0) {
        file->backing = id;
        return true;
    }
    int code = errno;
    char text[128];
    if (!is_shortage(code) && atomic_exchange(&fs->through, false))
        log_line("the kernel reads and writes no files without us: %s",
                 error_text(code, text, sizeof text));
    return false;
}

void passthrough_tidy(struct fusefs *fs, struct file *file)
{
    if (file->through > 0 || !file->backing)
        return;
    uint32_t id = (uint32_t)file->backing;
    file->backing = 0;
    ioctl(fuse_session_fd(fs->session), BACKING_CLOSE, &id);
}

bool passthrough_is_quiet(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return false; /* EAGAIN: somebody has it; else nobody knows (it may have a new owner) */
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return true;
}

/* Where pages are never written out, a store into one that was read before leaves no trace at all:
 * the file has its old time. */
static bool stores_tell(const struct fusefs *fs)
{
    struct statfs s;
    return fstatfs(fs->root, &s) == 0 && (unsigned long)s.f_type != TMPFS_MAGIC &&
           (unsigned long)s.f_type != RAMFS_MAGIC;
}

bool passthrough_is_possible(const struct fusefs *fs)
{
    if (!fs->options->passthrough || !caller_has_capability(CAP_SYS_ADMIN) || !stores_tell(fs))
        return false;
    CLEANUP(fd_close) int fd = openat(fs->root, STATE_FOLDER "/lock", O_RDONLY | O_CLOEXEC);
    /* The journal has it open for writing. */
    return fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
}

/* ---- the choice
 * --------------------------------------------------------------------------------------- */

struct opening {
    struct fusefs *fs;
    struct file *file;
    const struct caller *caller;
    int fd;
    int flags;
    struct attr now;
};

static bool is_writing(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

static bool is_mappable(int flags)
{
    return (flags & O_ACCMODE) == O_RDWR;
}

/* Rule 2; and whoever maps a file must be found out about (a lease needs its owner). */
static bool may_pass(const struct opening *o)
{
    const struct fusefs *fs = o->fs;
    const struct zone *zone = o->file->node->zone;
    bool all_seen = fs->options->writes == WRITES_EACH && zone->mode != ZONE_RO;
    return !all_seen && !zone->setid && S_ISREG(o->now.mode) &&
           !(o->now.mode & (S_ISUID | S_ISGID)) && (o->now.uid == fs->uid || fs->may_lease);
}

/* A handle that the kernel opened to append goes on appending there when its flag is taken away.
 * With those that only write nobody does so (DESIGN.md); but what is behind old content costs less
 * to see than to keep. */
static bool may_write_unseen(const struct opening *o)
{
    bool appends = o->flags & O_APPEND;
    return may_pass(o) && !(appends && (is_mappable(o->flags) || o->now.size > 0));
}

static int begin_unseen(const struct opening *o, int64_t copy_limit)
{
    struct write_wish wish = {
        .who = o->file->opener, .tid = o->caller->tid, .fd = o->fd, .now = &o->now};
    struct error err = ERROR_NONE;
    TRY(unseen_begin(o->fs, o->file, &wish, copy_limit));
    if (!(o->flags & (O_SYNC | O_DSYNC)))
        return 0;
    int r = journal_make_durable(o->fs->journal, &err); /* its writes will be, without asking us */
    if (r < 0)
        complain(&err);
    return r;
}

/* Nobody can drop setuid later, so it goes now, as by a write. */
static int force_through(const struct opening *o, enum way *out)
{
    TRY(begin_unseen(o, INT64_MAX));
    caller_drop_setid(o->fd, o->now.mode);
    *out = WAY_THROUGH;
    return 0;
}

static int choose_for_writer(const struct opening *o, enum way *out)
{
    if (may_write_unseen(o) && begin_unseen(o, o->fs->copy_limit) == 0) {
        *out = WAY_THROUGH;
        return 0;
    }
    if (!is_mappable(o->flags)) {
        *out = WAY_DIRECT;
        return 0;
    }
    if (o->file->through > 0)
        return force_through(o, out);
    *out = WAY_CACHED;
    return 0;
}

static int choose(struct opening *o, enum way *out)
{
    struct file *file = o->file;
    *out = WAY_CACHED;
    if (file->cached > 0 || (file->through == 0 && !atomic_load(&o->fs->through)))
        return 0;
    if (!o->now.mode)
        TRY(attr_read(o->fd, "", &o->now));
    if (file->through == 0 &&
        (!may_pass(o) || !backing_open(o->fs, file, o->fd, is_writing(o->flags))))
        return 0;
    if (is_writing(o->flags))
        return choose_for_writer(o, out);
    *out = WAY_THROUGH;
    return 0;
}

int passthrough_choose(struct fusefs *fs, struct file *file, const struct caller *caller, int fd,
                       int flags, const struct attr *now, enum way *out)
{
    struct opening o = {.fs = fs, .file = file, .caller = caller, .fd = fd, .flags = flags};
    if (now)
        o.now = *now;
    return choose(&o, out);
}

/* ---- counting
 * --------------------------------------------------------------------------------------- */

static void count(struct file *file, enum way way, int flags, int by)
{
    unsigned step = (unsigned)by;
    if (way == WAY_CACHED) {
        file->cached += step;
        return;
    }
    file->through += step;
    if (way != WAY_THROUGH || !is_writing(flags))
        return;
    file->unseen += step;
    if (is_mappable(flags))
        file->mappable += step;
}

/* What the kernel has cached of it meanwhile grows old (fresh.h), and so does what we have seen. */
static void tell_node(struct fusefs *fs, struct file *file, bool writes)
{
    struct node *node = file->node;
    pthread_mutex_lock(&fs->nodes->lock);
    node->passed = file->through > 0;
    if (node->passed && writes) {
        node->stale = true;
        node->seen = (struct seen){0};
    }
    pthread_mutex_unlock(&fs->nodes->lock);
}

void passthrough_join(struct fusefs *fs, struct file *file, enum way way, int flags)
{
    count(file, way, flags, 1);
    tell_node(fs, file, is_writing(flags));
}

void passthrough_leave(struct fusefs *fs, struct file *file, enum way way, int flags)
{
    count(file, way, flags, -1);
    tell_node(fs, file, false);
    passthrough_tidy(fs, file);
}
