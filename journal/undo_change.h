/* undo_change.h - private to journal/: changes of a thing itself, its content and metadata, taken
 * back one by one become what its node shall have at the end.
 *
 * Aspects are separate: a chmod can be taken back although a later write stays. */
#ifndef JOURNAL_UNDO_CHANGE_H
#define JOURNAL_UNDO_CHANGE_H

#include "journal/undo_rewind.h"

unsigned aspect_bit(enum aspect aspect);
/* A mode, owner, time or attribute that was set to what it was: nobody's business but its own. */
bool change_is_none(const struct event *e);
/* The event stays: what it changed cannot be taken back behind it. */
void change_stays(struct thing *t, const struct event *e);
/* The newest event that stays and changed one of these aspects; 0: none. */
uint64_t change_newest(const struct thing *t, unsigned aspects);

/* The event's thing, which has a name, gets back what it had before, or a conflict. */
MUST_USE int change_take(struct rewind *r, const struct event *e, struct thing *t,
                         struct error *err);
/* The same without a look at what stays: of a thing that nobody else could see. */
MUST_USE int change_take_along(struct rewind *r, struct node *node, const struct event *e,
                               struct error *err);

/* What a node that comes back shall have. */
void change_wish_attr(struct node *node, const struct attr *old, unsigned aspects);
/* field: WISH_XATTRS or WISH_ALL_XATTRS. */
MUST_USE int change_wish_xattrs(struct rewind *r, struct node *node, const struct event *e,
                                unsigned field, struct error *err);

#endif
