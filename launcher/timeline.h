/* timeline.h - events as people read them: a line for each burst, under the heading of its session.
 *
 * Streams: what is complete is printed, to stdout, as columns are measured over some hundred lines.
 */
#ifndef LAUNCHER_TIMELINE_H
#define LAUNCHER_TIMELINE_H

#include "journal/history.h"

struct timeline;

/* h: borrowed, also asked during history_events().  singly: no bursts, every event by itself.
 * everything: mounts, reading the journal, … too.  err: of all calls; borrowed. */
MUST_USE int timeline_new(struct history *h, bool singly, bool everything, struct timeline **out,
                          struct error *err);
void timeline_free(struct timeline **t); /* CLEANUP(timeline_free) */
/* By ascending id. */
MUST_USE int timeline_event(struct timeline *t, const struct event *event);
/* What came so far is on the screen when it returns; more may come. */
MUST_USE int timeline_flush(struct timeline *t);
bool timeline_is_empty(const struct timeline *t);

#endif
