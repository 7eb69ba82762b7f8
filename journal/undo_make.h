/* undo_make.h - private to journal/: makes plans, also such as only the undo itself may make. */
#ifndef JOURNAL_UNDO_MAKE_H
#define JOURNAL_UNDO_MAKE_H

#include "journal/undo_plan.h"

/* As undo_plan_make(), while the undo `aborted` is unfinished and is to be taken back (0: none may be). */
MUST_USE int plan_make(struct history *h, int root, const struct ids *ids, unsigned how,
                       uint64_t aborted, struct undo_plan **out, struct error *err);

#endif
