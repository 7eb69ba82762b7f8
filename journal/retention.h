/* retention.h - drops by itself what is beyond the limits, while a daemon runs (gc.h says what
 * goes).
 *
 * One thread of the lowest priority: it measures the vault at the start, and drops then, when a
 * session ends, when the vault's budget is nearly used up, and each hour.  Cut short at the end, it
 * goes on at the next start. */
#ifndef JOURNAL_RETENTION_H
#define JOURNAL_RETENTION_H

#include "journal/gc.h"

struct retention;

/* j and limits are borrowed.  From now on the vault takes no more than limits say. */
MUST_USE int retention_start(struct journal *j, const struct gc_limits *limits,
                             struct retention **out, struct error *err);
/* A session has ended. */
void retention_nudge(struct retention *r); /* NULL is fine */
void retention_stop(struct retention **r); /* NULL is fine */

#endif
