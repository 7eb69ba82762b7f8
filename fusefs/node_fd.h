/* node_fd.h - private to the nodes: descriptors of folders, the least recently used closed beyond a limit. */
#ifndef FUSEFS_NODE_FD_H
#define FUSEFS_NODE_FD_H

#include <sys/stat.h>

#include "fusefs/node.h"

/* A descriptor of the node, counted as used; opened by its alias where it has none.  -errno; -ESTALE as
 * rule 2 of node.h.  Not under lock, nor the next two. */
int folder_fd_acquire(struct nodes *nodes, struct node *node);
void folder_fd_release(struct nodes *nodes, struct node *node);
/* A descriptor that was pinned means from now on the inode that is open as `to`. */
void folder_fd_follow(struct nodes *nodes, struct node *node, int to);

/* Under lock. */
void folder_fd_newest(struct nodes *nodes, struct node *node);
/* The node's descriptor becomes the caller's. */
void folder_fd_detach(struct nodes *nodes, struct node *node, int *fd);

bool node_is_identity(struct nodes *nodes, const struct node *node, const struct statx *x);

#endif
