/* progress.h - what the Engine says while it pulls and builds: a bar on a terminal, lines
 * elsewhere, both on stderr. */
#ifndef LAUNCHER_DOCKER_PROGRESS_H
#define LAUNCHER_DOCKER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "launcher/json_read.h"

#define PROGRESS_LAYERS 64

struct progress {
    bool bar;  /* stderr is a terminal */
    bool loud; /* say every line of a build */
    char what[64];
    struct progress_layer {
        uint64_t id; /* hash of its name; 0: free */
        uint64_t done;
        uint64_t total;
    } layers[PROGRESS_LAYERS];
    unsigned last;      /* percent that was shown last */
    struct error error; /* what the Engine said went wrong */
};
void progress_begin(struct progress *p, const char *what, bool loud);
/* For struct engine_lines. */
bool progress_line(void *progress, const struct cJSON *value);
void progress_end(struct progress *p);

#endif
