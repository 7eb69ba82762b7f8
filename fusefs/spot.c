/* spot.c - where a node is now: looked at and opened there, its identity checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fusefs/node.h"
#include "fusefs/node_fd.h"
#include "journal/base/fd.h"
#include "journal/journal.h"

#define STATX_WISH (STATX_BASIC_STATS | STATX_BTIME)

bool node_is_identity(struct nodes *nodes, const struct node *node, const struct statx *x)
{
    int64_t born = attr_from_statx(x).born;
    pthread_mutex_lock(&nodes->lock); /* a swap may give it another inode */
    bool same = x->stx_ino == node->ino && born == node->born;
    pthread_mutex_unlock(&nodes->lock);
    return same && makedev(x->stx_dev_major, x->stx_dev_minor) == nodes->device;
}

int node_statx(int dir, const char *name, struct statx *out)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
    return statx(dir, name, flags, STATX_WISH, out) < 0 ? -errno : 0;
}

int node_spot(struct nodes *nodes, struct node *node, struct spot *out)
{
    *out = (struct spot){.nodes = nodes, .dir = -1};
    pthread_mutex_lock(&nodes->lock);
    uint64_t version = node->version;
    bool own = node->fd >= 0;
    pthread_mutex_unlock(&nodes->lock);
    if (version && !own) {
        out->dir = vault_place(nodes->vault, version, out->name);
        return out->dir < 0 ? -ESTALE : 0;
    }
    struct node *holder = node;
    if (!own && !S_ISDIR(node->type))
        TRY(node_alias(nodes, node, &holder, out->name));
    else
        node_hold(nodes, node);
    out->dir = folder_fd_acquire(nodes, holder);
    if (out->dir < 0) {
        node_drop(nodes, holder);
        return out->dir;
    }
    out->holder = holder;
    return 0;
}

void spot_release(struct spot *spot)
{
    if (spot->holder) {
        folder_fd_release(spot->nodes, spot->holder);
        node_drop(spot->nodes, spot->holder);
    }
    spot->holder = NULL;
}

#define MOVED_TRIES 4 /* a rename may move a node between reading its alias and using it */

int node_attr(struct nodes *nodes, struct node *node, struct attr *out, struct statx *full)
{
    struct statx own;
    struct statx *x = full ? full : &own;
    int r = -ESTALE;
    for (int i = 0; i < MOVED_TRIES; i++) {
        CLEANUP(spot_release) struct spot spot = {0};
        r = node_spot(nodes, node, &spot);
        if (r == 0)
            r = node_statx(spot.dir, spot.name, x);
        if (r == 0 && node_is_identity(nodes, node, x)) {
            if (node_in_vault(nodes, node) && x->stx_nlink > 0)
                x->stx_nlink--; /* the vault's own link is not one of the workspace */
            *out = attr_from_statx(x);
            return 0;
        }
        if (r < 0 && r != -ENOENT && r != -ESTALE)
            return r;
    }
    return -ESTALE;
}

int node_open_as(struct nodes *nodes, struct node *node, int flags, struct attr *out)
{
    int r = -ESTALE;
    for (int i = 0; i < MOVED_TRIES; i++) {
        CLEANUP(spot_release) struct spot spot = {0};
        TRY(node_spot(nodes, node, &spot));
        const char *name = spot.name;
        char self[32];
        if (!name[0]) { /* its own descriptor is O_PATH: opened again through /proc, by our own
                           number */
            snprintf(self, sizeof self, "/proc/self/fd/%d", spot.dir);
            name = S_ISDIR(node->type) ? "." : self;
        }
        int extra = name == self ? O_CLOEXEC : O_CLOEXEC | O_NOFOLLOW;
        CLEANUP(fd_close) int fd = openat(spot.dir, name, flags | extra);
        r = fd < 0 ? -errno : 0;
        struct statx x;
        if (fd >= 0 && node_statx(fd, "", &x) == 0 && node_is_identity(nodes, node, &x)) {
            *out = attr_from_statx(&x);
            return fd_take(&fd);
        }
        if (r < 0 && r != -ENOENT && r != -ELOOP)
            return r;
    }
    return -ESTALE;
}

int node_open(struct nodes *nodes, struct node *node, int flags)
{
    struct attr unused;
    return node_open_as(nodes, node, flags, &unused);
}
