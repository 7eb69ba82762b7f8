/* list.c - see list.h. */
#include "fusefs/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/fresh.h"
#include "journal/base/fd.h"

#define LEAST_BYTES 1024 /* holds any one entry */

int list_open(struct fusefs *fs, const struct caller *caller, uint64_t number, bool *same)
{
    struct node *node = node_get(fs->nodes, number);
    if (!node)
        return -ESTALE;
    char path[PLACE_PATH_MAX];
    const char *reason;
    if (zone_check(node->zone, WISH_LIST, &reason) == 0)
        return fresh_folder(fs, node, same);
    node_path(fs->nodes, node, path);
    return allow(fs, caller, OP_LIST, node->zone, WISH_LIST, path, NULL);
}

/* .ccfs and hidden zones are not there; a removed folder shows what is left: nothing. */
static void look_for_hidden(struct listing *l, const struct node *node)
{
    char path[PLACE_PATH_MAX];
    l->hides = node_path(l->fs->nodes, node, path) == 0 &&
               (!path[0] || zone_hides_below(l->fs->options->zones, path));
}

int list_begin(struct fusefs *fs, uint64_t number, int64_t offset, size_t bytes,
               struct listing *out)
{
    out->fs = fs;
    out->fd = -1;
    out->filled = out->at = 0;
    out->room = bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
    out->buffer = NULL;
    place_none(&out->place);
    struct node *node = node_get(fs->nodes, number);
    if (!node)
        return -ESTALE;
    look_for_hidden(out, node);
    out->fd = node_open(fs->nodes, node, O_RDONLY | O_DIRECTORY);
    if (out->fd < 0)
        return out->fd;
    if (offset && lseek(out->fd, offset, SEEK_SET) < 0)
        return -errno;
    out->buffer = malloc(out->room);
    return out->buffer ? place_enter(fs->nodes, number, &out->place) : -ENOMEM;
}

void list_end(struct listing *listing)
{
    place_release(&listing->place);
    fd_close(&listing->fd);
    free(listing->buffer);
    listing->buffer = NULL;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_shown(struct listing *l, const char *name)
{
    return !l->hides || is_dot(name) || place_point(&l->place, name) == 0;
}

static int fill(struct listing *l)
{
    ssize_t n = getdents64(l->fd, l->buffer, l->room);
    l->at = 0;
    l->filled = n > 0 ? (size_t)n : 0;
    return n < 0 ? -errno : n > 0;
}

int list_next(struct listing *l, struct list_item *out)
{
    for (;;) {
        int r = l->at < l->filled ? 1 : fill(l);
        if (r <= 0)
            return r;
        const struct dirent64 *d = (const void *)(l->buffer + l->at);
        l->at += d->d_reclen;
        if (!is_shown(l, d->d_name))
            continue;
        *out = (struct list_item){d->d_name, d->d_ino, (uint32_t)d->d_type << 12, d->d_off};
        return 1;
    }
}

int list_meet(struct listing *l, const struct list_item *item, struct entry *out)
{
    TRY(place_point(&l->place, item->name));
    TRY(entry_meet(&l->place, out));
    fresh_reply(l->fs, out->number, &out->attr);
    return 0;
}
