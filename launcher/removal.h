/* removal.h - a folder, with everything in it. */
#ifndef LAUNCHER_REMOVAL_H
#define LAUNCHER_REMOVAL_H

#include "journal/base/error.h"

/* However deep it is, and whatever modes its folders have.  Follows no symlink and enters no mount, also none of the same filesystem.  folder: open; path: where it lies. */
MUST_USE int removal_of_folder(int folder, const char *path, struct error *err);

#endif
