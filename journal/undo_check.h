/* undo_check.h - private to journal/: what only the whole of a plan shows to be impossible. */
#ifndef JOURNAL_UNDO_CHECK_H
#define JOURNAL_UNDO_CHECK_H

#include "journal/undo_rewind.h"

/* When every event is rewound: conflicts. */
MUST_USE int check_plan(struct rewind *r, struct error *err);

#endif
