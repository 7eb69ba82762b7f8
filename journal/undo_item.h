/* undo_item.h - private to journal/: what a plan does, for people.
 *
 * The time of a folder that something leaves or comes back to goes without saying, unless it is all
 * there is to say. */
#ifndef JOURNAL_UNDO_ITEM_H
#define JOURNAL_UNDO_ITEM_H

#include "journal/undo_rewind.h"

/* Names, contents, and what events about a thing itself have set. */
MUST_USE int items_make(struct rewind *r, struct error *err);
/* Folders that get their time back. */
MUST_USE int items_add_times(struct rewind *r, struct error *err);

#endif
