/* tombstone.h - private to journal/: what retention has dropped stays named, under a seal.
 *
 *   (1) A tombstone is sealed before anything that it names is dropped: whoever removes a version
 * or an event without one, or writes one of their own, breaks the chain or lacks its key. (2) It
 * names versions by their numbers, and events by the seals that covered them.  In the place of a
 * seal's dropped rows stands their digest (table gone), by which its hash still follows. (3) While
 * what it names is being dropped, the meta row "dropping" holds its number. */
#ifndef JOURNAL_TOMBSTONE_H
#define JOURNAL_TOMBSTONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/spans.h"

struct tombstone {
    int64_t id;
    int64_t time;
    int64_t event; /* OP_GC */
    uint64_t versions;
    uint64_t bytes;     /* that these took on the disk */
    struct spans spans; /* their numbers */
    int64_t first_seal; /* whose events were dropped; 0: none */
    int64_t last_seal;
    uint64_t events;
};
#define TOMBSTONE_NONE ((struct tombstone){0})
void tombstone_release(struct tombstone *t); /* CLEANUP(tombstone_release) */

/* The next version that it names, behind all others.  -ENOMEM. */
MUST_USE int tombstone_add(struct tombstone *t, uint64_t version);
bool tombstone_names(const struct tombstone *t, uint64_t version);

/* Gives it a number, stores it, and says that it is being dropped by.  The caller's transaction. */
MUST_USE int tombstone_store(struct db *db, struct tombstone *t, struct error *err);
/* The first one behind number `behind`: 1, 0: none, -EBADMSG: it cannot be read. */
MUST_USE int tombstone_next(struct db *db, int64_t behind, struct tombstone *out,
                            struct error *err);
/* The one that is being dropped by; 0: none. */
MUST_USE int tombstone_unfinished(struct db *db, int64_t *id, struct error *err);
MUST_USE int tombstone_finish(struct db *db, struct error *err);
/* By whom and when a version was dropped.  1: it was, 0: it was not. */
MUST_USE int tombstone_of_version(struct db *db, uint64_t version, int64_t *event, int64_t *time,
                                  struct error *err);

#endif
