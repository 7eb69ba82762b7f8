/* node.c - see node.h. */
#include "fusefs/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/journal.h"

#define ROOT_NUMBER 1
#define STATX_WISH (STATX_BASIC_STATS | STATX_BTIME)

/* ---- the table -------------------------------------------------------------------------------- */

static size_t bucket_of(const struct nodes *nodes, uint64_t ino, int64_t born)
{
    uint64_t h = (ino ^ ((uint64_t)born * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
    return (size_t)(h >> 32) & (nodes->bucket_count - 1);
}

static void hash_insert(struct nodes *nodes, struct node *node)
{
    struct node **bucket = &nodes->buckets[bucket_of(nodes, node->ino, node->born)];
    node->hash_next = *bucket;
    *bucket = node;
}

static void hash_remove(struct nodes *nodes, struct node *node)
{
    struct node **link = &nodes->buckets[bucket_of(nodes, node->ino, node->born)];
    while (*link && *link != node)
        link = &(*link)->hash_next;
    if (*link)
        *link = node->hash_next;
}

static void hash_grow(struct nodes *nodes)
{
    size_t count = nodes->bucket_count * 2;
    struct node **buckets = calloc(count, sizeof(struct node *));
    if (!buckets)
        return; /* longer chains, nothing worse */
    struct node **old = nodes->buckets;
    size_t old_count = nodes->bucket_count;
    nodes->buckets = buckets;
    nodes->bucket_count = count;
    for (size_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct node *node = old[i];
            old[i] = node->hash_next;
            hash_insert(nodes, node);
        }
    free(old);
}

static struct node *hash_find(struct nodes *nodes, uint64_t ino, int64_t born,
                              const struct zone *zone)
{
    struct node *node = nodes->buckets[bucket_of(nodes, ino, born)];
    while (node && (node->ino != ino || node->born != born || (zone && node->zone != zone)))
        node = node->hash_next;
    return node;
}

/* Grown as one, so that a failure leaves the table as it was. */
static bool slots_grow(struct nodes *nodes)
{
    size_t room = nodes->slot_room ? nodes->slot_room * 2 : 256;
    struct node **slots = realloc(nodes->slots, room * sizeof(struct node *));
    if (slots)
        nodes->slots = slots;
    uint32_t *generations = realloc(nodes->generations, room * sizeof *generations);
    if (generations)
        nodes->generations = generations;
    uint32_t *free_slots = realloc(nodes->free_slots, room * sizeof *free_slots);
    if (free_slots)
        nodes->free_slots = free_slots;
    if (!slots || !generations || !free_slots)
        return false;
    nodes->slot_room = room;
    return true;
}

static bool slot_take(struct nodes *nodes, struct node *node)
{
    uint32_t slot;
    if (nodes->free_count > 0) {
        slot = nodes->free_slots[--nodes->free_count];
    } else {
        if (nodes->slot_count == nodes->slot_room && !slots_grow(nodes))
            return false;
        slot = (uint32_t)nodes->slot_count++;
        nodes->generations[slot] = 0;
    }
    nodes->slots[slot] = node;
    node->number = (uint64_t)nodes->generations[slot] << 32 | slot;
    return true;
}

static void slot_give_back(struct nodes *nodes, struct node *node)
{
    uint32_t slot = (uint32_t)node->number;
    nodes->slots[slot] = NULL;
    nodes->generations[slot]++;
    nodes->free_slots[nodes->free_count++] = slot;
}

struct node *node_get(struct nodes *nodes, uint64_t number)
{
    uint32_t slot = (uint32_t)number;
    pthread_mutex_lock(&nodes->lock);
    struct node *node = slot < nodes->slot_count ? nodes->slots[slot] : NULL;
    if (node && node->number != number)
        node = NULL;
    pthread_mutex_unlock(&nodes->lock);
    return node;
}

/* ---- descriptors of folders, by last use (under lock) ------------------------------------------- */

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

static void use_newest(struct nodes *nodes, struct node *node)
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

static void fd_release(struct nodes *nodes, struct node *node);

static void fd_detach(struct nodes *nodes, struct node *node, int *fd)
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

/* Takes one descriptor that nobody uses out of the cache when it is too large; -1: none.  Pinned ones
 * go last, when no handle holds on to their node: whoever kept them from growing without bound may
 * find some descriptor of a removed thing stale. */
static int fd_evict(struct nodes *nodes)
{
    int fd = -1;
    if (nodes->fds <= nodes->fd_limit)
        return fd;
    for (int pinned = 0; pinned < 2; pinned++)
        for (struct node *node = nodes->oldest; node; node = node->newer)
            if (may_close(nodes, node, pinned)) {
                fd_detach(nodes, node, &fd);
                node->pinned = false;
                return fd;
            }
    return fd;
}

/* ---- a node's life ------------------------------------------------------------------------------ */

/* Under lock.  Frees the node and what only it held on to; descriptors are closed by the caller. */
static void node_release_locked(struct nodes *nodes, struct node *node, int *fds, size_t *count,
                                size_t room)
{
    while (node && node->lookups == 0 && node->holds == 0 && node != nodes->root && *count < room) {
        struct node *parent = node->parent;
        hash_remove(nodes, node);
        slot_give_back(nodes, node);
        if (node->fd >= 0)
            fd_detach(nodes, node, &fds[(*count)++]);
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
    struct node *node = hash_find(nodes, ino, born, zone);
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
    if (!slot_take(nodes, node)) {
        free(node);
        return NULL;
    }
    if (nodes->count >= nodes->bucket_count)
        hash_grow(nodes);
    hash_insert(nodes, node);
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
    struct node *node = hash_find(nodes, attr->ino, attr->born, at->zone);
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

/* A descriptor that was pinned means the new inode too, under its number: somebody may be using it. */
static void fd_follow(struct nodes *nodes, struct node *node, int to)
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
    fd_release(nodes, node);
}

void node_reborn(struct nodes *nodes, struct node *node, int fd, const struct attr *attr)
{
    fd_follow(nodes, node, fd);
    pthread_mutex_lock(&nodes->lock);
    hash_remove(nodes, node);
    node->ino = attr->ino;
    node->born = attr->born;
    hash_insert(nodes, node);
    pthread_mutex_unlock(&nodes->lock);
}

bool node_is_alias(struct nodes *nodes, const struct node *node, const struct place *at)
{
    pthread_mutex_lock(&nodes->lock);
    bool is = node->parent == at->folder && node->name && strcmp(node->name, at->name) == 0;
    pthread_mutex_unlock(&nodes->lock);
    return is;
}

/* ---- where a node is ---------------------------------------------------------------------------- */

static bool is_identity(struct nodes *nodes, const struct node *node, const struct statx *x)
{
    int64_t born = attr_from_statx(x).born;
    pthread_mutex_lock(&nodes->lock); /* a swap may give it another inode */
    bool same = x->stx_ino == node->ino && born == node->born;
    pthread_mutex_unlock(&nodes->lock);
    return same && makedev(x->stx_dev_major, x->stx_dev_minor) == nodes->device;
}

static int statx_at(int dir, const char *name, struct statx *out)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
    return statx(dir, name, flags, STATX_WISH, out) < 0 ? -errno : 0;
}

/* A descriptor of the node, counted as used; opened by its alias where it has none. */
static int fd_acquire(struct nodes *nodes, struct node *node);

static void fd_release(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    node->fd_users--;
    int evicted = fd_evict(nodes);
    pthread_mutex_unlock(&nodes->lock);
    fd_close(&evicted);
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

static int fd_open_by_alias(struct nodes *nodes, struct node *node)
{
    struct node *folder;
    char name[256];
    TRY(node_alias(nodes, node, &folder, name));
    int dir = fd_acquire(nodes, folder);
    int fd = dir;
    if (dir >= 0) {
        fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            fd = errno == ENOENT ? -ESTALE : -errno;
        fd_release(nodes, folder);
    }
    node_drop(nodes, folder);
    struct statx x;
    if (fd >= 0 && (statx_at(fd, "", &x) < 0 || !is_identity(nodes, node, &x))) {
        fd_close(&fd);
        return -ESTALE;
    }
    return fd;
}

static int fd_acquire(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    if (node->fd >= 0) {
        node->fd_users++;
        use_newest(nodes, node);
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
    use_newest(nodes, node);
    fd = node->fd;
    pthread_mutex_unlock(&nodes->lock);
    fd_close(&spare);
    return fd;
}

void node_pin(struct nodes *nodes, struct node *node)
{
    if (fd_acquire(nodes, node) < 0)
        return;
    pthread_mutex_lock(&nodes->lock);
    node->pinned = true;
    node->fd_users--;
    pthread_mutex_unlock(&nodes->lock);
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
    out->dir = fd_acquire(nodes, holder);
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
        fd_release(spot->nodes, spot->holder);
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
            r = statx_at(spot.dir, spot.name, x);
        if (r == 0 && is_identity(nodes, node, x)) {
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
        if (!name[0]) { /* its own descriptor is O_PATH: opened again through /proc, by our own number */
            snprintf(self, sizeof self, "/proc/self/fd/%d", spot.dir);
            name = S_ISDIR(node->type) ? "." : self;
        }
        int extra = name == self ? O_CLOEXEC : O_CLOEXEC | O_NOFOLLOW;
        CLEANUP(fd_close) int fd = openat(spot.dir, name, flags | extra);
        r = fd < 0 ? -errno : 0;
        struct statx x;
        if (fd >= 0 && statx_at(fd, "", &x) == 0 && is_identity(nodes, node, &x)) {
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

/* ---- paths and places --------------------------------------------------------------------------- */

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
    out->dir = fd_acquire(nodes, node);
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
        fd_release(at->nodes, at->folder);
    at->nodes = NULL;
}

int place_attr(const struct place *at, struct attr *out, struct statx *full)
{
    struct statx own;
    struct statx *x = full ? full : &own;
    TRY(statx_at(at->dir, at->name, x));
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

/* ---- the whole ---------------------------------------------------------------------------------- */

static int root_make(struct nodes *nodes, int root, struct error *err)
{
    struct statx x;
    int r = statx_at(root, "", &x);
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
    use_newest(nodes, nodes->root);
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
