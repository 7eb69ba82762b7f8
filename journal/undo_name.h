/* undo_name.h - private to journal/: conflicts are told with the events that they are between. */
#ifndef JOURNAL_UNDO_NAME_H
#define JOURNAL_UNDO_NAME_H

#include "journal/undo_plan.h"

/* Completes the reasons of all conflicts that an event causes. */
MUST_USE int name_conflicts(struct undo_plan *plan, struct history *h, struct error *err);

#endif
