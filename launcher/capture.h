/* capture.h - asks another program: run without a shell, heard so much and so long.
 *
 * It gets nothing of ours but what it is given: no environment, no files, no terminal. */
#ifndef LAUNCHER_CAPTURE_H
#define LAUNCHER_CAPTURE_H

#include <stddef.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

/* All borrowed. */
struct capture_wish {
    const char *const *argv;        /* argv[0]: a path; NULL-terminated */
    const char *const *environment; /* NULL-terminated; NULL: PATH and LC_ALL alone */
    int folder;                     /* to run in; -1: / */
    size_t most;                    /* bytes of its stdout */
    int patience_ms;
};

struct capture {
    struct strbuf output;
    char said[256]; /* the last line of its stderr, escaped */
    int status;     /* as a shell would say it */
};
#define CAPTURE_NONE ((struct capture){0})
void capture_release(struct capture *c); /* CLEANUP(capture_release) */

/* 0: it ended, whatever its status.  -ETIMEDOUT, -EFBIG: it was killed, with what it had started;
 * *err says so. */
MUST_USE int capture_run(const struct capture_wish *wish, struct capture *out, struct error *err);

/* The same, and any status but 0 is an error with what it said. */
MUST_USE int capture_done(const struct capture_wish *wish, struct capture *out, struct error *err);

#endif
