/* undo_place.h - private to journal/: paths of a journal, which nobody should trust, become places.
 *
 * A place is an open folder and a name in it; nothing outside the workspace, nothing behind a
 * symlink and nothing of ccfs's own state can be reached through one. */
#ifndef JOURNAL_UNDO_PLACE_H
#define JOURNAL_UNDO_PLACE_H

#include <stdbool.h>

#include "journal/base/compiler.h"

/* A path of the workspace: no empty, "." or ".." component, no leading slash, not below .ccfs, and
 * of a length that can be walked. */
bool place_is_sound(const char *path);
/* The last component. */
const char *place_name(const char *path);
/* Opens the folder `path` ("" the workspace itself), however long its path is.  fd or -errno. */
MUST_USE int place_open(int root, const char *path, int flags);
/* Opens the folder that holds path. */
MUST_USE int place_open_parent(int root, const char *path);

#endif
