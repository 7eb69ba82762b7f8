/* list.c - see list.h. */
#include "fusefs/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fusefs/fresh.h"
#include "journal/base/fd.h"

int list_open(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t *handle)
{
    struct node *node = node_get(fs->nodes, number);
    if (!node)
        return -ESTALE;
    char path[PLACE_PATH_MAX];
    const char *reason;
    if (zone_check(node->zone, WISH_LIST, &reason) < 0) {
        node_path(fs->nodes, node, path);
        return allow(fs, caller, OP_LIST, node->zone, WISH_LIST, path, NULL);
    }
    int fd = node_open(fs->nodes, node, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? fd : handle_open_dir(&fs->handles, fs->nodes, node, fd, handle);
}

int list_begin(struct fusefs *fs, uint64_t number, int64_t offset, struct handle **out)
{
    struct handle *handle = handle_get(&fs->handles, number);
    if (!handle || !handle->dir)
        return -EBADF;
    pthread_mutex_lock(&handle->dir_lock);
    if (offset == 0)
        rewinddir(handle->dir);
    else if (telldir(handle->dir) != offset)
        seekdir(handle->dir, offset);
    *out = handle;
    return 0;
}

void list_end(struct handle *handle)
{
    pthread_mutex_unlock(&handle->dir_lock);
}

/* .ccfs and hidden zones are not there. */
static bool is_shown(struct fusefs *fs, const struct handle *handle, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    char path[PLACE_PATH_MAX + 256];
    if (node_path(fs->nodes, handle->node, path) < 0)
        return true; /* a removed folder shows what is left: nothing */
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "%s%s", n ? "/" : "", name);
    return strcmp(path, STATE_FOLDER) != 0 && zone_of(fs->options->zones, path)->mode != ZONE_NONE;
}

int list_next(struct fusefs *fs, struct handle *handle, struct list_item *out)
{
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(handle->dir);
        if (!d)
            return -errno;
        if (!is_shown(fs, handle, d->d_name))
            continue;
        *out = (struct list_item){d->d_name, d->d_ino, (uint32_t)d->d_type << 12, d->d_off};
        return 1;
    }
}

int list_meet(struct fusefs *fs, const struct handle *handle, const struct list_item *item,
              struct entry *out)
{
    CLEANUP(place_release) struct place at;
    place_none(&at);
    TRY(place_find(fs->nodes, handle->node->number, item->name, &at));
    TRY(entry_meet(&at, out));
    fresh_reply(fs, out->number, &out->attr);
    return 0;
}
