/* ops.c - a kernel request comes in, exactly one reply goes out.
 *
 * Nothing is decided here: each function unpacks a request, calls the one function that does it, and
 * replies. */
#include "fusefs/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "fusefs/attr.h"
#include "fusefs/data.h"
#include "fusefs/list.h"
#include "fusefs/tree.h"

#define REQUEST_BYTES (1u << 20)

/* libfuse ends the threads of its rings by pthread_cancel(), also in the middle of a request: a lock would
 * stay locked, a change pending.  They wake up by themselves; nothing has to be cancelled. */
static struct fusefs *fs_of(fuse_req_t req)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return fuse_req_userdata(req);
}

static struct caller caller_of(fuse_req_t req)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    return (struct caller){.tid = ctx->pid, .uid = ctx->uid, .gid = ctx->gid};
}

/* ---- replies ---------------------------------------------------------------------------------------- */

static struct stat stat_of(const struct statx *x)
{
    return (struct stat){
        .st_dev = makedev(x->stx_dev_major, x->stx_dev_minor),
        .st_ino = x->stx_ino,
        .st_mode = x->stx_mode,
        .st_nlink = x->stx_nlink,
        .st_uid = x->stx_uid,
        .st_gid = x->stx_gid,
        .st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
        .st_size = (off_t)x->stx_size,
        .st_blksize = (blksize_t)x->stx_blksize,
        .st_blocks = (blkcnt_t)x->stx_blocks,
        .st_atim = {x->stx_atime.tv_sec, x->stx_atime.tv_nsec},
        .st_mtim = {x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec},
        .st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec},
    };
}

static struct fuse_entry_param entry_param(const struct fusefs *fs, const struct entry *entry)
{
    return (struct fuse_entry_param){
        .ino = entry->number,
        .attr = stat_of(&entry->attr),
        .attr_timeout = fs->timeout_s,
        .entry_timeout = fs->timeout_s,
    };
}

static void reply_status(fuse_req_t req, int r)
{
    fuse_reply_err(req, -r);
}

/* A name that the kernel could not be told of is as if it had not looked it up. */
static void reply_entry(fuse_req_t req, int r, const struct entry *entry)
{
    if (r < 0) {
        reply_status(req, r);
        return;
    }
    struct fuse_entry_param param = entry_param(fs_of(req), entry);
    if (fuse_reply_entry(req, &param) == -ENOENT)
        node_forget(fs_of(req)->nodes, entry->number, 1);
}

static void reply_attr(fuse_req_t req, int r, const struct statx *x)
{
    if (r < 0) {
        reply_status(req, r);
        return;
    }
    struct stat attr = stat_of(x);
    fuse_reply_attr(req, &attr, fs_of(req)->timeout_s);
}

static void reply_bytes(fuse_req_t req, ssize_t r, const void *data, size_t asked)
{
    if (r < 0)
        reply_status(req, (int)r);
    else if (asked == 0)
        fuse_reply_xattr(req, (size_t)r);
    else
        fuse_reply_buf(req, data, (size_t)r);
}

/* ---- names -------------------------------------------------------------------------------------------- */

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fusefs *fs = fs_of(req);
    struct caller caller = caller_of(req);
    struct entry entry;
    int r = tree_lookup(fs, &caller, parent, name, &entry);
    if (r == -ENOENT) { /* a missing name may be remembered as long as a present one */
        struct fuse_entry_param missing = {.entry_timeout = fs->timeout_s};
        fuse_reply_entry(req, &missing);
        return;
    }
    reply_entry(req, r, &entry);
}

