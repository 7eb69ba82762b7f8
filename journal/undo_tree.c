/* undo_tree.c - see undo_tree.h. */
#include "journal/undo_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/dir.h"
#include "journal/base/fd.h"
#include "journal/base/list.h"
#include "journal/journal.h"
#include "journal/undo_place.h"

#define UNLOCKED_MAX 256 /* descriptors */

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

int tree_open(struct undo_tree *t, int root, struct arena *memory, struct error *err)
{
    *t = (struct undo_tree){.root = root, .memory = memory, .dir = -1};
    map_init(&t->slots);
    map_init(&t->inodes);
    struct attr attr;
    int r = attr_read(root, "", &attr);
    if (r < 0)
        return error_set(err, -r, "look at the workspace");
    t->top = tree_add_node(t, &attr, ORIGIN_DISK);
    return t->top ? 0 : no_memory(err);
}

static int set_mode(int fd, uint32_t mode)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return chmod(link, mode & 07777) < 0 ? -errno : 0;
}

/* From the deepest up, as they are below one another. */
static void lock_again(struct undo_tree *t)
{
    for (; t->unlocked; t->unlocked = t->unlocked->next) {
        (void)!set_mode(t->unlocked->fd, t->unlocked->mode); /* it was ours to set a moment ago */
        fd_close(&t->unlocked->fd);
    }
}

void tree_close(struct undo_tree *t)
{
    lock_again(t);
    map_release(&t->slots);
    map_release(&t->inodes);
    fd_close(&t->dir);
}

struct node *tree_add_node(struct undo_tree *t, const struct attr *attr, enum origin origin)
{
    struct node *node = arena_take(t->memory, sizeof *node);
    if (!node)
        return NULL;
    node->attr = *attr;
    node->origin = origin;
    node->number = ++t->numbers;
    node->next = t->nodes;
    t->nodes = node;
    return node;
}

struct link *tree_add_link(struct undo_tree *t, struct node *node)
{
    struct link *link = arena_take(t->memory, sizeof *link);
    if (!link)
        return NULL;
    link->node = node;
    link->of_node = node->links;
    node->links = link;
    link->next = t->links;
    t->links = link;
    return link;
}

void link_move(struct link *link, enum view view, struct slot *slot)
{
    if (link->at[view])
        link->at[view]->in[view] = NULL;
    link->at[view] = slot;
    if (!slot)
        return;
    if (slot->in[view])
        slot->in[view]->at[view] = NULL;
    slot->in[view] = link;
}

struct link *node_link_in(const struct node *node, enum view view)
{
    struct link *link = node->links;
    while (link && !link->at[view])
        link = link->of_node;
    return link;
}

bool tree_has_in_target(const struct undo_tree *t, const struct node *node)
{
    return node == t->top || node_link_in(node, VIEW_TARGET);
}

size_t node_count_in(const struct node *node, enum view view)
{
    size_t count = 0;
    for (const struct link *link = node->links; link; link = link->of_node)
        count += link->at[view] != NULL;
    return count;
}

/* ---- paths ---- */

static const struct slot *slot_of_folder(const struct node *folder, enum view view)
{
    for (const struct link *link = folder->links; link; link = link->of_node)
        if (link->at[view])
            return link->at[view];
    return NULL;
}

/* Partial selections could make a circle; no way to the root is longer than there are nodes. */
bool tree_reaches(struct undo_tree *t, enum view view, const struct node *folder)
{
    for (uint64_t left = t->numbers; left > 0; left--) {
        if (folder == t->top)
            return true;
        const struct slot *slot = slot_of_folder(folder, view);
        if (!slot)
            return false;
        folder = slot->folder;
    }
    return false;
}

static const struct slot *above(const struct undo_tree *t, enum view view,
                                const struct node *folder)
{
    if (folder == t->top)
        return NULL;
    const struct slot *slot = slot_of_folder(folder, view);
    for (enum view other = VIEW_DISK; !slot && other < VIEWS; other++)
        slot = slot_of_folder(folder, other);
    return slot;
}

void tree_path(const struct undo_tree *t, enum view view, const struct slot *slot,
               struct strbuf *out)
{
    size_t depth = 0;
    for (const struct slot *at = slot; at && depth <= t->numbers; at = above(t, view, at->folder))
        depth++;
    const struct slot **way = calloc(depth + 1, sizeof(const struct slot *));
    if (!way) {
        out->failed = true;
        return;
    }
    size_t left = depth;
    for (const struct slot *at = slot; left > 0; at = above(t, view, at->folder))
        way[--left] = at;
    for (size_t i = 0; i < depth; i++) {
        if (i > 0)
            strbuf_add(out, "/", 1);
        strbuf_add(out, way[i]->name, way[i]->name_bytes);
    }
    free(way);
}

