/* node.c - see node.h. */
#include "fusefs/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fusefs/node_fd.h"
#include "fusefs/node_table.h"
#include "fusefs/place.h"
#include "journal/base/fd.h"
#include "journal/journal.h"

#define ROOT_NUMBER 1

/* ---- a node's life ------------------------------------------------------------------------------
 */

/* Under lock.  Frees the node and what only it held on to; descriptors are closed by the caller. */
static void node_release_locked(struct nodes *nodes, struct node *node, int *fds, size_t *count,
                                size_t room)
{
    while (node && node->lookups == 0 && node->holds == 0 && node != nodes->root && *count < room) {
        struct node *parent = node->parent;
        table_remove(nodes, node);
        table_take_number_back(nodes, node);
        if (node->fd >= 0)
            folder_fd_detach(nodes, node, &fds[(*count)++]);
        free(node->name);
        free(node);
        nodes->count--;
        if (parent)
            parent->holds--;
        node = parent;
    }
}

static void release_and_close(struct nodes *nodes, struct node *node)
{
    int fds[PLACE_PATH_MAX / 2];
    size_t count = 0;
    node_release_locked(nodes, node, fds, &count, COUNT_OF(fds));
    pthread_mutex_unlock(&nodes->lock);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

void node_forget(struct nodes *nodes, uint64_t number, uint64_t lookups)
{
    struct node *node = node_get(nodes, number);
    if (!node)
        return;
    pthread_mutex_lock(&nodes->lock);
    node->lookups -= lookups < node->lookups ? lookups : node->lookups;
    release_and_close(nodes, node);
}

void node_hold(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    node->holds++;
    pthread_mutex_unlock(&nodes->lock);
}

void node_drop(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    node->holds--;
    release_and_close(nodes, node);
}

struct node *node_find(struct nodes *nodes, uint64_t ino, int64_t born, const struct zone *zone)
{
    pthread_mutex_lock(&nodes->lock);
    struct node *node = table_find(nodes, ino, born, zone);
    if (node)
        node->holds++;
    pthread_mutex_unlock(&nodes->lock);
    return node;
}

/* Under lock; name becomes the node's.  Returns the parent that lost a child, to be released. */
static struct node *alias_set(struct node *node, struct node *parent, char *name)
{
    struct node *old = node->parent;
    free(node->name);
    node->name = name;
    node->parent = parent;
    if (parent)
        parent->holds++;
    if (old)
        old->holds--;
    return old;
}

static struct node *node_new(struct nodes *nodes, const struct attr *attr, const struct zone *zone)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct node){
        .ino = attr->ino,
        .born = attr->born,
        .zone = zone,
        .type = attr->mode & S_IFMT,
        .fd = -1,
    };
    if (!table_number(nodes, node)) {
        free(node);
        return NULL;
    }
    if (nodes->count >= nodes->bucket_count)
        table_grow(nodes);
    table_insert(nodes, node);
    nodes->count++;
    return node;
}

struct node *node_meet(struct place *at, const struct attr *attr)
{
    struct nodes *nodes = at->nodes;
    char *name = strdup(at->name);
    if (!name)
        return NULL;
    pthread_mutex_lock(&nodes->lock);
    struct node *node = table_find(nodes, attr->ino, attr->born, at->zone);
    if (!node)
        node = node_new(nodes, attr, at->zone);
    if (!node) {
        pthread_mutex_unlock(&nodes->lock);
        free(name);
        return NULL;
    }
    node->lookups++;
    node->version = 0; /* it has a name in the workspace */
    if (node == nodes->root || (node->parent == at->folder && strcmp(node->name, name) == 0)) {
        pthread_mutex_unlock(&nodes->lock);
        free(name);
        return node;
    }
    struct node *old = alias_set(node, at->folder, name);
    node->pinned = false; /* there is a way to it again */
    release_and_close(nodes, old);
    return node;
}

void node_move(struct nodes *nodes, struct node *node, const struct place *to)
{
    char *name = strdup(to->name);
    pthread_mutex_lock(&nodes->lock);
    struct node *old = alias_set(node, name ? to->folder : NULL, name);
    node->version = 0;
    release_and_close(nodes, old);
}

