/* summary.h - what a session did, said to a person when it ends. */
#ifndef LAUNCHER_SUMMARY_H
#define LAUNCHER_SUMMARY_H

#include <stdint.h>

#include "launcher/workspace.h"

/* Borrowed. */
struct summary {
    uint64_t session;
    const char *command;
    int64_t took_ns;
    int exit_code;
    const char *workspace_option; /* what -w was given, NULL: none; goes into the hints */
};

/* On stderr: stdout is the command's alone. */
MUST_USE int summary_print(const struct workspace *w, const struct summary *s, struct error *err);

#endif
