/* attr.c - see attr.h. */
#include "fusefs/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fusefs/data.h"
#include "fusefs/fresh.h"
#include "fusefs/truncate.h"
#include "journal/base/fd.h"
#include "journal/xattr.h"

/* Our own descriptors, also O_PATH ones, by the name that chmod(2) and the xattr calls accept. */
struct self {
    char path[32];
};

static struct self self_path(int fd)
{
    struct self self;
    snprintf(self.path, sizeof self.path, "/proc/self/fd/%d", fd);
    return self;
}

int attr_get(struct fusefs *fs, uint64_t number, struct statx *out)
{
    struct node *node = node_get(fs->nodes, number);
    struct attr attr;
    if (!node)
        return -ESTALE;
    TRY(node_attr(fs->nodes, node, &attr, out));
    fresh_reply(fs, number, out);
    return 0;
}

int attr_allow_mode(struct fusefs *fs, const struct caller *caller, enum op op,
                    const struct zone *zone, mode_t mode, const char *path)
{
    if (!(mode & (S_ISUID | S_ISGID)) || zone->setid)
        return 0;
    return refuse(fs, caller, op, path, NULL, EPERM, "setuid and setgid on files are refused");
}

/* ---- setattr: one event for each kind of change -------------------------------------------------- */

struct setting {
    struct fusefs *fs;
    const struct caller *caller;
    struct node *node;
    char path[PLACE_PATH_MAX];
    int fd;             /* O_PATH or better, owned */
    struct statx after; /* of it, behind the last change; stx_mask 0: not looked at */
    bool alone;         /* the gate is held for writing */
};

static int apply_mode(int fd, const struct attr_change *wish)
{
    struct self self = self_path(fd);
    return chmod(self.path, wish->mode & 07777) < 0 ? -errno : 0;
}

