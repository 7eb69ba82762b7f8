/* scratch.c - see scratch.h. */
#include "launcher/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/base/fd.h"
#include "launcher/tree_remove.h"

int scratch_make(struct scratch *out, struct error *err)
{
    char made[] = "/tmp/ccfs-scratch-XXXXXX";
    *out = SCRATCH_NONE;
    if (!mkdtemp(made))
        return error_set(err, errno, "make a folder in /tmp");
    snprintf(out->path, sizeof out->path, "%s", made);
    out->fd = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd < 0 ? error_set(err, errno, "open a folder in /tmp") : 0;
}

int scratch_write(const struct scratch *s, const char *name, const void *data, size_t bytes,
                  struct error *err)
{
    CLEANUP(fd_close) int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, data, bytes);
    return r < 0 ? error_set(err, -r, "write a file in /tmp") : 0;
}

void scratch_remove(struct scratch *s)
{
    fd_close(&s->fd);
    if (s->path[0])
        tree_remove(s->path);
    s->path[0] = '\0';
}
