/* mapped.c - see mapped.h. */
#include "fusefs/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/data.h"
#include "fusefs/passthrough.h"
#include "journal/base/fd.h"

/* Under the file's lock.  Our own descriptor must not look like somebody else's. */
static bool give_up_writing(const struct handle *handle)
{
    char self[32];
    if ((fcntl(handle->fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return true;
    snprintf(self, sizeof self, "/proc/self/fd/%d", handle->fd);
    CLEANUP(fd_close) int fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && dup3(fd, handle->fd, O_CLOEXEC) >= 0;
}

/* Where it cannot be found out (no descriptor is left, nobody may read the file), there may be one. */
static bool is_mapped(const struct handle *handle)
{
    return !give_up_writing(handle) || !passthrough_is_quiet(handle->fd);
}

/* Under lock.  Those that went make room at the front: once they are half of all, so that each is moved
 * once at most for each one that goes. */
static void close_up(struct mapped *mapped)
{
    if (mapped->first < mapped->room / 2)
        return;
    memmove(mapped->numbers, mapped->numbers + mapped->first,
            mapped->count * sizeof *mapped->numbers);
    mapped->first = 0;
}

static bool line_up(struct mapped *mapped, uint64_t number)
{
    pthread_mutex_lock(&mapped->lock);
    if (mapped->first > 0 && mapped->first + mapped->count == mapped->room)
        close_up(mapped);
    if (mapped->first + mapped->count == mapped->room) {
        size_t room = mapped->room ? mapped->room * 2 : 16;
        uint64_t *numbers = realloc(mapped->numbers, room * sizeof *numbers);
        if (numbers) {
            mapped->numbers = numbers;
            mapped->room = room;
        }
    }
    bool fits = mapped->first + mapped->count < mapped->room;
    if (fits)
        mapped->numbers[mapped->first + mapped->count++] = number;
    pthread_mutex_unlock(&mapped->lock);
    return fits;
}

static uint64_t take_oldest(struct mapped *mapped)
{
    uint64_t number = 0;
    pthread_mutex_lock(&mapped->lock);
    if (mapped->count > 0) {
        number = mapped->numbers[mapped->first++];
        mapped->count--;
    }
    pthread_mutex_unlock(&mapped->lock);
    return number;
}

bool mapped_put_aside(struct fusefs *fs, struct handle *handle, uint64_t number)
{
    struct file *file = handle->file;
    if (handle->way != WAY_THROUGH || (handle->flags & O_ACCMODE) != O_RDWR)
        return false;
    pthread_mutex_lock(&file->lock);
    bool last = file->mappable == 1; /* else others remain, and the session with them */
    bool aside = last && is_mapped(handle) && line_up(&fs->mapped, number);
    pthread_mutex_unlock(&file->lock);
    return aside;
}

static bool is_over(const struct handle *handle)
{
    pthread_mutex_lock(&handle->file->lock);
    bool over = handle->file->mappable > 1 || !is_mapped(handle);
    pthread_mutex_unlock(&handle->file->lock);
    return over;
}

void mapped_sweep(struct fusefs *fs, size_t most)
{
    pthread_mutex_lock(&fs->mapped.lock);
    size_t count = fs->mapped.count < most ? fs->mapped.count : most;
    pthread_mutex_unlock(&fs->mapped.lock);
    for (uint64_t number; count > 0 && (number = take_oldest(&fs->mapped)) != 0; count--) {
        const struct handle *handle = handle_get(&fs->handles, number);
        if (handle && (is_over(handle) || !line_up(&fs->mapped, number)))
            data_drop(fs, number);
    }
}

void mapped_free(struct mapped *mapped)
{
    free(mapped->numbers);
    pthread_mutex_destroy(&mapped->lock);
    *mapped = (struct mapped){0};
}
