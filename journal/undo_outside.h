/* undo_outside.h - private to journal/: what the journal's own events tell about changes that
 * nobody mediated.
 *
 * An event found a file younger than any earlier one had left it: somebody changed it meanwhile,
 * and what came before cannot be taken back without taking that along.  In doubt nobody did. */
#ifndef JOURNAL_UNDO_OUTSIDE_H
#define JOURNAL_UNDO_OUTSIDE_H

#include <stdint.h>

#include "journal/base/error.h"
#include "journal/db.h"

/* The newest event after `first`, up to `last`, that found the object, a file, changed outside; 0:
 * none did. */
MUST_USE int outside_found_by(struct db *db, uint64_t object, uint64_t first, uint64_t last,
                              uint64_t *out, struct error *err);

#endif
