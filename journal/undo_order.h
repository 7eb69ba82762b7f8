/* undo_order.h - private to journal/: the difference between the disk and the target, as steps.
 *
 * Order: what must be writable is made so; contents are built beside; then names, so that no step
 * finds its place taken: folders before what goes into them, and what stands in the way first moves
 * on, or aside under a name of its own; then contents; at last the metadata of files, and of
 * folders from the deepest up. */
#ifndef JOURNAL_UNDO_ORDER_H
#define JOURNAL_UNDO_ORDER_H

#include "journal/undo_rewind.h"

/* Does the plan give it another time than it has? */
bool order_gives_time(const struct rewind *r, const struct node *node);
/* The steps of a plan without conflicts. */
MUST_USE int order_steps(struct rewind *r, struct error *err);

#endif
