/* node.h - private to fusefs/: the inodes that the kernel knows, and where they are.
 *
 * A node is (inode, birth time, zone); it remembers one name it was last seen under (its alias) and no
 * descriptor: files are reached by folder descriptor and name, checked against the identity.  Folders
 * keep an O_PATH descriptor while they are used; the least recently used ones are closed beyond a
 * limit and opened again by name.
 *   (1) A node lives while the kernel remembers it, a child's alias needs it or somebody holds it.
 *   (2) A descriptor is given out only after its identity was checked: a name that now means another
 *       inode gives -ESTALE, and the kernel looks it up again.
 *   (3) A removed file that is still known is reached through its place in the vault, or through a
 *       descriptor that was pinned before its last known name went.
 * Memory: sizeof(struct node) (under 200 bytes) plus its name for each known inode; open files add
 * one struct file (under 200 bytes) and their handles.
 * Locks: nodes->lock guards all fields but `file`'s inside; never held over a system call. */
#ifndef FUSEFS_NODE_H
#define FUSEFS_NODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fusefs/zone.h"
#include "journal/event.h"
#include "journal/vault.h"

struct file;  /* file.h: what is shared by all handles of an inode */
struct place; /* place.h */

/* Which content the kernel's pages of a file are of (fresh.h); all zero: not known. */
struct seen {
    int64_t size;
    int64_t mtime;
};

struct node {
    uint64_t number; /* what the kernel calls it */
    uint64_t ino;    /* identity */
    int64_t born;
    const struct zone *zone;
    uint32_t type;     /* S_IFMT bits */
    int fd;            /* O_PATH, -1: none */
    uint32_t fd_users; /* it is in use: do not close */
    bool pinned;       /* its fd is the only way to reach it: closed last */
    bool stale;        /* the kernel's pages are older than seen: they are to be dropped */
    struct seen seen;
    bool passed;         /* it is open, and the kernel reads it without us: no pages are used */
    uint64_t version;    /* the inode itself lies in the vault under this number, 0: no */
    struct node *parent; /* alias; NULL for the root and for a node without a name */
    char *name;
    uint64_t lookups; /* the kernel's references */
    uint32_t holds;   /* children's aliases and internal users */
    struct node *hash_next;
    struct node *older, *newer; /* folders with a descriptor, by last use */
    struct file *file;          /* NULL: no handle is open */
};

struct nodes {
    pthread_mutex_t lock;
    struct node **buckets;
    size_t bucket_count;
    struct node **slots; /* by the low 32 bits of the number */
    uint32_t *generations;
    uint32_t *free_slots;
    size_t slot_count, slot_room, free_count;
    size_t count;
    struct node *root;
    struct node *oldest, *newest;
    size_t fds, fd_limit;
    struct vault *vault; /* borrowed */
    const struct zones *zones;
    uint64_t device; /* of the workspace: what lies on another one is not shown */
};

/* A path relative to the workspace may have PATH_MAX bytes below a folder that has as many. */
#define PLACE_PATH_MAX 8192

MUST_USE int nodes_make(int root, const struct zones *zones, struct vault *vault, size_t fd_limit,
                        struct nodes **out, struct error *err);
void nodes_free(struct nodes **nodes); /* forgets everything, closes all descriptors */

struct node *node_get(struct nodes *nodes, uint64_t number); /* NULL: unknown */
/* The node of what was seen at place; counts one lookup.  NULL: no memory. */
struct node *node_meet(struct place *at, const struct attr *attr);
void node_forget(struct nodes *nodes, uint64_t number, uint64_t lookups);
/* The known node with this identity in any zone, held; NULL: none.  node_drop() it. */
struct node *node_find(struct nodes *nodes, uint64_t ino, int64_t born, const struct zone *zone);
void node_hold(struct nodes *nodes, struct node *node);
void node_drop(struct nodes *nodes, struct node *node);

/* The path of a node by its alias.  -ENOENT: it has no name any more; out then holds its last one. */
int node_path(struct nodes *nodes, const struct node *node, char out[PLACE_PATH_MAX]);
/* Where a node is now: folder descriptor (or the vault's, or its own with an empty name). */
struct spot {
    struct nodes *nodes;
    struct node *holder; /* whose descriptor is in use; NULL: the vault's */
    int dir;
    char name[256];
};
MUST_USE int node_spot(struct nodes *nodes, struct node *node, struct spot *out);
void spot_release(struct spot *spot);
int node_statx(int dir, const char *name, struct statx *out); /* no symlink followed; -errno */
/* The same by spot, identity checked. */
MUST_USE int node_attr(struct nodes *nodes, struct node *node, struct attr *out,
                       struct statx *full);
/* Opens it by spot, identity checked; flags as open(2).  fd or -errno. */
int node_open(struct nodes *nodes, struct node *node, int flags);
/* The same, and what it looked like then. */
int node_open_as(struct nodes *nodes, struct node *node, int flags, struct attr *out);

/* The alias changes: a rename through us.  Names are copied. */
void node_move(struct nodes *nodes, struct node *node, const struct place *to);
/* Its last name lies in the vault now. */
void node_to_vault(struct nodes *nodes, struct node *node, uint64_t version);
bool node_in_vault(struct nodes *nodes, const struct node *node);
/* Keeps a descriptor, because its alias is about to vanish. */
void node_pin(struct nodes *nodes, struct node *node);
/* Copies the alias and takes hold of its folder: node_drop() it.  -ESTALE: there is none. */
MUST_USE int node_alias(struct nodes *nodes, struct node *node, struct node **folder,
                        char name[256]);
/* A swap put another inode, open as fd, in its place. */
void node_reborn(struct nodes *nodes, struct node *node, int fd, const struct attr *attr);
bool node_is_alias(struct nodes *nodes, const struct node *node, const struct place *at);

#endif
