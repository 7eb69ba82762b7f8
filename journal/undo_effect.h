/* undo_effect.h - private to journal/: which names a plan leaves as they are.
 *
 * What is undone is not looked at again when more is undone later.  A name that went there and back
 * has nothing to take back, but its events alone tell the time that its folder had: as long as that
 * is not given back, they are not undone. */
#ifndef JOURNAL_UNDO_EFFECT_H
#define JOURNAL_UNDO_EFFECT_H

#include "journal/undo_rewind.h"

/* A selected event gives a link, or takes from it, a place (NULL: none). */
MUST_USE int effect_note_name(struct rewind *r, const struct link *link, const struct slot *place,
                              const struct event *e, struct error *err);
/* A selected event about a thing itself. */
MUST_USE int effect_note_change(struct rewind *r, struct node *node, const struct event *e,
                                struct error *err);
/* Of a plan without conflicts: what is left as it is becomes idle.  changes: the plan does
 * anything. */
MUST_USE int effect_settle(struct rewind *r, bool changes, struct error *err);

#endif