const char *tree_path_text(const struct undo_tree *t, enum view view, const struct slot *slot)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    if (slot)
        tree_path(t, view, slot, &path);
    return path.failed ? NULL : arena_copy(t->memory, path.data, path.bytes);
}

/* ---- what the disk says ---- */

static int unlock(struct undo_tree *t, const char *path, uint32_t mode)
{
    struct unlocked *u = arena_take(t->memory, sizeof *u);
    if (!u || t->unlocked_count == UNLOCKED_MAX)
        return u ? -EACCES : -ENOMEM;
    CLEANUP(fd_close) int fd = place_open(t->root, path, O_PATH);
    int r = fd < 0 ? fd : set_mode(fd, mode | 0700);
    if (r < 0)
        return r;
    *u = (struct unlocked){.next = t->unlocked, .fd = fd_take(&fd), .mode = mode};
    t->unlocked = u;
    t->unlocked_count++;
    return 0;
}

/* The way to a folder, from the root down.  The agent may have locked it, but its owner is who
 * undoes. */
static int unlock_way(struct undo_tree *t, const struct node *folder)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    const struct slot *slot = slot_of_folder(folder, VIEW_DISK);
    if (folder == t->top || !slot)
        return 0;
    TRY(unlock_way(t, slot->folder));
    if ((folder->attr.mode & 0500) == 0500)
        return 0;
    tree_path(t, VIEW_DISK, slot, &path);
    return path.failed ? -ENOMEM : unlock(t, strbuf_text(&path), folder->attr.mode);
}

/* The descriptor of a folder on the disk; -ENOENT: it is not there (any more). */
static int open_folder(struct undo_tree *t, const struct node *folder)
{
    if (t->dir_node == folder)
        return t->dir;
    const struct slot *slot = slot_of_folder(folder, VIEW_DISK);
    if (folder != t->top && !slot)
        return -ENOENT;
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    if (slot)
        tree_path(t, VIEW_DISK, slot, &path);
    if (path.failed)
        return -ENOMEM;
    int r = geteuid() != 0 ? unlock_way(t, folder) : 0;
    int fd = r < 0 ? r : place_open(t->root, strbuf_text(&path), O_PATH);
    if (fd < 0)
        return fd;
    fd_close(&t->dir);
    t->dir = fd;
    t->dir_node = folder;
    return fd;
}

/* Two names of one file lead to one node. */
static int node_of_disk(struct undo_tree *t, const struct attr *attr, struct node **out)
{
    *out = S_ISDIR(attr->mode) ? NULL : map_get(&t->inodes, attr->ino, (uint64_t)attr->born);
    if (*out)
        return 0;
    *out = tree_add_node(t, attr, ORIGIN_DISK);
    if (!*out)
        return -ENOMEM;
    return S_ISDIR(attr->mode) ? 0 : map_put(&t->inodes, attr->ino, (uint64_t)attr->born, *out);
}

static bool is_hidden(const struct undo_tree *t, const struct slot *slot)
{
    return slot->folder == t->top && strcmp(slot->name, STATE_FOLDER) == 0;
}

