/* preimage.c - see preimage.h. */
#include "fusefs/preimage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/xattr.h"

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
