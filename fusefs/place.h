/* place.h - private to fusefs/: a name in a folder, as a request says it. */
#ifndef FUSEFS_PLACE_H
#define FUSEFS_PLACE_H

#include "fusefs/node.h"

/* A name in a folder, and a descriptor of that folder for *at calls.  Declared with its end and without
 * clearing the path:  CLEANUP(place_release) struct place at; place_none(&at); */
struct place {
    struct nodes *nodes; /* NULL: none */
    struct node *folder;
    int dir;                   /* borrowed from the folder until place_release() */
    const char *name;          /* borrowed from the request */
    const struct zone *zone;   /* of what the name means, or would mean */
    size_t folder_bytes;       /* of path, up to and with the slash before the name */
    char path[PLACE_PATH_MAX]; /* relative to the workspace */
};

static inline void place_none(struct place *at)
{
    at->nodes = NULL;
    at->zone = NULL;
    at->path[0] = '\0';
}

/* Fills *out; place_release() it.  -ENOENT: unknown folder or a name that does not exist here (.ccfs).
 * -ESTALE as rule 2; -ENAMETOOLONG: the whole path exceeds PLACE_PATH_MAX. */
MUST_USE int place_find(struct nodes *nodes, uint64_t folder, const char *name, struct place *out);
/* The same in two steps, for many names of one folder.  place_point() fails as place_find() does, and leaves
 * the folder entered. */
MUST_USE int place_enter(struct nodes *nodes, uint64_t folder, struct place *out);
MUST_USE int place_point(struct place *at, const char *name);
void place_release(struct place *at); /* CLEANUP */
/* statx of the place; -ENOENT; -EXDEV where another filesystem is mounted there. */
MUST_USE int place_attr(const struct place *at, struct attr *out, struct statx *full);
/* The folder's own mtime, for events. */
int64_t place_folder_mtime(const struct place *at);

#endif
