/* handle.c - see handle.h. */
#include "fusefs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"

void handles_init(struct handles *handles)
{
    *handles = (struct handles){0};
    pthread_mutex_init(&handles->lock, NULL);
}

void handles_end(struct handles *handles)
{
    free(handles->slots);
    free(handles->free_slots);
    pthread_mutex_destroy(&handles->lock);
}

/* ---- the table (under lock) -------------------------------------------------------------------- */

static bool table_grow(struct handles *handles)
{
    size_t room = handles->room ? handles->room * 2 : 64;
    struct handle **slots = realloc(handles->slots, room * sizeof(struct handle *));
    if (slots)
        handles->slots = slots;
    uint64_t *free_slots = realloc(handles->free_slots, room * sizeof *free_slots);
    if (free_slots)
        handles->free_slots = free_slots;
    if (!slots || !free_slots)
        return false;
    handles->room = room;
    if (handles->count == 0)
        handles->slots[handles->count++] = NULL;
    return true;
}

static uint64_t table_put(struct handles *handles, struct handle *handle)
{
    uint64_t number = 0;
    if (handles->free_count > 0)
        number = handles->free_slots[--handles->free_count];
    else if (handles->count < handles->room || table_grow(handles))
        number = handles->count++;
    if (number) {
        handles->slots[number] = handle;
        handles->open++;
    }
    return number;
}

struct handle *handle_get(struct handles *handles, uint64_t number)
{
    pthread_mutex_lock(&handles->lock);
    struct handle *handle = number < handles->count ? handles->slots[number] : NULL;
    pthread_mutex_unlock(&handles->lock);
    return handle;
}

size_t handles_open(struct handles *handles)
{
    pthread_mutex_lock(&handles->lock);
    size_t open = handles->open;
    pthread_mutex_unlock(&handles->lock);
    return open;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* Under lock: the inode's file, made on its first open. */
static struct file *file_join(struct node *node)
{
    if (node->file)
        return node->file;
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    pthread_mutex_init(&file->lock, NULL);
    file->node = node;
    file->writing = WRITING_NONE;
    node->file = file;
    return file;
}

/* Under lock: one hold less; the file is returned when nobody is left, for file_free(). */
static struct file *file_leave(struct file *file)
{
    if (--file->holds > 0)
        return NULL;
    file->node->file = NULL;
    return file;
}

static void file_free(struct file *file)
{
    if (!file)
        return;
    pthread_mutex_destroy(&file->lock);
    free(file);
}

struct file *file_of(struct handles *handles, struct node *node)
{
    pthread_mutex_lock(&handles->lock);
    struct file *file = node->file;
    if (file)
        file->holds++;
    pthread_mutex_unlock(&handles->lock);
    return file;
}

struct file *file_enter(struct handles *handles, struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&handles->lock);
    bool first = !node->file;
    struct file *file = file_join(node);
    if (file)
        file->holds++;
    pthread_mutex_unlock(&handles->lock);
    if (!file)
        return NULL;
    if (first)
        node_hold(nodes, node); /* the file's own */
    pthread_mutex_lock(&file->lock);
    return file;
}

void file_exit(struct handles *handles, struct nodes *nodes, struct file *file)
{
    if (!file)
        return;
    pthread_mutex_unlock(&file->lock);
    file_drop(handles, nodes, file);
}

void file_drop(struct handles *handles, struct nodes *nodes, struct file *file)
{
    if (!file)
        return;
    struct node *node = file->node;
    pthread_mutex_lock(&handles->lock);
    struct file *last = file_leave(file);
    pthread_mutex_unlock(&handles->lock);
    if (!last)
        return;
    file_free(last);
    node_drop(nodes, node);
}

bool file_is_open(struct handles *handles, struct node *node, const struct handle *but)
{
    pthread_mutex_lock(&handles->lock);
    unsigned mine = but && but->file && but->file == node->file ? 1 : 0;
    bool open = node->file && node->file->handles > mine;
    pthread_mutex_unlock(&handles->lock);
    return open;
}

struct file *files_next(struct handles *handles, size_t *at, bool writers_only)
{
    struct file *file = NULL;
    pthread_mutex_lock(&handles->lock);
    for (; *at < handles->count && !file; (*at)++)
        if (handles->slots[*at] && (handles->slots[*at]->writes || !writers_only))
            file = handles->slots[*at]->file;
    if (file)
        file->holds++;
    pthread_mutex_unlock(&handles->lock);
    return file;
}

/* ---- handles ------------------------------------------------------------------------------------- */

static void handle_free(struct handle *handle)
{
    fd_close(&handle->fd);
    free(handle);
}

static struct handle *handle_new(struct nodes *nodes, struct node *node, int fd, int flags)
{
    struct handle *handle = calloc(1, sizeof *handle);
    if (!handle) {
        fd_close(&fd);
        return NULL;
    }
    handle->node = node;
    handle->fd = fd;
    handle->flags = flags;
    node_hold(nodes, node);
    return handle;
}

int handle_open_file(struct handles *handles, struct nodes *nodes, struct file *file, int fd,
                     int flags, enum way way, uint64_t *number)
{
    struct node *node = file->node;
    struct handle *handle = handle_new(nodes, node, fd, flags);
    if (!handle)
        return -ENOMEM;
    handle->file = file;
    handle->way = way;
    handle->writable = (flags & O_ACCMODE) != O_RDONLY;
    pthread_mutex_lock(&handles->lock);
    *number = table_put(handles, handle);
    if (*number) {
        file->holds++;
        file->handles++;
        handle->writes = handle->writable;
        file->writers += handle->writes;
    }
    pthread_mutex_unlock(&handles->lock);
    if (*number)
        return 0;
    handle_free(handle);
    node_drop(nodes, node);
    return -ENOMEM;
}

void handle_end_writing(struct handles *handles, struct handle *handle, bool *last)
{
    pthread_mutex_lock(&handles->lock);
    *last = false;
    if (handle->writes) {
        handle->writes = false;
        *last = --handle->file->writers == 0;
    }
    pthread_mutex_unlock(&handles->lock);
}

void handle_close(struct handles *handles, struct nodes *nodes, uint64_t number)
{
    pthread_mutex_lock(&handles->lock);
    struct handle *handle = number < handles->count ? handles->slots[number] : NULL;
    if (handle) {
        handles->slots[number] = NULL;
        handles->free_slots[handles->free_count++] = number;
        handles->open--;
        handle->file->handles--;
    }
    pthread_mutex_unlock(&handles->lock);
    if (!handle)
        return;
    struct node *node = handle->node;
    file_drop(handles, nodes, handle->file);
    handle_free(handle);
    node_drop(nodes, node);
}
