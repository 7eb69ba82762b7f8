/* node_fd.c - see node_fd.h. */
#include "fusefs/node_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/base/fd.h"

static void use_unlink(struct nodes *nodes, struct node *node)
{
    if (node->older)
        node->older->newer = node->newer;
    else if (nodes->oldest == node)
        nodes->oldest = node->newer;
    if (node->newer)
        node->newer->older = node->older;
    else if (nodes->newest == node)
        nodes->newest = node->older;
    node->older = node->newer = NULL;
}

void folder_fd_newest(struct nodes *nodes, struct node *node)
{
    if (nodes->newest == node)
        return;
    use_unlink(nodes, node);
    node->older = nodes->newest;
    if (nodes->newest)
        nodes->newest->newer = node;
    else
        nodes->oldest = node;
    nodes->newest = node;
}

void folder_fd_detach(struct nodes *nodes, struct node *node, int *fd)
{
    *fd = node->fd;
    node->fd = -1;
    use_unlink(nodes, node);
    nodes->fds--;
}

static bool may_close(const struct nodes *nodes, const struct node *node, bool pinned)
{
    return node->fd_users == 0 && node != nodes->root &&
           (pinned ? node->holds == 0 : !node->pinned);
}

/* Takes one descriptor that nobody uses out of the cache when it is too large; -1: none.  Pinned
 * ones go last, when no handle holds on to their node: whoever kept them from growing without bound
 * may find some descriptor of a removed thing stale. */
static int fd_evict(struct nodes *nodes)
{
    int fd = -1;
    if (nodes->fds <= nodes->fd_limit)
        return fd;
    for (int pinned = 0; pinned < 2; pinned++)
        for (struct node *node = nodes->oldest; node; node = node->newer)
            if (may_close(nodes, node, pinned)) {
                folder_fd_detach(nodes, node, &fd);
                node->pinned = false;
                return fd;
            }
    return fd;
}

void folder_fd_release(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    node->fd_users--;
    int evicted = fd_evict(nodes);
    pthread_mutex_unlock(&nodes->lock);
    fd_close(&evicted);
}

static int fd_open_by_alias(struct nodes *nodes, struct node *node)
{
    struct node *folder;
    char name[256];
    TRY(node_alias(nodes, node, &folder, name));
    int dir = folder_fd_acquire(nodes, folder);
    int fd = dir;
    if (dir >= 0) {
        fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            fd = errno == ENOENT ? -ESTALE : -errno;
        folder_fd_release(nodes, folder);
    }
    node_drop(nodes, folder);
    struct statx x;
    if (fd >= 0 && (node_statx(fd, "", &x) < 0 || !node_is_identity(nodes, node, &x))) {
        fd_close(&fd);
        return -ESTALE;
    }
    return fd;
}

int folder_fd_acquire(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    if (node->fd >= 0) {
        node->fd_users++;
        folder_fd_newest(nodes, node);
        int fd = node->fd;
        pthread_mutex_unlock(&nodes->lock);
        return fd;
    }
    pthread_mutex_unlock(&nodes->lock);
    int fd = fd_open_by_alias(nodes, node);
    if (fd < 0)
        return fd;
    int spare = -1;
    pthread_mutex_lock(&nodes->lock);
    if (node->fd >= 0) {
        spare = fd; /* somebody was faster */
    } else {
        node->fd = fd;
        nodes->fds++;
    }
    node->fd_users++;
    folder_fd_newest(nodes, node);
    fd = node->fd;
    pthread_mutex_unlock(&nodes->lock);
    fd_close(&spare);
    return fd;
}

void node_pin(struct nodes *nodes, struct node *node)
{
    if (folder_fd_acquire(nodes, node) < 0)
        return;
    pthread_mutex_lock(&nodes->lock);
    node->pinned = true;
    node->fd_users--;
    pthread_mutex_unlock(&nodes->lock);
}

/* A descriptor that was pinned means the new inode too, under its number: somebody may be using it.
 */
void folder_fd_follow(struct nodes *nodes, struct node *node, int to)
{
    pthread_mutex_lock(&nodes->lock);
    int own = node->fd;
    if (own >= 0)
        node->fd_users++;
    pthread_mutex_unlock(&nodes->lock);
    if (own < 0)
        return;
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", to);
    CLEANUP(fd_close) int fd = open(self, O_PATH | O_CLOEXEC);
    if (fd >= 0)
        dup3(fd, own, O_CLOEXEC);
    folder_fd_release(nodes, node);
}
