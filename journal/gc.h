/* gc.h - retention: drops what is older, larger or more than the user wants to keep.
 *
 *   (1) Events and pre-images have limits of their own.  An event never goes because its pre-image
 *       did; where it goes, its pre-image goes first.
 *   (2) Nothing goes that the floors hold, that an undo which has not ended may need, that a write
 *       session in course began with, or that happened since a session began which is alive.
 *   (3) What goes is named by a sealed tombstone first (tombstone.h), and is an event itself.  Cut
 *       off at any step, the next run goes on with what was begun.
 *
 *   (4) Packing loses nothing: a packed version is read, undone, checked and dropped like any
 * other.
 *
 * Work is done in small batches, on a connection of its own: nobody who records waits for long. */
#ifndef JOURNAL_GC_H
#define JOURNAL_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"

/* 0: no limit, no floor. */
struct gc_limits {
    uint64_t events_age_s;
    uint64_t events_count;
    uint64_t vault_age_s;
    uint64_t vault_bytes;
    uint64_t vault_count;
    uint64_t keep_sessions; /* the newest sessions, and whatever came since */
    uint64_t keep_age_s;
    uint64_t pack_after_s; /* versions that are older are packed */
};

struct gc_result {
    uint64_t versions; /* dropped, or with dry_run: would be */
    uint64_t bytes;    /* that they took on the disk */
    uint64_t events;
    uint64_t last_event;  /* events up to this one were dropped; 0: none */
    uint64_t vault_bytes; /* that is left */
    uint64_t vault_versions;
    uint64_t held_back;    /* beyond a limit, and kept: the floors, sessions, undos hold them */
    uint64_t packed;       /* versions; with dry_run: that would be tried */
    uint64_t packed_bytes; /* that this saved; with dry_run: that they take now */
    uint64_t event;        /* the one that tells of it; 0: nothing went */
};

/* One run at a time, by whoever has the journal open.  -EBUSY: an undo has not ended. */
MUST_USE int gc_run(struct journal *j, const struct gc_limits *limits, struct actor_ref who,
                    bool dry_run, struct gc_result *out, struct error *err);

#endif
