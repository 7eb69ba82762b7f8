/* reserve.h - private to journal/: room on the disk that is taken while there is some.
 *
 * A full disk must not keep the journal from recording what it refused, nor retention and undo from
 * giving room back, and these write first.  So a file (.ccfs/reserve) holds blocks that nobody else
 * can have; when SQLite finds none it is made empty, its blocks go to SQLite's log, and as long as
 * it is not whole no change is taken.
 *
 *   whole ── spend ──► empty ── retake, once there is more room than it takes ──► whole
 *     └── spend, where a quota of btrfs is used up ──► less ── spend ──► … ── retake ──► whole
 *
 * Where stores themselves want room (intake_guard.h) it is several files, of which one goes at a time:
 * what came free cannot be handed to the journal there, and others must not get all of it at once.
 *
 * Threads: any. */
#ifndef JOURNAL_RESERVE_H
#define JOURNAL_RESERVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"

#define RESERVE_BYTES (8 << 20)

struct reserve {
    int state; /* borrowed */
    int fd;
    pthread_mutex_t lock;
    bool whole;   /* under lock */
    int pieces;   /* files; more than one where it may have to go bit by bit */
    int64_t step; /* under lock: when the last bit went */
    bool stepped; /* under lock: it goes bit by bit, and may have gone with its name */
};
#define RESERVE_NONE ((struct reserve){.state = -1, .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER})

/* state: .ccfs.  Where the disk is all but full it is empty from the beginning. */
MUST_USE int reserve_open(int state, struct reserve *out, struct error *err);
void reserve_close(struct reserve *r);
/* true: there is room now that was not there before, or a moment ago. */
bool reserve_spend(struct reserve *r);
/* The same, if hardly anything else is left. */
void reserve_spend_if_tight(struct reserve *r);
/* There is so little room that it may be wanted soon. */
bool reserve_is_near(const struct reserve *r);
/* It is whole, or could be made so. */
bool reserve_is_there(struct reserve *r);

#endif
