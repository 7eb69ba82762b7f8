/* streams.h - what the command gets as stdin, stdout and stderr where it has no terminal of its
 * own.
 *
 * A descriptor is more than a stream: through /proc/self/fd its file is opened again, for writing
 * and from its beginning, and a terminal is read and set.  So the command gets pipes, sockets and
 * the harmless devices as they are, and everything else through a process that only copies. */
#ifndef LAUNCHER_STREAMS_H
#define LAUNCHER_STREAMS_H

#include <stdbool.h>
#include <sys/types.h>

#include "journal/base/error.h"

struct streams {
    int theirs[3];   /* -1: ours, as it is */
    pid_t relays[3]; /* 0: none */
};
#define STREAMS_NONE ((struct streams){.theirs = {-1, -1, -1}})

/* Signals are blocked already: the copying processes are not to end by a Ctrl-C. */
MUST_USE int streams_open(struct streams *out, struct error *err);
/* The command has them: ours are closed, so that their end is seen. */
void streams_given(struct streams *s);
/* Waits until everything that the command said has been copied; impatient: for a second. */
void streams_close(struct streams *s, bool patient);

#endif
