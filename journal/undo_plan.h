/* undo_plan.h - private to journal/: what an undo will do, from the selection to the ordered steps.
 *
 *   undo_plan.c     the plan itself: what stands in it
 *   undo_make.c     how it comes to be: the events one after the other, newest first
 *   undo_pick.c     which of them are taken back, and what conflicts change in that
 *   undo_rewind.c   each of them taken back on the tree: what it does to names
 *   undo_change.c   … to contents and metadata
 *   undo_loss.c     … what comes back, and what waits for it
 *   undo_outside.c  changes that no event tells of, put on record
 *   undo_thing.c    objects, found again, and what is in their way
 *   undo_check.c    what only the whole shows to be impossible
 *   undo_intact.c   is what the vault keeps still what was kept?
 *   undo_name.c     conflicts, told with the events that they are between
 *   undo_item.c     what it does, for people
 *   undo_order.c    the difference of two views becomes steps that never collide
 *   undo_apply.c    each step done, as an event of its own
 *   undo_redo.c     which events those were */
#ifndef JOURNAL_UNDO_PLAN_H
#define JOURNAL_UNDO_PLAN_H

#include "journal/ids.h"
#include "journal/undo.h"
#include "journal/undo_step.h"
#include "journal/undo_tree.h"

/* A file that is not as the journal last saw it. */
struct undo_outside {
    const char *path;
    struct attr known;
    struct attr found;
};

struct undo_plan {
    struct arena memory; /* strings, nodes, steps */
    struct undo_item *items;
    size_t item_count;
    size_t item_room;
    struct undo_conflict *conflicts;
    size_t conflict_count;
    size_t conflict_room;
    struct undo_conflict *skipped; /* owned, texts in memory */
    size_t skipped_count;
    struct undo_outside *outside; /* owned, texts in memory */
    size_t outside_count;
    size_t outside_room;
    struct ids events; /* taken back, ascending */
    struct ids along; /* changes of removed files that come back with them; at last in events too */
    struct ids idle;  /* selected events about removed files that stay removed: nothing to do */
    struct ids redone; /* undos of which every step is taken back: what they undid counts again */
    struct steps steps;
};

void plan_count(const struct undo_plan *plan, struct undo_result *out);

/* Texts: constants, or in plan->memory. */
MUST_USE int plan_conflict(struct undo_plan *plan, const struct undo_conflict *conflict);
MUST_USE int plan_outside(struct undo_plan *plan, const struct undo_outside *outside);
MUST_USE int plan_item(struct undo_plan *plan, const struct undo_item *item);

#endif