static int apply_owner(int fd, const struct attr_change *wish)
{
    uid_t uid = wish->wish & ATTR_WISH_UID ? wish->uid : (uid_t)-1;
    gid_t gid = wish->wish & ATTR_WISH_GID ? wish->gid : (gid_t)-1;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int apply_times(int fd, const struct attr_change *wish)
{
    struct timespec times[2] = {wish->atime, wish->mtime};
    if (!(wish->wish & ATTR_WISH_ATIME))
        times[0].tv_nsec = UTIME_OMIT;
    if (!(wish->wish & ATTR_WISH_MTIME))
        times[1].tv_nsec = UTIME_OMIT;
    return utimensat(fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int set_recorded(struct setting *s, enum op op, const struct attr_change *wish,
                        int (*apply)(int fd, const struct attr_change *wish))
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    struct change_spec spec = spec_for(s->fs, s->caller, op, s->path);
    TRY(attr_read(s->fd, "", &spec.before));
    int r = journal_begin(s->fs->journal, &spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    r = apply(s->fd, wish);
    if (r < 0) {
        journal_fail(&change, -r);
        return r;
    }
    if (node_statx(s->fd, "", &s->after) < 0)
        s->after.stx_mask = 0;
    struct attr after = attr_from_statx(&s->after);
    journal_confirm(&change, s->after.stx_mask ? &after : NULL);
    return 0;
}

static int set_size(struct setting *s, uint64_t handle, const struct attr_change *wish)
{
    CLEANUP(turn_end) struct turn turn = TURN_NONE;
    struct handle *own = handle ? handle_get(&s->fs->handles, handle) : NULL;
    struct truncation what = {.size = (int64_t)wish->size,
                              .kill_setid = wish->wish & ATTR_WISH_KILL_SETID,
                              .alone = s->alone};
    TRY(turn_take(s->fs, s->node, &turn));
    if (own && own->writable && own->file == turn.file) {
        what.own = own;
        return truncate_file(s->fs, s->caller, turn.file, own->fd, &what, NULL);
    }
    CLEANUP(fd_close) int fd = node_open(s->fs->nodes, s->node, O_RDWR | O_NONBLOCK);
    if (fd == -EACCES)
        fd = node_open(s->fs->nodes, s->node, O_WRONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    return truncate_file(s->fs, s->caller, turn.file, fd, &what, NULL);
}

/* A file's pages belong to its content, not to the time that it is given. */
static int set_times(struct setting *s, const struct attr_change *change)
{
    CLEANUP(turn_end) struct turn turn = TURN_NONE;
    if (!S_ISREG(s->node->type))
        return set_recorded(s, OP_UTIMENS, change, apply_times);
    TRY(turn_take(s->fs, s->node, &turn));
    fresh_before(s->fs, s->node, s->fd);
    int r = set_recorded(s, OP_UTIMENS, change, apply_times);
    fresh_after(s->fs, s->node, s->fd);
    return r;
}

static enum op op_of(unsigned wish)
{
    if (wish & ATTR_WISH_SIZE)
        return OP_TRUNCATE;
    if (wish & (ATTR_WISH_UID | ATTR_WISH_GID))
        return OP_CHOWN;
    return wish & ATTR_WISH_MODE ? OP_CHMOD : OP_UTIMENS;
}

static int set_all(struct setting *s, uint64_t handle, const struct attr_change *change)
{
    unsigned wish = change->wish;
    if (wish & ATTR_WISH_SIZE)
        TRY(set_size(s, handle, change));
    if ((wish & ATTR_WISH_SIZE) && !(wish & (ATTR_WISH_UID | ATTR_WISH_GID | ATTR_WISH_MODE)))
        return 0; /* a truncation has set the times already */
    s->fd = node_open(s->fs->nodes, s->node, O_PATH);
    if (s->fd < 0)
        return s->fd;
    if (wish & (ATTR_WISH_UID | ATTR_WISH_GID))
        TRY(set_recorded(s, OP_CHOWN, change, apply_owner));
    if (wish & ATTR_WISH_MODE)
        TRY(set_recorded(s, OP_CHMOD, change, apply_mode));
    if ((wish & (ATTR_WISH_ATIME | ATTR_WISH_MTIME)) && !(wish & ATTR_WISH_SIZE))
        TRY(set_times(s, change));
    return 0;
}

/* -EAGAIN: it has to be done alone. */
static int set_try(struct setting *s, uint64_t handle, const struct attr_change *change,
                   struct statx *out)
{
    struct fusefs *fs = s->fs;
    struct attr attr;
    node_path(fs->nodes, s->node, s->path);
    enum op op = op_of(change->wish);
    TRY(allow(fs, s->caller, op, s->node->zone, WISH_ALTER, s->path, NULL));
    if ((change->wish & ATTR_WISH_MODE) && !S_ISDIR(s->node->type))
        TRY(attr_allow_mode(fs, s->caller, op, s->node->zone, change->mode, s->path));
    data_settle(fs, s->node);
    TRY(set_all(s, handle, change));
    if (s->after.stx_mask && !node_in_vault(fs->nodes, s->node))
        *out = s->after;
    else
        TRY(node_attr(fs->nodes, s->node, &attr, out));
    fresh_reply(fs, s->node->number, out);
    return 0;
}

int attr_set(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t handle,
             const struct attr_change *change, struct statx *out)
{
    int r = -EAGAIN;
    for (int alone = 0; alone < 2 && r == -EAGAIN; alone++) {
        CLEANUP(gate_leave)
        UNUSED struct fusefs *in = alone ? gate_enter_alone(fs) : gate_enter(fs);
        struct setting s = {.fs = fs, .caller = caller, .fd = -1, .alone = alone != 0};
        s.node = node_get(fs->nodes, number);
        r = s.node ? set_try(&s, handle, change, out) : -ESTALE;
        fd_close(&s.fd);
    }
    return r;
}

int attr_readlink(struct fusefs *fs, const struct caller *caller, uint64_t number, char *out,
                  size_t bytes)
{
    struct node *node = node_get(fs->nodes, number);
    char path[PLACE_PATH_MAX];
    const char *reason;
    if (!node)
        return -ESTALE;
    if (zone_check(node->zone, WISH_READ, &reason) < 0) {
        node_path(fs->nodes, node, path);
        return allow(fs, caller, OP_READLINK, node->zone, WISH_READ, path, NULL);
    }
    CLEANUP(fd_close) int fd = node_open(fs->nodes, node, O_PATH);
    if (fd < 0)
        return fd;
    ssize_t n = readlinkat(fd, "", out, bytes - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return 0;
}

/* ---- extended attributes --------------------------------------------------------------------------- */

static bool is_forbidden(const char *name)
{
    return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

struct xattr_change {
    enum op op;
    const char *name;
    const void *value;
    size_t bytes;
    int flags;
};

static int xattr_apply_change(const struct setting *s, const struct xattr_change *what)
{
    struct self self = self_path(s->fd);
    int r = what->op == OP_SETXATTR
                ? setxattr(self.path, what->name, what->value, what->bytes, what->flags)
                : removexattr(self.path, what->name);
    return r < 0 ? -errno : 0;
}

/* One that is set to what it is already is not changed: there is no old value to put back. */
static bool xattr_stays(const struct xattr_change *what, const struct strbuf *old)
{
    return what->op == OP_SETXATTR && xattr_holds(old, what->value, (uint32_t)what->bytes);
}

static int xattr_change_recorded(struct setting *s, const struct xattr_change *what)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(strbuf_release) struct strbuf old = STRBUF_EMPTY;
    struct error err = ERROR_NONE;
    struct change_spec spec = spec_for(s->fs, s->caller, what->op, s->path);
    TRY(attr_read(s->fd, "", &spec.before));
    TRY(xattr_read_one(s->fd, what->name, &old));
    if (!xattr_stays(what, &old)) {
        spec.xattrs = old.data;
        spec.xattr_bytes = old.bytes;
    }
    int r = journal_begin(s->fs->journal, &spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    r = xattr_apply_change(s, what);
    if (r < 0) {
        journal_fail(&change, -r);
        return r;
    }
    struct attr after;
    journal_confirm(&change, attr_read(s->fd, "", &after) < 0 ? NULL : &after);
    return 0;
}

static int xattr_change(struct fusefs *fs, const struct caller *caller, uint64_t number,
                        const struct xattr_change *what)
{
    CLEANUP(gate_leave) UNUSED struct fusefs *in = gate_enter(fs);
    struct setting s = {.fs = fs, .caller = caller, .fd = -1};
    s.node = node_get(fs->nodes, number);
    if (!s.node)
        return -ESTALE;
    node_path(fs->nodes, s.node, s.path);
    TRY(allow(fs, caller, what->op, s.node->zone, WISH_ALTER, s.path, NULL));
    if (is_forbidden(what->name))
        return refuse(fs, caller, what->op, s.path, NULL, EPERM,
                      "security.* and trusted.* attributes are refused");
    data_settle(fs, s.node);
    s.fd = node_open(fs->nodes, s.node, O_PATH);
    int r = s.fd < 0 ? s.fd : xattr_change_recorded(&s, what);
    fd_close(&s.fd);
    return r;
}

int attr_set_xattr(struct fusefs *fs, const struct caller *caller, uint64_t number,
                   const char *name, const void *value, size_t bytes, int flags)
{
    struct xattr_change what = {OP_SETXATTR, name, value, bytes, flags};
    return xattr_change(fs, caller, number, &what);
}

int attr_remove_xattr(struct fusefs *fs, const struct caller *caller, uint64_t number,
                      const char *name)
{
    struct xattr_change what = {.op = OP_REMOVEXATTR, .name = name};
    return xattr_change(fs, caller, number, &what);
}

/* The kernel asks for it before the first write of each open that passes through.  By place, in one call:
 * on a mount without setuid it gives nobody anything, whichever file has the name by now. */
static ssize_t get_capability(struct fusefs *fs, struct node *node, const char *name, void *out,
                              size_t bytes)
{
    CLEANUP(spot_release) struct spot spot = {0};
    char path[sizeof spot.name + 32];
    TRY(node_spot(fs->nodes, node, &spot));
    snprintf(path, sizeof path, "/proc/self/fd/%d%s%s", spot.dir, spot.name[0] ? "/" : "",
             spot.name);
    ssize_t n = spot.name[0] ? lgetxattr(path, name, out, bytes) : getxattr(path, name, out, bytes);
    return n < 0 ? -errno : n;
}

ssize_t attr_get_xattr(struct fusefs *fs, uint64_t number, const char *name, void *out,
                       size_t bytes)
{
    struct node *node = node_get(fs->nodes, number);
    if (node && strcmp(name, "security.capability") == 0)
        return get_capability(fs, node, name, out, bytes);
    CLEANUP(fd_close) int fd = node ? node_open(fs->nodes, node, O_PATH) : -ESTALE;
    if (fd < 0)
        return fd;
    struct self self = self_path(fd);
    ssize_t n = getxattr(self.path, name, out, bytes);
    return n < 0 ? -errno : n;
}

ssize_t attr_list_xattr(struct fusefs *fs, uint64_t number, void *out, size_t bytes)
{
    struct node *node = node_get(fs->nodes, number);
    CLEANUP(fd_close) int fd = node ? node_open(fs->nodes, node, O_PATH) : -ESTALE;
    if (fd < 0)
        return fd;
    struct self self = self_path(fd);
    ssize_t n = listxattr(self.path, out, bytes);
    return n < 0 ? -errno : n;
}