static void op_forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups)
{
    node_forget(fs_of(req)->nodes, number, lookups);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        node_forget(fs_of(req)->nodes, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

static void open_reply_flags(struct fuse_file_info *fi, const struct opened *opened)
{
    fi->fh = opened->handle;
    fi->keep_cache = opened->keep_cache;
    fi->noflush = 1; /* whoever reads the journal has open handles reported first */
    fi->direct_io = opened->way == WAY_DIRECT;
    fi->backing_id = opened->backing;
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    struct fusefs *fs = fs_of(req);
    struct caller caller = caller_of(req);
    struct entry entry;
    struct opened opened = {0};
    int r = tree_create(fs, &caller, parent, name, mode, fi->flags, &entry, &opened);
    if (r < 0) {
        reply_status(req, r);
        return;
    }
    open_reply_flags(fi, &opened);
    struct fuse_entry_param param = entry_param(fs, &entry);
    if (fuse_reply_create(req, &param, fi) == -ENOENT) {
        data_drop(fs, opened.handle);
        node_forget(fs->nodes, entry.number, 1);
    }
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)device;
    struct caller caller = caller_of(req);
    struct entry entry;
    int r = tree_mknod(fs_of(req), &caller, parent, name, mode, &entry);
    reply_entry(req, r, &entry);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct caller caller = caller_of(req);
    struct entry entry;
    int r = tree_mkdir(fs_of(req), &caller, parent, name, mode, &entry);
    reply_entry(req, r, &entry);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    struct caller caller = caller_of(req);
    struct entry entry;
    int r = tree_symlink(fs_of(req), &caller, target, parent, name, &entry);
    reply_entry(req, r, &entry);
}

static void op_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char *name)
{
    struct caller caller = caller_of(req);
    struct entry entry;
    int r = tree_link(fs_of(req), &caller, number, parent, name, &entry);
    reply_entry(req, r, &entry);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct caller caller = caller_of(req);
    reply_status(req, tree_unlink(fs_of(req), &caller, parent, name));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct caller caller = caller_of(req);
    reply_status(req, tree_rmdir(fs_of(req), &caller, parent, name));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct caller caller = caller_of(req);
    reply_status(req, tree_rename(fs_of(req), &caller, parent, name, new_parent, new_name, flags));
}

/* ---- attributes ----------------------------------------------------------------------------------------- */

static void op_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)fi;
    struct statx x;
    int r = attr_get(fs_of(req), number, &x);
    reply_attr(req, r, &x);
}

static void op_statx(fuse_req_t req, fuse_ino_t number, int flags, int mask,
                     struct fuse_file_info *fi)
{
    (void)mask;
    (void)fi;
    struct statx x;
    int r = attr_get(fs_of(req), number, &x);
    if (r < 0)
        reply_status(req, r);
    else
        fuse_reply_statx(req, flags, &x, fs_of(req)->timeout_s);
}

static struct attr_change attr_change_of(const struct stat *attr, int to_set)
{
    static const struct {
        int bit;
        unsigned wish;
    } bits[] = {
        {FUSE_SET_ATTR_MODE, ATTR_WISH_MODE},
        {FUSE_SET_ATTR_UID, ATTR_WISH_UID},
        {FUSE_SET_ATTR_GID, ATTR_WISH_GID},
        {FUSE_SET_ATTR_SIZE, ATTR_WISH_SIZE},
        {FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW, ATTR_WISH_ATIME},
        {FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW, ATTR_WISH_MTIME},
        {FUSE_SET_ATTR_KILL_SUID, ATTR_WISH_KILL_SETID}, /* FATTR_KILL_SUIDGID on the wire */
    };
    struct attr_change change = {
        .mode = attr->st_mode,
        .uid = attr->st_uid,
        .gid = attr->st_gid,
        .size = attr->st_size,
        .atime = attr->st_atim,
        .mtime = attr->st_mtim,
    };
    for (size_t i = 0; i < COUNT_OF(bits); i++)
        if (to_set & bits[i].bit)
            change.wish |= bits[i].wish;
    if (to_set & FUSE_SET_ATTR_ATIME_NOW)
        change.atime.tv_nsec = UTIME_NOW;
    if (to_set & FUSE_SET_ATTR_MTIME_NOW)
        change.mtime.tv_nsec = UTIME_NOW;
    return change;
}

static void op_setattr(fuse_req_t req, fuse_ino_t number, struct stat *attr, int to_set,
                       struct fuse_file_info *fi)
{
    struct caller caller = caller_of(req);
    struct attr_change change = attr_change_of(attr, to_set);
    struct statx x;
    int r = attr_set(fs_of(req), &caller, number, fi ? fi->fh : 0, &change, &x);
    reply_attr(req, r, &x);
}

static void op_readlink(fuse_req_t req, fuse_ino_t number)
{
    struct caller caller = caller_of(req);
    char target[PATH_MAX + 1];
    int r = attr_readlink(fs_of(req), &caller, number, target, sizeof target);
    if (r < 0)
        reply_status(req, r);
    else
        fuse_reply_readlink(req, target);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t number, const char *name, const char *value,
                        size_t bytes, int flags)
{
    struct caller caller = caller_of(req);
    reply_status(req, attr_set_xattr(fs_of(req), &caller, number, name, value, bytes, flags));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t number, const char *name)
{
    struct caller caller = caller_of(req);
    reply_status(req, attr_remove_xattr(fs_of(req), &caller, number, name));
}

