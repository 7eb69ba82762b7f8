/* undo_place.c - see undo_place.h. */
#include "journal/undo_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/journal.h"

#define PATH_BYTES_MAX 16384
#define STRIDE_MAX 4000 /* what one openat2(2) takes */

static bool is_sound_name(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > NAME_MAX)
        return false;
    return !(name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.')));
}

bool place_is_sound(const char *path)
{
    size_t first = path ? strcspn(path, "/") : 0;
    if (first == 0 || strlen(path) > PATH_BYTES_MAX)
        return false;
    if (first == strlen(STATE_FOLDER) && memcmp(path, STATE_FOLDER, first) == 0)
        return false;
    for (const char *at = path;; at++) {
        size_t bytes = strcspn(at, "/");
        if (!is_sound_name(at, bytes))
            return false;
        at += bytes;
        if (!*at)
            return true;
    }
}

const char *place_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The longest start of path[0..bytes) that ends at a slash and fits one call. */
static size_t stride(const char *path, size_t bytes)
{
    if (bytes <= STRIDE_MAX)
        return bytes;
    size_t n = STRIDE_MAX;
    while (n > 0 && path[n] != '/')
        n--;
    return n;
}

static int open_bytes(int root, const char *path, size_t bytes, int flags)
{
    char piece[STRIDE_MAX + 1];
    CLEANUP(fd_close) int dir = -1;
    for (;;) {
        size_t n = stride(path, bytes);
        if (bytes > 0 && n == 0)
            return -ENAMETOOLONG;
        bool last = n == bytes;
        memcpy(piece, path, n);
        piece[n] = '\0';
        int fd =
            fd_open_beneath(dir < 0 ? root : dir, piece, O_DIRECTORY | (last ? flags : O_PATH), 0);
        if (fd < 0 || last)
            return fd;
        fd_close(&dir);
        dir = fd;
        path += n + 1;
        bytes -= n + 1;
    }
}

int place_open(int root, const char *path, int flags)
{
    return open_bytes(root, path, strlen(path), flags);
}

int place_open_parent(int root, const char *path)
{
    size_t bytes = (size_t)(place_name(path) - path);
    return open_bytes(root, path, bytes ? bytes - 1 : 0, O_PATH);
}
