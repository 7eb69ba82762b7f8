/* intake_guard.h - private to journal/: stores into mapped files that their filesystem may refuse.
 *
 * Blocks that exist and are written in place need no room, but a filesystem that copies on write may
 * want some all the same before a clean page is stored, as btrfs does where a quota is used up, and
 * for the index that SQLite maps also where the disk is full; what it does not get is a SIGBUS, in
 * the middle of whatever was being recorded.
 *   (1) Before a record is made its pages are asked for; the answer is an error like any other.
 *   (2) A page that was cleaned meanwhile, and SQLite's, are waited for, GUARD_WAIT_S seconds; then
 *       the process ends as without the guard, and the next one recovers.
 *       Where a page cannot even be read, or the filesystem went read-only, room would not help: it
 *       ends at once.  Either way it says why.
 *   (3) Who waits rings a bell, at which some of the journal's reserve is given up (keeper.h).
 * Threads: all calls may run at once. */
#ifndef JOURNAL_INTAKE_GUARD_H
#define JOURNAL_INTAKE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"

#define GUARD_WAIT_S 600

/* Does the filesystem of fd want room for what is written in place? */
bool guard_is_wanted(int fd);
/* The same; then stores of this process wait from here on. */
bool guard_begin(int fd);
/* 0: can be stored now.  -ENOSPC; -EIO: nor read; -EROFS. */
MUST_USE int guard_ask(const void *at, size_t bytes);
/* An eventfd, of this process: readable when somebody waits.  -1: there is none. */
int guard_bell(void);
void guard_ring(void);

/* A store that is refused over and over, of one thread. */
struct guard_incident {
    const void *at;
    int64_t began; /* of the steady clock */
    int64_t last;
};
/* Pure: refused once more, now; may it wait on?  What was stored in between is over: the next refusal
 * waits anew. */
bool guard_waits_on(struct guard_incident *incident, const void *at, int64_t now);

#endif
