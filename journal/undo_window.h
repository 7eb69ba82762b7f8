/* undo_window.h - private to journal/: events, newest first.
 *
 * They are read in windows of a fixed size, so that memory does not depend on how many there are. */
#ifndef JOURNAL_UNDO_WINDOW_H
#define JOURNAL_UNDO_WINDOW_H

#include "journal/history.h"

#define WINDOW 4096

/* The events from last down to first, at most WINDOW numbers.  Changed ranges, checksums and actors'
 * names are not among what each() is told; it returns 0, or -errno, which ends the walk. */
MUST_USE int window_walk(struct history *h, uint64_t first, uint64_t last, history_each *each,
                         void *context, struct error *err);

#endif
