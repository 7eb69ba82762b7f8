/* image.h - the image that sessions start from: made, found, removed. */
#ifndef LAUNCHER_DOCKER_IMAGE_H
#define LAUNCHER_DOCKER_IMAGE_H

#include "launcher/docker/engine.h"
#include "launcher/docker/names.h"

enum image_source {
    IMAGE_AUTO,     /* a registry, and where none answers debootstrap */
    IMAGE_REGISTRY, /* our Dockerfile */
    IMAGE_DEBIAN,   /* debootstrap and import */
};

/* Borrowed. */
struct image_wish {
    enum image_source source;
    const char *root; /* one that debootstrap made before; NULL: make one */
    bool loud;        /* say every line */
};
MUST_USE int image_build(const struct engine *e, const struct image_wish *wish, struct error *err);

struct image_state {
    char id[80];      /* as the Engine names it: "sha256:…"; escaped */
    char version[64]; /* of the ccfs that made it, escaped */
    bool current;     /* that is this one */
};
/* It is not there, or not ours: an error with what to do. */
MUST_USE int image_look(const struct engine *e, struct image_state *out, struct error *err);
/* The same.  Says in a line when it was made by another version of ccfs. */
MUST_USE int image_check(const struct engine *e, struct error *err);

/* The images that ccfs made, as the Engine lists them.  *out: json_tree_free(). */
MUST_USE int image_list(const struct engine *e, struct cJSON **out, struct error *err);
/* Removes them all; *count: how many. */
MUST_USE int image_remove(const struct engine *e, unsigned *count, struct error *err);

/* The version of Claude Code that goes into an image made now. */
void image_client_version(char *out, size_t bytes);

#endif
