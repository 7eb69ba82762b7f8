/* undo_pick.h - private to journal/: which events a plan takes back, and how conflicts change that.
 *
 * A plan with conflicts is made anew with another choice, until none is left or nothing helps:
 * UNDO_DEPENDENTS adds what came later to the things in the way, UNDO_SKIP leaves out whatever is
 * about a thing that is in conflict. */
#ifndef JOURNAL_UNDO_PICK_H
#define JOURNAL_UNDO_PICK_H

#include "journal/undo_plan.h"

struct pick {
    struct ids asked; /* ascending */
    unsigned how;
    uint64_t aborted; /* the unfinished undo whose steps these are, 0: none */
    struct map left;  /* objects that stay as they are */
    struct ids out;   /* events that are left out by themselves, ascending */
    struct map along; /* object -> the first of its events that comes along (uint64_t) */
    struct arena memory;
    struct undo_conflict *skipped; /* owned; texts in memory */
    size_t skipped_count;
    size_t skipped_room;
};
MUST_USE int pick_open(struct pick *p, const uint64_t *ids, size_t count, unsigned how);
void pick_release(struct pick *p);

/* The numbers between which all that may be taken lies; last 0: no bound. */
uint64_t pick_first(const struct pick *p);
uint64_t pick_last(const struct pick *p);
bool pick_takes(const struct pick *p, const struct event *e);
/* 1: the choice is another one now, plan again; 0: nothing helps. */
MUST_USE int pick_settle(struct pick *p, struct history *h, const struct undo_plan *plan,
                         struct error *err);

#endif
