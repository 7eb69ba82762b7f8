/* preimage.c - see preimage.h. */
#include "fusefs/preimage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/xattr.h"

#define NAME_COPY_LIMIT (INT64_C(64) << 20) /* a larger file gets a link in the vault */

/* Before the event is pending: retention, which may be waited for, waits for pending events. */
int preimage_room(struct fusefs *fs, const struct change_spec *spec, struct error *err)
{
    int r = vault_room(fs->vault, err);
    if (r < 0)
        journal_note(fs->journal, spec, OUTCOME_FAILED, -r, "no room in the vault");
    return r;
}

int preimage_folder(const struct place *at, struct strbuf *xattrs)
{
    CLEANUP(fd_close) int fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : xattr_read_all(fd, xattrs);
}

int preimage_dress(int from, int to, const struct attr *attr, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    int r = xattr_read_all(from, &xattrs);
    if (r == 0)
        r = xattr_apply(to, xattrs.data, xattrs.bytes, 1);
    if (r == 0 && fchown(to, attr->uid, attr->gid) < 0 && errno != EPERM)
        r = -errno;
    if (r == 0 && fchmod(to, attr->mode & 07777) < 0)
        r = -errno;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(attr->mtime)};
    if (r == 0 && futimens(to, times) < 0)
        r = -errno;
    return r < 0 ? error_set(err, -r, "keeping a file's metadata") : 0;
}

static int copy_inode(struct fusefs *fs, const struct place *at, uint64_t version,
                      const struct attr *attr, struct error *err)
{
    if (!S_ISREG(attr->mode))
        return error_set(err, EPERM, "%s: it can neither be linked nor copied into the vault",
                         at->path);
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_close) int from = openat(at->dir, at->name, flags);
    if (from < 0)
        return error_set(err, errno, "%s: reading what is about to be replaced", at->path);
    enum kept kept;
    TRY(vault_copy_in(fs->vault, version, from, (int64_t)attr->size, INT64_MAX, &kept, err));
    CLEANUP(fd_close) int to = vault_open_version(fs->vault, version, O_RDWR);
    int r = to < 0 ? error_set(err, -to, "vault") : preimage_dress(from, to, attr, err);
    if (r == 0 && (r = vault_stands_for_inode(to)) < 0)
        error_set(err, -r, "%s: keeping what is about to be replaced", at->path);
    if (r < 0)
        vault_discard(fs->vault, version);
    return r;
}

int preimage_inode(struct fusefs *fs, const struct place *at, uint64_t version,
                   const struct attr *attr, struct error *err)
{
    int r = vault_link_in(fs->vault, version, at->dir, at->name, err);
    return r == -EPERM || r == -EMLINK ? copy_inode(fs, at, version, attr, err) : r;
}

bool preimage_rests(const struct fusefs *fs, int fd, enum kept kept, const struct attr *seen)
{
    struct attr now;
    bool large = (int64_t)seen->size > fs->copy_limit;
    if (large && (kept == KEPT_COPY || kept == KEPT_BLOCKS))
        return true;
    return attr_read(fd, "", &now) == 0 && now.size == seen->size && now.mtime == seen->mtime;
}

void preimage_fit(struct fusefs *fs, uint64_t version, enum kept kept, struct attr *seen)
{
    struct attr there;
    bool whole = kept == KEPT_CLONE || kept == KEPT_COPY;
    if (version && whole && vault_attr(fs->vault, version, &there) == 0)
        seen->size = there.size;
}

bool preimage_is_inode(struct fusefs *fs, uint64_t version, const struct attr *attr)
{
    char name[VAULT_NAME];
    struct attr kept;
    int folder = vault_place(fs->vault, version, name);
    return attr_read(folder, name, &kept) == 0 && attr_same_object(&kept, attr);
}

/* Another name of the inode is known, and there. */
static bool lives_on_inside(struct fusefs *fs, const struct place *at, const struct node *node,
                            const struct attr *attr)
{
    char path[PLACE_PATH_MAX];
    struct attr found;
    if (!node || node_is_alias(fs->nodes, node, at) || node_path(fs->nodes, node, path) < 0)
        return false;
    CLEANUP(fd_close) int fd = fd_open_beneath(fs->root, path, O_PATH | O_NOFOLLOW, 0);
    return fd >= 0 && attr_read(fd, "", &found) == 0 && attr_same_object(&found, attr);
}

static int copy_file(struct fusefs *fs, const struct place *at, const struct attr *attr,
                     struct change_spec *spec, struct strbuf *xattrs, struct error *err)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_close) int fd = S_ISREG(attr->mode) ? openat(at->dir, at->name, flags) : -1;
    if (fd < 0)
        return -EFBIG;
    int r = xattr_read_all(fd, xattrs);
    if (r < 0)
        return error_set(err, -r, "%s: reading its attributes", at->path);
    TRY(vault_copy_in(fs->vault, spec->version, fd, (int64_t)attr->size, NAME_COPY_LIMIT,
                      &spec->kept, err));
    spec->xattrs = xattrs->data;
    spec->xattr_bytes = xattrs->bytes;
    return 0;
}

int preimage_name(struct fusefs *fs, const struct place *at, struct node *node,
                  const struct attr *attr, struct change_spec *spec, struct strbuf *xattrs,
                  struct error *err)
{
    if (!S_ISREG(attr->mode) || lives_on_inside(fs, at, node, attr))
        return 0; /* a symlink with names outside as well is nothing that anybody makes */
    TRY(preimage_room(fs, spec, err));
    spec->version = vault_new(fs->vault);
    int r = copy_file(fs, at, attr, spec, xattrs, err);
    if (r != -EFBIG)
        return r;
    spec->kept = KEPT_INODE;
    return 0;
}

int preimage_link(struct fusefs *fs, const struct place *at, const struct change_spec *spec,
                  struct error *err)
{
    if (!spec->version || spec->kept != KEPT_INODE)
        return 0;
    return vault_link_in(fs->vault, spec->version, at->dir, at->name, err);
}
