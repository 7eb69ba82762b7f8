/* image_root.h - the root of an image made on this machine: Debian by debootstrap, Claude Code by
 * npm, which checks what it fetches against the digests of our package-lock.json. */
#ifndef LAUNCHER_DOCKER_IMAGE_ROOT_H
#define LAUNCHER_DOCKER_IMAGE_ROOT_H

#include <sys/types.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

struct image_root {
    char *work; /* a folder of ours, removed at the end; owned */
    char *path; /* the root; owned */
};
#define IMAGE_ROOT_NONE ((struct image_root){0})

/* given: a root that debootstrap made before, which is copied; NULL: one is made.  Needs root. */
MUST_USE int image_root_make(const char *given, struct image_root *out, struct error *err);
void image_root_remove(struct image_root *root); /* CLEANUP(image_root_remove) */

/* The root as a tar stream, made by a process of its own while it is read. */
struct image_stream {
    int fd;
    pid_t writer;
};
#define IMAGE_STREAM_NONE ((struct image_stream){.fd = -1})
MUST_USE int image_stream_open(const struct image_root *root, struct image_stream *out,
                               struct error *err);
long image_stream_read(void *stream, char *data, size_t room); /* an http_source */
/* Was it whole? */
MUST_USE int image_stream_end(struct image_stream *stream, struct error *err);
void image_stream_close(struct image_stream *stream); /* CLEANUP(image_stream_close) */

#endif
