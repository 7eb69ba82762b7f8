/* outside.h - private to journal/: what the journal's own events tell about changes that nobody
 * mediated.
 *
 * An event found a file younger than any earlier one had left it: somebody changed it meanwhile.
 * In doubt nobody did. */
#ifndef JOURNAL_OUTSIDE_H
#define JOURNAL_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/db.h"
#include "journal/event.h"

/* The newest event after `first`, up to `last`, that found the object, a file, changed outside; 0:
 * none did. */
MUST_USE int outside_found_by(struct db *db, uint64_t object, uint64_t first, uint64_t last,
                              uint64_t *out, struct error *err);
/* Is `found`, a state of the object that no event tells of yet, younger than what all events left,
 * and another one?  1: *known is what they left, 0. */
MUST_USE int outside_is_new(struct db *db, uint64_t object, const struct attr *found,
                            struct attr *known, struct error *err);
/* 1: a change outside that ended so is on record for this path. */
MUST_USE int outside_is_noted(struct db *db, const char *path, const struct attr *found,
                              struct error *err);

#endif
