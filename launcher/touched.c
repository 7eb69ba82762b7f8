/* touched.c - see touched.h. */
#include "launcher/touched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"

void touched_release(struct touched *t)
{
    arena_release(&t->memory);
    free(t->list);
    free(t->inodes);
    *t = TOUCHED_NONE;
}

int touched_add(struct touched *t, const char *path, bool below, int64_t mtime)
{
    struct touched_path *list = list_grown(t->list, t->count, &t->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    t->list = list;
    char *copy = arena_copy_text(&t->memory, path);
    if (!copy)
        return -ENOMEM;
    t->list[t->count] = (struct touched_path){copy, below, mtime, t->count};
    t->count++;
    return 0;
}

static int add_inode(struct touched *t, uint64_t ino)
{
    if (!ino)
        return 0;
    uint64_t *inodes = list_grown(t->inodes, t->inode_count, &t->inode_room, sizeof *inodes);
    if (!inodes)
        return -ENOMEM;
    t->inodes = inodes;
    t->inodes[t->inode_count++] = ino;
    return 0;
}

/* A name that comes or goes gives its folder another time. */
static int add_name(struct touched *t, const char *path, bool moves, int64_t folder_mtime)
{
    const char *slash = strrchr(path, '/');
    int r = touched_add(t, path, moves, 0);
    if (r < 0 || !moves || !slash)
        return r;
    char *folder = strndup(path, (size_t)(slash - path));
    r = folder ? touched_add(t, folder, false, folder_mtime) : -ENOMEM;
    free(folder);
    return r;
}

static bool moves_names(enum op op)
{
    static const enum op some[] = {OP_CREATE, OP_MKDIR, OP_SYMLINK, OP_LINK,    OP_MKNOD,
                                   OP_UNLINK, OP_RMDIR, OP_RENAME,  OP_EXCHANGE};
    for (size_t i = 0; i < COUNT_OF(some); i++)
        if (some[i] == op)
            return true;
    return false;
}

struct collecting {
    struct touched *touched;
    struct error *err;
};

static int collect(const struct event *e, void *context)
{
    struct collecting *c = context;
    struct touched *t = c->touched;
    if (!op_changes(e->op) || !e->path || (e->outcome != OUTCOME_OK && e->outcome != OUTCOME_OPEN))
        return 0;
    bool moves = moves_names(e->op);
    int r = add_name(t, e->path, moves, e->dir_mtime);
    if (r == 0 && e->path2)
        r = add_name(t, e->path2, moves, e->dir2_mtime);
    if (r == 0)
        r = add_inode(t, e->before.ino);
    if (r == 0)
        r = add_inode(t, e->after.ino);
    return r < 0 ? error_set(c->err, -r, "see what changed meanwhile") : 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct touched_path *)a)->path, ((const struct touched_path *)b)->path);
}

static int by_path_and_order(const void *a, const void *b)
{
    int r = by_path(a, b);
    size_t x = ((const struct touched_path *)a)->order;
    size_t y = ((const struct touched_path *)b)->order;
    return r ? r : x < y ? -1 : x > y;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void touched_sort(struct touched *t)
{
    size_t kept = 0;
    if (t->count)
        qsort(t->list, t->count, sizeof *t->list, by_path_and_order);
    for (size_t i = 0; i < t->count; i++) {
        struct touched_path *last = kept ? &t->list[kept - 1] : NULL;
        if (!last || strcmp(last->path, t->list[i].path) != 0) {
            t->list[kept++] = t->list[i];
            continue;
        }
        last->below |= t->list[i].below;
        last->mtime = last->mtime ? last->mtime : t->list[i].mtime;
    }
    t->count = kept;
    if (t->inode_count)
        qsort(t->inodes, t->inode_count, sizeof *t->inodes, by_number);
}

int touched_collect(struct history *h, uint64_t first_event, struct touched *out, struct error *err)
{
    struct collecting collecting = {out, err};
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = first_event;
    TRY(history_events(h, &filter, collect, &collecting, err));
    touched_sort(out);
    return 0;
}

const struct touched_path *touched_find(const struct touched *t, const char *path)
{
    const struct touched_path wanted = {.path = path};
    return t->count ? bsearch(&wanted, t->list, t->count, sizeof wanted, by_path) : NULL;
}

bool touched_has(const struct touched *t, const char *path)
{
    return touched_find(t, path) || touched_above(t, path);
}

bool touched_above(const struct touched *t, const char *path)
{
    char *above = strdup(path);
    bool found = false;
    for (char *slash; above && !found && (slash = strrchr(above, '/'));) {
        *slash = '\0';
        const struct touched_path *at = touched_find(t, above);
        found = at && at->below;
    }
    free(above);
    return found;
}

bool touched_inode(const struct touched *t, uint64_t ino)
{
    return t->inode_count && bsearch(&ino, t->inodes, t->inode_count, sizeof ino, by_number);
}
