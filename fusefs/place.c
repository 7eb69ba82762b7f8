/* place.c - see place.h. */
#include "fusefs/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fusefs/node_fd.h"
#include "journal/journal.h"

/* Under lock.  Written from the end; returns where it starts, or NULL when it does not fit. */
static char *path_build(const struct node *node, const char *name, char *buffer, size_t bytes)
{
    char *at = buffer + bytes - 1;
    *at = '\0';
    for (;;) {
        size_t n = strlen(name);
        if (n + 1 > (size_t)(at - buffer))
            return NULL;
        at -= n;
        memcpy(at, name, n);
        if (!node || !node->parent)
            return at;
        *--at = '/';
        name = node->name;
        node = node->parent;
    }
}

int node_path(struct nodes *nodes, const struct node *node, char out[PLACE_PATH_MAX])
{
    out[0] = '\0';
    pthread_mutex_lock(&nodes->lock);
    int r = node->version ? -ENOENT : 0;
    if (node->parent) {
        char *at = path_build(node->parent, node->name, out, PLACE_PATH_MAX);
        if (at)
            memmove(out, at, strlen(at) + 1);
        else
            r = -ENAMETOOLONG;
    } else if (node != nodes->root) {
        r = -ENOENT;
    }
    pthread_mutex_unlock(&nodes->lock);
    return r;
}

/* The folder's path, with a slash behind it unless it is the root's. */
static int place_path(struct nodes *nodes, struct place *at)
{
    pthread_mutex_lock(&nodes->lock);
    char *start = path_build(at->folder, "", at->path, sizeof at->path);
    pthread_mutex_unlock(&nodes->lock);
    if (!start)
        return -ENAMETOOLONG;
    at->folder_bytes = strlen(start);
    memmove(at->path, start, at->folder_bytes + 1);
    return 0;
}

int place_enter(struct nodes *nodes, uint64_t folder, struct place *out)
{
    struct node *node = node_get(nodes, folder);
    if (!node)
        return -ESTALE;
    out->folder = node;
    TRY(place_path(nodes, out));
    out->dir = folder_fd_acquire(nodes, node);
    if (out->dir < 0)
        return out->dir;
    out->nodes = nodes;
    return 0;
}

int place_point(struct place *at, const char *name)
{
    size_t n = strlen(name);
    if (n > 255 || at->folder_bytes + n >= sizeof at->path)
        return -ENAMETOOLONG;
    at->name = name;
    memcpy(at->path + at->folder_bytes, name, n + 1);
    at->zone = zone_of(at->nodes->zones, at->path);
    return at->zone->mode == ZONE_NONE || strcmp(at->path, STATE_FOLDER) == 0 ? -ENOENT : 0;
}

int place_find(struct nodes *nodes, uint64_t folder, const char *name, struct place *out)
{
    TRY(place_enter(nodes, folder, out));
    return place_point(out, name);
}

void place_release(struct place *at)
{
    if (at->nodes)
        folder_fd_release(at->nodes, at->folder);
    at->nodes = NULL;
}

int place_attr(const struct place *at, struct attr *out, struct statx *full)
{
    struct statx own;
    struct statx *x = full ? full : &own;
    TRY(node_statx(at->dir, at->name, x));
    if (makedev(x->stx_dev_major, x->stx_dev_minor) != at->nodes->device)
        return -EXDEV;
    *out = attr_from_statx(x);
    return 0;
}

int64_t place_folder_mtime(const struct place *at)
{
    struct attr attr;
    return attr_read(at->dir, "", &attr) < 0 ? 0 : attr.mtime;
}