void node_to_vault(struct nodes *nodes, struct node *node, uint64_t version)
{
    pthread_mutex_lock(&nodes->lock);
    node->version = version; /* the alias stays: the last name, for events */
    pthread_mutex_unlock(&nodes->lock);
}

bool node_in_vault(struct nodes *nodes, const struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    bool in_vault = node->version != 0;
    pthread_mutex_unlock(&nodes->lock);
    return in_vault;
}

void node_reborn(struct nodes *nodes, struct node *node, int fd, const struct attr *attr)
{
    folder_fd_follow(nodes, node, fd);
    pthread_mutex_lock(&nodes->lock);
    table_remove(nodes, node);
    node->ino = attr->ino;
    node->born = attr->born;
    table_insert(nodes, node);
    pthread_mutex_unlock(&nodes->lock);
}

bool node_is_alias(struct nodes *nodes, const struct node *node, const struct place *at)
{
    pthread_mutex_lock(&nodes->lock);
    bool is = node->parent == at->folder && node->name && strcmp(node->name, at->name) == 0;
    pthread_mutex_unlock(&nodes->lock);
    return is;
}

int node_alias(struct nodes *nodes, struct node *node, struct node **folder, char name[256])
{
    pthread_mutex_lock(&nodes->lock);
    *folder = node->parent;
    bool known = node->parent && node->name && strlen(node->name) < 256;
    if (known) {
        strcpy(name, node->name);
        node->parent->holds++;
    }
    pthread_mutex_unlock(&nodes->lock);
    return known ? 0 : -ESTALE;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static int root_make(struct nodes *nodes, int root, struct error *err)
{
    struct statx x;
    int r = node_statx(root, "", &x);
    if (r < 0)
        return error_set(err, -r, "workspace");
    nodes->device = makedev(x.stx_dev_major, x.stx_dev_minor);
    struct attr attr = attr_from_statx(&x);
    if (!slots_grow(nodes))
        return error_set(err, ENOMEM, "node table");
    nodes->slots[0] = NULL; /* nobody's: FUSE numbers start with the root's, 1 */
    nodes->generations[0] = 0;
    nodes->slot_count = ROOT_NUMBER;
    nodes->root = node_new(nodes, &attr, zone_of(nodes->zones, ""));
    if (!nodes->root)
        return error_set(err, ENOMEM, "node table");
    nodes->root->fd = fcntl(root, F_DUPFD_CLOEXEC, 3);
    if (nodes->root->fd < 0)
        return error_set(err, errno, "workspace");
    nodes->root->pinned = true;
    nodes->root->lookups = 1;
    nodes->fds = 1;
    folder_fd_newest(nodes, nodes->root);
    return 0;
}

int nodes_make(int root, const struct zones *zones, struct vault *vault, size_t fd_limit,
               struct nodes **out, struct error *err)
{
    CLEANUP(nodes_free) struct nodes *nodes = calloc(1, sizeof *nodes);
    if (!nodes)
        return error_set(err, ENOMEM, "node table");
    pthread_mutex_init(&nodes->lock, NULL);
    nodes->zones = zones;
    nodes->vault = vault;
    nodes->fd_limit = fd_limit;
    nodes->bucket_count = 1024;
    nodes->buckets = calloc(nodes->bucket_count, sizeof(struct node *));
    if (!nodes->buckets)
        return error_set(err, ENOMEM, "node table");
    TRY(root_make(nodes, root, err));
    *out = nodes;
    nodes = NULL;
    return 0;
}

void nodes_free(struct nodes **nodes)
{
    if (!*nodes)
        return;
    for (size_t i = 0; i < (*nodes)->slot_count; i++) {
        struct node *node = (*nodes)->slots[i];
        if (!node)
            continue;
        fd_close(&node->fd);
        free(node->name);
        free(node);
    }
    free((*nodes)->slots);
    free((*nodes)->generations);
    free((*nodes)->free_slots);
    free((*nodes)->buckets);
    pthread_mutex_destroy(&(*nodes)->lock);
    free(*nodes);
    *nodes = NULL;
}
