/* undone.h - private to journal/: which events count as undone, as all rows of taken say together.
 *
 *   (1) A row says nothing while a later one that counts names it as redone; so when a redo is
 * taken back, what the undo had taken back is undone again. (2) Runs are ascending and apart; where
 * two undos took back the same event, which only that can lead to, the run that begins first has
 * it. */
#ifndef JOURNAL_UNDONE_H
#define JOURNAL_UNDONE_H

#include "journal/taken.h"

/* Undos, in their order. */
struct undos {
    struct taken *list; /* owned */
    size_t count;
    size_t room;
};
void undos_release(struct undos *u); /* CLEANUP(undos_release) */
/* The next one; t is taken over.  -ENOMEM. */
MUST_USE int undos_add(struct undos *u, struct taken *t);

/* Events that must count as undone, by one undo. */
struct undone_run {
    struct span span;
    int64_t undo;
};
struct undone_runs {
    struct undone_run *list; /* owned, ascending */
    size_t count;
};
void undone_release(struct undone_runs *r); /* CLEANUP(undone_release) */
/* Takes from u what does not count.  -ENOMEM. */
MUST_USE int undone_runs_make(struct undos *u, struct undone_runs *out);

/* Writes table undone anew.  The caller's transaction.  A row that cannot be read says nothing. */
MUST_USE int undone_rewrite(struct db *db, struct error *err);

#endif