static void op_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t bytes)
{
    char *value = bytes ? malloc(bytes) : NULL;
    ssize_t n = bytes && !value ? -ENOMEM : attr_get_xattr(fs_of(req), number, name, value, bytes);
    reply_bytes(req, n, value, bytes);
    free(value);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t number, size_t bytes)
{
    char *names = bytes ? malloc(bytes) : NULL;
    ssize_t n = bytes && !names ? -ENOMEM : attr_list_xattr(fs_of(req), number, names, bytes);
    reply_bytes(req, n, names, bytes);
    free(names);
}

static void op_statfs(fuse_req_t req, fuse_ino_t number)
{
    (void)number;
    struct statvfs s;
    if (fstatvfs(fs_of(req)->root, &s) < 0)
        reply_status(req, -errno);
    else
        fuse_reply_statfs(req, &s);
}

/* ---- contents -------------------------------------------------------------------------------------------- */

static void op_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct fusefs *fs = fs_of(req);
    struct caller caller = caller_of(req);
    struct opened opened = {0};
    int r = data_open(fs, &caller, number, fi->flags, fi->kill_suidgid, &opened);
    if (r < 0) {
        reply_status(req, r);
        return;
    }
    open_reply_flags(fi, &opened);
    if (fuse_reply_open(req, fi) == -ENOENT)
        data_drop(fs, opened.handle);
}

static void op_read(fuse_req_t req, fuse_ino_t number, size_t bytes, off_t offset,
                    struct fuse_file_info *fi)
{
    (void)number;
    struct handle *handle = handle_get(&fs_of(req)->handles, fi->fh);
    if (!handle) {
        reply_status(req, -EBADF);
        return;
    }
    struct fuse_bufvec data = FUSE_BUFVEC_INIT(bytes);
    data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    data.buf[0].fd = handle->fd;
    data.buf[0].pos = offset;
    fuse_reply_data(req, &data, FUSE_BUF_SPLICE_MOVE);
}

static void op_write(fuse_req_t req, fuse_ino_t number, const char *data, size_t bytes,
                     off_t offset, struct fuse_file_info *fi)
{
    (void)number;
    struct caller caller = caller_of(req);
    ssize_t n = data_write(fs_of(req), &caller, fi->fh, data, bytes, offset, fi->flags,
                           fi->writepage, fi->kill_suidgid);
    if (n < 0)
        reply_status(req, (int)n);
    else
        fuse_reply_write(req, (size_t)n);
}

static void op_flush(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)number;
    (void)fi;
    reply_status(req, 0);
}

static void op_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)number;
    reply_status(req, data_release(fs_of(req), fi->fh));
}

static void op_fsync(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *fi)
{
    (void)number;
    reply_status(req, data_sync(fs_of(req), fi->fh, data_only != 0));
}

static void op_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length,
                         struct fuse_file_info *fi)
{
    (void)number;
    struct caller caller = caller_of(req);
    reply_status(req, data_allocate(fs_of(req), &caller, fi->fh, mode, offset, length));
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset,
                               struct fuse_file_info *from_fi, fuse_ino_t to, off_t to_offset,
                               struct fuse_file_info *to_fi, size_t bytes, int flags)
{
    (void)from;
    (void)to;
    (void)flags;
    struct caller caller = caller_of(req);
    ssize_t n =
        data_copy(fs_of(req), &caller, from_fi->fh, from_offset, to_fi->fh, to_offset, bytes);
    if (n < 0)
        reply_status(req, (int)n);
    else
        fuse_reply_write(req, (size_t)n);
}

static void op_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence,
                     struct fuse_file_info *fi)
{
    (void)number;
    struct handle *handle = handle_get(&fs_of(req)->handles, fi->fh);
    off_t r = handle ? lseek(handle->fd, offset, whence) : (errno = EBADF, -1);
    if (r < 0)
        reply_status(req, -errno);
    else
        fuse_reply_lseek(req, r);
}

/* ---- folders ----------------------------------------------------------------------------------------------- */

/* The kernel keeps listings, as long as nothing came or went behind it. */
static void op_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct fusefs *fs = fs_of(req);
    struct caller caller = caller_of(req);
    bool same = false;
    int r = list_open(fs, &caller, number, &same);
    if (r < 0) {
        reply_status(req, r);
        return;
    }
    fi->cache_readdir = 1;
    fi->keep_cache = same;
    fuse_reply_open(req, fi);
}

