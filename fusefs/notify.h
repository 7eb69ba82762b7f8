/* notify.h - private to fusefs/: the kernel is told what changed behind its back. */
#ifndef FUSEFS_NOTIFY_H
#define FUSEFS_NOTIFY_H

#include "fusefs/fs.h"

struct notify {
    int peer;     /* who waits for progress */
    char **paths; /* owned, relative to the workspace */
    size_t count, room;
};

void notify_collect(void *notify, const char *path); /* an undo_hooks.changed */
/* Tells all and frees the paths.  Not under the gate. */
void notify_send(struct fusefs *fs, struct notify *notify);

#endif
