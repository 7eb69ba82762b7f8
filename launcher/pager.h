/* pager.h - where long output goes: on a terminal through the user's pager, else as it is.
 *
 * PAGER is words, not a shell's line: it is split at spaces and run.  None set: less -R, if it is
 * there.  Empty, or "cat": none. */
#ifndef LAUNCHER_PAGER_H
#define LAUNCHER_PAGER_H

#include <stdio.h>
#include <sys/types.h>

#include "journal/base/error.h"

struct pager {
    FILE *out; /* write there; what fails because the reader has gone is nobody's error */
    pid_t pid; /* 0: none runs */
};

MUST_USE int pager_open(struct pager *pager, struct error *err);
/* Waits until the person has seen enough. */
void pager_close(struct pager *pager); /* CLEANUP(pager_close) */

#endif
