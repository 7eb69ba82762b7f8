/* scratch.h - a folder of our own for a moment, in /tmp: what another program must find in files.
 */
#ifndef LAUNCHER_SCRATCH_H
#define LAUNCHER_SCRATCH_H

#include <stddef.h>

#include "journal/base/error.h"

struct scratch {
    char path[64]; /* "": there is none */
    int fd;
};
#define SCRATCH_NONE ((struct scratch){.fd = -1})

MUST_USE int scratch_make(struct scratch *out, struct error *err);
/* A new file in it. */
MUST_USE int scratch_write(const struct scratch *s, const char *name, const void *data,
                           size_t bytes, struct error *err);
void scratch_remove(struct scratch *s); /* CLEANUP(scratch_remove) */

#endif
