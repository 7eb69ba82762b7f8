/* notify.c - see notify.h. */
#include "fusefs/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <fuse_lowlevel.h>

#include "journal/base/fault.h"
#include "journal/base/fd.h"

void notify_collect(void *context, const char *path)
{
    struct notify *notify = context;
    if (notify->count == notify->room) {
        size_t room = notify->room ? notify->room * 2 : 64;
        char **paths = realloc(notify->paths, room * sizeof(char *));
        if (!paths)
            return; /* the kernel finds out when its timeout ends */
        notify->paths = paths;
        notify->room = room;
    }
    char *copy = strdup(path);
    if (copy)
        notify->paths[notify->count++] = copy;
}

static struct node *known_node(struct fusefs *fs, int dir, const char *name,
                               const struct zone *zone)
{
    struct attr attr;
    return attr_read(dir, name, &attr) < 0 ? NULL : node_find(fs->nodes, attr.ino, attr.born, zone);
}

/* What is at the place now gets its new alias, and the kernel forgets what it cached of it. */
static void tell_object(struct fusefs *fs, struct place *at)
{
    struct node *node = known_node(fs, at->dir, at->name, at->zone);
    if (!node)
        return;
    if (!node_is_alias(fs->nodes, node, at))
        node_move(fs->nodes, node, at);
    fuse_lowlevel_notify_inval_inode(fs->session, node->number, 0, 0);
    node_drop(fs->nodes, node);
}

/* The place is let go before its folder is: the kernel may have forgotten that one meanwhile. */
static void tell_name(struct fusefs *fs, struct node *folder, const char *name)
{
    CLEANUP(place_release) struct place at;
    place_none(&at);
    if (place_find(fs->nodes, folder->number, name, &at) == 0)
        tell_object(fs, &at);
    FAULT_POINT("told");
}

static void tell(struct fusefs *fs, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char folder[PLACE_PATH_MAX] = "";
    if (slash && (size_t)(slash - path) < sizeof folder)
        memcpy(folder, path, (size_t)(slash - path));
    CLEANUP(fd_close) int fd = fd_open_beneath(fs->root, folder, O_PATH | O_DIRECTORY, 0);
    struct node *parent = fd < 0 ? NULL : known_node(fs, fd, "", NULL);
    if (!parent)
        return; /* the kernel does not know the folder */
    if (name[0])
        tell_name(fs, parent, name);
    fuse_lowlevel_notify_inval_inode(fs->session, parent->number, 0, 0);
    if (name[0])
        fuse_lowlevel_notify_inval_entry(fs->session, parent->number, name, strlen(name));
    node_drop(fs->nodes, parent);
}

void notify_send(struct fusefs *fs, struct notify *notify)
{
    for (size_t i = 0; i < notify->count; i++) {
        tell(fs, notify->paths[i]);
        free(notify->paths[i]);
    }
    free(notify->paths);
    *notify = (struct notify){.peer = notify->peer};
}
