/* folder.h - where a command starts. */
#ifndef LAUNCHER_FOLDER_H
#define LAUNCHER_FOLDER_H

#include "launcher/workspace.h"

#define FOLDER_LIMIT 4200

/* wish (--cd): relative to the workspace, or as the command would call it, /workspace/DIR; NULL:
 * Projects, where that is there.  *out: FOLDER_LIMIT bytes. */
MUST_USE int folder_find(const struct workspace *w, const char *wish, char *out, struct error *err);

#endif
