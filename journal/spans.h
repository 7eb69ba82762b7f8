/* spans.h - private to journal/: a set of numbers that mostly follow each other, as runs.
 *
 * Stored (FORMAT.md) as pairs of little-endian u64, first and last of each run, ascending; an empty
 * set is NULL. */
#ifndef JOURNAL_SPANS_H
#define JOURNAL_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/db.h"

/* Numbers first to last, all of them. */
struct span {
    uint64_t first;
    uint64_t last;
};

struct spans {
    struct span *list; /* ascending, owned */
    size_t count;
    size_t room;
};
#define SPANS_NONE ((struct spans){0})
void spans_release(struct spans *s); /* CLEANUP(spans_release) */

/* One number behind all others.  -ENOMEM. */
MUST_USE int spans_add(struct spans *s, uint64_t number);
bool spans_have(const struct spans *s, uint64_t number);

void spans_bind(struct stmt *q, int at, const struct spans *s); /* borrowed until it is done */
/* Onto out.  -EBADMSG: that is no such set; -ENOMEM. */
MUST_USE int spans_read(struct stmt *q, int column, struct spans *out);

#endif
