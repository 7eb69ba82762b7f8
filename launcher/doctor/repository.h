/* repository.h - what of a repository lies only here.
 *
 * A repository in the workspace is hostile: its configuration, hooks and attributes can name
 * programs.  git therefore gets a folder of its own in place of .git, with a configuration of ours
 * and nothing but HEAD, the refs and the objects of the other; so nothing of what is configured
 * there is even read. */
#ifndef LAUNCHER_DOCTOR_REPOSITORY_H
#define LAUNCHER_DOCTOR_REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"

struct repository_state {
    uint64_t uncommitted; /* files */
    uint64_t unpushed;    /* commits on no branch of a remote */
    bool has_remote; /* something was fetched or pushed before; else unpushed is all there is */
};

/* git: its path; folder: the work tree, open; path: where it lies, absolute. */
MUST_USE int repository_look(const char *git, int folder, const char *path,
                             struct repository_state *out, struct error *err);

#endif
