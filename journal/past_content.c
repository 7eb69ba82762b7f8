/* past_content.c - the bytes that a thing held at the instant; see past.h.
 *
 * A base, and old content over it, newest first.  The base is copied before the blocks are read:
 * what is written meanwhile is in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/journal.h"
#include "journal/past_part.h"
#include "journal/undo_place.h"
#include "journal/xattr.h"

/* On the filesystem of the workspace, where a clone costs nothing; else wherever there is room. */
static int unnamed_file(struct past *p, int *out, struct error *err)
{
    int fd = fd_open_beneath(p->root, STATE_FOLDER, O_TMPFILE | O_RDWR, 0600);
    if (fd < 0)
        fd = open(P_tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "make a file to build an old content in");
    *out = fd;
    return 0;
}

/* Where it lies now. */
static int open_on_disk(struct past *p, const struct node *node, int flags)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    const struct link *link = node_link_in(node, VIEW_DISK);
    if (node == p->tree.top)
        return place_open(p->root, "", flags);
    if (!link)
        return -ENOENT;
    tree_path(&p->tree, VIEW_DISK, link->at[VIEW_DISK], &path);
    if (path.failed)
        return -ENOMEM;
    CLEANUP(fd_close) int folder = place_open_parent(p->root, strbuf_text(&path));
    if (folder < 0)
        return folder;
    int fd = openat(folder, place_name(strbuf_text(&path)), flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int copy_present(struct past *p, const struct past_thing *file, int to, struct error *err)
{
    const struct node *node = file->node;
    struct attr now;
    CLEANUP(fd_close) int from = open_on_disk(p, node, O_RDONLY | O_NONBLOCK);
    int r = from < 0 ? from : past_copy(from, to, node->attr.size);
    if (r == 0)
        r = attr_read(from, "", &now);
    if (r < 0 && r != -ENODATA && r != -ENOENT)
        return error_set(err, -r, "read %s", file->path);
    if (r < 0 || !attr_same_content(&now, &node->attr) || now.ctime != node->attr.ctime)
        return error_say(err, EBUSY, "%s is being changed right now; try again", file->path);
    return 0;
}

static int put_base(struct past *p, const struct past_thing *file, int to, struct error *err)
{
    const struct node *node = file->node;
    const struct patch *newest = node->patches;
    if (newest && kept_is_whole(newest->kept))
        return 0; /* it is the base */
    if (node->origin == ORIGIN_DISK)
        return copy_present(p, file, to, err);
    if (node->version)
        return past_put_version(p, node->version, to, err);
    return error_say(err, ENODATA, "%s is gone, and nothing of it was kept", file->path);
}

static int put_patches(struct past *p, const struct node *node, int to, struct error *err)
{
    for (const struct patch *patch = node->patches; patch; patch = patch->older) {
        if (patch->version)
            TRY(past_put_version(p, patch->version, to, err));
        if (patch->size > INT64_MAX)
            return error_say(err, EBADMSG, "the journal is damaged: it holds an impossible size");
        if (ftruncate(to, (off_t)patch->size) < 0)
            return error_set(err, errno, "build an old content");
    }
    return 0;
}

int past_content(struct past *p, const struct past_thing *file, int *out, struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    if (!S_ISREG(file->attr.mode))
        return error_say(err, EINVAL, "%s was no file then", file->path);
    TRY(past_check(p, file, err));
    TRY(unnamed_file(p, &fd, err));
    TRY(put_base(p, file, fd, err));
    TRY(put_patches(p, file->node, fd, err));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, "build an old content");
    *out = fd_take(&fd);
    return 0;
}

int past_target(struct past *p, const struct past_thing *link, struct strbuf *out,
                struct error *err)
{
    const struct node *node = link->node;
    char target[4096];
    CLEANUP(fd_close)
    int fd = node->origin == ORIGIN_DISK ? open_on_disk(p, node, O_PATH)
             : node->version             ? vault_open_version(p->vault, node->version, O_PATH)
                                         : -ENODATA;
    if (fd == -ENOENT && node->version)
        return past_no_version(p, node->version, err);
    ssize_t n = fd < 0 ? fd : readlinkat(fd, "", target, sizeof target);
    if (n < 0)
        return error_set(err, fd < 0 ? -fd : errno, "read where %s led", link->path);
    strbuf_add(out, target, (size_t)n);
    return 0;
}

/* What it had but for what events tell was different then. */
int past_xattrs(struct past *p, const struct past_thing *thing, struct strbuf *out,
                struct error *err)
{
    const struct node *node = thing->node;
    bool all = node->wish.fields & WISH_ALL_XATTRS;
    CLEANUP(fd_close)
    int fd = all                            ? -1
             : node->origin == ORIGIN_DISK  ? open_on_disk(p, node, O_PATH)
             : node->origin == ORIGIN_INODE ? vault_open_version(p->vault, node->version, O_PATH)
                                            : -1;
    int r = fd >= 0 ? xattr_read_all(fd, out) : 0;
    if (r < 0)
        return error_set(err, -r, "read the extended attributes of %s", thing->path);
    for (const struct old_xattr *x = node->wish.xattrs; x; x = x->next)
        xattr_pack(out, x->name, x->value, x->value_bytes);
    return out->failed ? error_set(err, ENOMEM, "look at the past") : 0;
}