static bool means_absent(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

static int slot_load(struct undo_tree *t, struct slot *slot)
{
    struct attr attr;
    struct node *node;
    if (slot->folder->origin != ORIGIN_DISK || is_hidden(t, slot))
        return 0;
    int r = open_folder(t, slot->folder);
    if (r >= 0)
        r = attr_read(r, slot->name, &attr);
    if (r < 0)
        return means_absent(r) ? 0 : r;
    TRY(node_of_disk(t, &attr, &node));
    struct link *link = tree_add_link(t, node);
    if (!link)
        return -ENOMEM;
    for (enum view view = VIEW_DISK; view < VIEWS; view++)
        link_move(link, view, slot);
    return 0;
}

static struct slot *slot_add(struct undo_tree *t, struct node *folder, const char *name,
                             size_t bytes, uint64_t hash, struct slot *same)
{
    struct slot *slot = arena_take(t->memory, sizeof *slot + bytes + 1);
    if (!slot || map_put(&t->slots, folder->number, hash, slot) < 0)
        return NULL;
    slot->folder = folder;
    slot->same = same;
    slot->name_bytes = bytes;
    memcpy(slot->name, name, bytes);
    slot->next = folder->slots;
    folder->slots = slot;
    return slot;
}

int tree_slot(struct undo_tree *t, struct node *folder, const char *name, size_t bytes,
              struct slot **out, struct error *err)
{
    uint64_t hash = map_hash(&t->slots, name, bytes);
    struct slot *first = map_get(&t->slots, folder->number, hash);
    for (struct slot *slot = first; slot; slot = slot->same)
        if (slot->name_bytes == bytes && memcmp(slot->name, name, bytes) == 0) {
            *out = slot;
            return 0;
        }
    struct slot *slot = slot_add(t, folder, name, bytes, hash, first);
    if (!slot)
        return no_memory(err);
    int r = slot_load(t, slot);
    if (r < 0)
        return error_set(err, -r, "look at %s", slot->name);
    *out = slot;
    return 0;
}

int tree_find(struct undo_tree *t, enum view view, const char *path, struct slot **out,
              struct error *err)
{
    struct node *folder = t->top;
    for (;;) {
        size_t bytes = strcspn(path, "/");
        struct slot *slot = NULL;
        TRY(tree_slot(t, folder, path, bytes, &slot, err));
        if (!path[bytes]) {
            *out = slot;
            return 0;
        }
        if (!slot->in[view] || !S_ISDIR(slot->in[view]->node->attr.mode)) {
            *out = NULL;
            return 0;
        }
        folder = slot->in[view]->node;
        path += bytes + 1;
    }
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A stream over the folder behind an O_PATH descriptor. */
static int stream_open(int dir, DIR **out)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *out = fd < 0 ? NULL : fdopendir(fd);
    if (*out)
        return 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return -code;
}

static int list_stream(struct undo_tree *t, struct node *folder, DIR *dir, struct error *err)
{
    for (const struct dirent *e; (errno = 0, e = readdir(dir));) {
        struct slot *slot;
        if (!is_dots(e->d_name))
            TRY(tree_slot(t, folder, e->d_name, strlen(e->d_name), &slot, err));
    }
    return errno ? error_set(err, errno, "list a folder") : 0;
}

int tree_list(struct undo_tree *t, struct node *folder, struct error *err)
{
    CLEANUP(dir_close) DIR *dir = NULL;
    if (folder->origin != ORIGIN_DISK)
        return 0;
    int r = open_folder(t, folder);
    if (r >= 0)
        r = stream_open(r, &dir);
    if (r < 0)
        return means_absent(r) ? 0 : error_set(err, -r, "list a folder");
    return list_stream(t, folder, dir, err);
}

/* ---- searching ---- */

/* Folders still to be looked through, as paths of their own memory. */
struct search {
    struct undo_tree *tree;
    const struct map *inos;
    struct arena memory;
    const char **paths;
    size_t count;
    size_t room;
};

static void search_release(struct search *s)
{
    arena_release(&s->memory);
    free(s->paths);
    s->paths = NULL;
}

static int search_push(struct search *s, const char *path)
{
    const char **paths = list_grown(s->paths, s->count, &s->room, sizeof *paths);
    if (!paths)
        return -ENOMEM;
    s->paths = paths;
    const char *copy = arena_copy_text(&s->memory, path);
    if (!copy)
        return -ENOMEM;
    s->paths[s->count++] = copy;
    return 0;
}

static bool is_folder(int dir, const struct dirent *e)
{
    struct attr attr;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return attr_read(dir, e->d_name, &attr) == 0 && S_ISDIR(attr.mode);
}

static int search_entry(struct search *s, int dir, const char *folder, const struct dirent *e,
                        struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    struct slot *slot;
    bool descend = is_folder(dir, e);
    bool wanted = !descend && map_get(s->inos, e->d_ino, 0);
    if (is_dots(e->d_name) || (!descend && !wanted))
        return 0;
    strbuf_add_format(&path, "%s%s%s", folder, folder[0] ? "/" : "", e->d_name);
    if (path.failed)
        return no_memory(err);
    if (!place_is_sound(strbuf_text(&path)))
        return 0;
    if (wanted)
        return tree_find(s->tree, VIEW_DISK, strbuf_text(&path), &slot, err);
    return search_push(s, strbuf_text(&path)) < 0 ? no_memory(err) : 0;
}

static int search_folder(struct search *s, const char *path, struct error *err)
{
    CLEANUP(dir_close) DIR *dir = NULL;
    CLEANUP(fd_close) int fd = place_open(s->tree->root, path, O_PATH);
    if (fd < 0 || stream_open(fd, &dir) < 0)
        return 0; /* what cannot be read cannot be found: the caller says so */
    for (const struct dirent *e; (e = readdir(dir));)
        TRY(search_entry(s, fd, path, e, err));
    return 0;
}

int tree_search(struct undo_tree *t, const struct map *inos, struct error *err)
{
    CLEANUP(search_release) struct search s = {.tree = t, .inos = inos};
    if (search_push(&s, "") < 0)
        return no_memory(err);
    while (s.count > 0)
        TRY(search_folder(&s, s.paths[--s.count], err));
    return 0;
}
