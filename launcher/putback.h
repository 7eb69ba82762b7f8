/* putback.h - writes what was there at an earlier time to a new place. */
#ifndef LAUNCHER_PUTBACK_H
#define LAUNCHER_PUTBACK_H

#include "launcher/then.h"

struct putback {
    uint64_t restored; /* files, folders, symlinks */
    uint64_t failed;   /* each was told on stderr */
};

/* thing, and what was below it, becomes `to` (as the shell names it), which must not exist:
 * -EEXIST. Contents, modes without setuid and setgid, times and extended attributes; whose they are
 * is who asks. */
MUST_USE int put_beside(struct then *then, const struct past_thing *thing, const char *to,
                        struct putback *out, struct error *err);

#endif