static size_t pack_item(fuse_req_t req, struct listing *listing, const struct list_item *item,
                        bool plus, char *at, size_t room)
{
    struct fusefs *fs = fs_of(req);
    struct fuse_entry_param param = {
        .attr = {.st_ino = item->ino, .st_mode = item->type},
    };
    if (!plus)
        return fuse_add_direntry(req, at, room, item->name, &param.attr, item->next);
    struct entry entry;
    bool dots = strcmp(item->name, ".") == 0 || strcmp(item->name, "..") == 0;
    bool met = !dots && fuse_add_direntry_plus(req, NULL, 0, item->name, NULL, 0) <= room &&
               list_meet(listing, item, &entry) == 0;
    if (met)
        param = entry_param(fs, &entry);
    return fuse_add_direntry_plus(req, at, room, item->name, &param, item->next);
}

static int fill(fuse_req_t req, struct listing *listing, bool plus, char *buffer, size_t room,
                size_t *used)
{
    struct list_item item;
    int r;
    while ((r = list_next(listing, &item)) == 1) {
        size_t n = pack_item(req, listing, &item, plus, buffer + *used, room - *used);
        if (n > room - *used)
            return 0; /* it comes with the next request: the offset given then is before it */
        *used += n;
    }
    return *used ? 0 : r;
}

/* An entry with attributes takes a few times the room of a bare one. */
#define PLUS_TIMES 4

static void read_folder(fuse_req_t req, fuse_ino_t number, size_t bytes, off_t offset, bool plus)
{
    struct listing listing;
    size_t room = bytes < REQUEST_BYTES ? bytes : REQUEST_BYTES;
    size_t used = 0;
    char *buffer = malloc(room);
    int r = list_begin(fs_of(req), number, offset, plus ? room / PLUS_TIMES : room, &listing);
    if (r == 0)
        r = buffer ? fill(req, &listing, plus, buffer, room, &used) : -ENOMEM;
    list_end(&listing);
    if (r < 0)
        reply_status(req, r);
    else
        fuse_reply_buf(req, buffer, used);
    free(buffer);
}

static void op_readdir(fuse_req_t req, fuse_ino_t number, size_t bytes, off_t offset,
                       struct fuse_file_info *fi)
{
    (void)fi;
    read_folder(req, number, bytes, offset, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t number, size_t bytes, off_t offset,
                           struct fuse_file_info *fi)
{
    (void)fi;
    read_folder(req, number, bytes, offset, true);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *fi)
{
    (void)data_only;
    (void)fi;
    reply_status(req, data_sync_folder(fs_of(req), number));
}

static void op_releasedir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)number;
    (void)fi;
    reply_status(req, 0);
}

/* ---- the session ------------------------------------------------------------------------------------------- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    struct fusefs *fs = userdata;
    conn->max_write = REQUEST_BYTES;
    conn->max_readahead = REQUEST_BYTES;
    conn->max_background = 64;
    conn->time_gran = 1;
    static const uint64_t wanted[] = {
        FUSE_CAP_ATOMIC_O_TRUNC,      FUSE_CAP_HANDLE_KILLPRIV_V2, FUSE_CAP_READDIRPLUS,
        FUSE_CAP_READDIRPLUS_AUTO,    FUSE_CAP_PARALLEL_DIROPS,    FUSE_CAP_ASYNC_READ,
        FUSE_CAP_EXPLICIT_INVAL_DATA, FUSE_CAP_SPLICE_WRITE,       FUSE_CAP_SPLICE_MOVE,
        FUSE_CAP_ASYNC_DIO,
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        fuse_set_feature_flag(conn, wanted[i]);
    fuse_unset_feature_flag(conn, FUSE_CAP_AUTO_INVAL_DATA); /* fresh.h tells why */
    /* A writeback cache would hide who wrote what; locks are the kernel's own business. */
    fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
    fuse_unset_feature_flag(conn, FUSE_CAP_POSIX_LOCKS);
    fuse_unset_feature_flag(conn, FUSE_CAP_FLOCK_LOCKS);
    fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_READ); /* slower for the small writes of agents */
    fs->uring = (conn->want_ext & FUSE_CAP_OVER_IO_URING) != 0;
    if (fs->through) /* libfuse allows one level: the workspace is not itself passed through */
        fs->through = fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
    serve_ready(fs);
}

const struct fuse_lowlevel_ops ops_table = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .statx = op_statx,
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .create = op_create,
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .release = op_release,
    .fsync = op_fsync,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .fsyncdir = op_fsyncdir,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .fallocate = op_fallocate,
    .copy_file_range = op_copy_file_range,
    .lseek = op_lseek,
};
