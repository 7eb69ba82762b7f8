/* event.c - the words for an event's numbers, and a thing's metadata as the system tells it. */
#include "journal/event.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/compiler.h"

static const char *const op_names[] = {
    [OP_CREATE] = "create",
    [OP_MKDIR] = "mkdir",
    [OP_MKNOD] = "mknod",
    [OP_SYMLINK] = "symlink",
    [OP_LINK] = "link",
    [OP_UNLINK] = "unlink",
    [OP_RMDIR] = "rmdir",
    [OP_RENAME] = "rename",
    [OP_EXCHANGE] = "exchange",
    [OP_WRITE] = "write",
    [OP_TRUNCATE] = "truncate",
    [OP_CHMOD] = "chmod",
    [OP_CHOWN] = "chown",
    [OP_UTIMENS] = "utimens",
    [OP_SETXATTR] = "setxattr",
    [OP_REMOVEXATTR] = "removexattr",
    [OP_OPEN] = "open",
    [OP_READLINK] = "readlink",
    [OP_LIST] = "list",
    [OP_GETXATTR] = "getxattr",
    [OP_MOUNT] = "mount",
    [OP_UMOUNT] = "umount",
    [OP_GAP] = "gap",
    [OP_UNDO] = "undo",
    [OP_HISTORY] = "history",
    [OP_SESSION] = "session",
    [OP_GC] = "gc",
    [OP_NETWORK] = "network",
    [OP_EXTERNAL] = "external",
};

static const char *const outcome_names[] = {
    [OUTCOME_OK] = "ok",     [OUTCOME_DENIED] = "denied",   [OUTCOME_FAILED] = "failed",
    [OUTCOME_OPEN] = "open", [OUTCOME_NOTHING] = "nothing",
};

const char *op_name(enum op op)
{
    size_t at = (size_t)op;
    return at < COUNT_OF(op_names) && op_names[at] ? op_names[at] : "unknown";
}

enum op op_from_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(op_names); i++)
        if (op_names[i] && strcmp(op_names[i], name) == 0)
            return (enum op)i;
    return OP_NONE;
}

const char *outcome_name(enum outcome o)
{
    size_t at = (size_t)o;
    return at < COUNT_OF(outcome_names) ? outcome_names[at] : "unknown";
}

bool op_changes(enum op op)
{
    return op >= OP_CREATE && op <= OP_REMOVEXATTR;
}

const char *type_name(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "dir";
    case S_IFLNK:
        return "symlink";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "char";
    case S_IFBLK:
        return "block";
    default:
        return "unknown";
    }
}

static int64_t statx_ns(struct statx_timestamp t)
{
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct attr attr_from_statx(const struct statx *x)
{
    return (struct attr){
        .ino = x->stx_ino,
        .born = x->stx_mask & STATX_BTIME ? statx_ns(x->stx_btime) : 0,
        .mode = x->stx_mode,
        .uid = x->stx_uid,
        .gid = x->stx_gid,
        .nlink = x->stx_nlink,
        .size = x->stx_size,
        .mtime = statx_ns(x->stx_mtime),
        .ctime = statx_ns(x->stx_ctime),
    };
}

int attr_read(int dir, const char *name, struct attr *out)
{
    struct statx x;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] ? 0 : AT_EMPTY_PATH);
    if (statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
        return -errno;
    *out = attr_from_statx(&x);
    return 0;
}

bool attr_same_object(const struct attr *a, const struct attr *b)
{
    return a->ino == b->ino && a->born == b->born && ((a->mode ^ b->mode) & S_IFMT) == 0;
}

/* A folder's content is its entries, which have events of their own. */
bool attr_same_content(const struct attr *a, const struct attr *b)
{
    if (!attr_same_object(a, b))
        return false;
    return S_ISDIR(a->mode) || (a->size == b->size && a->mtime == b->mtime);
}
