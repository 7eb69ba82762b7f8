/* taken.h - private to journal/: what each undo took back.
 *
 *   (1) A row is written by the transaction that ends an undo, and never changed: it is sealed.
 *   (2) Undos follow each other, and so do their rows.  Table undone is what all rows say together
 * (undone.h). */
#ifndef JOURNAL_TAKEN_H
#define JOURNAL_TAKEN_H

#include "journal/spans.h"

struct taken {
    int64_t id;
    int64_t undo; /* the OP_UNDO event */
    int64_t time; /* of the undo */
    struct spans events;
    struct spans redone; /* undos that it took back as a whole */
};
#define TAKEN_NONE ((struct taken){0})
void taken_release(struct taken *t); /* CLEANUP(taken_release) */

/* Gives it a number and its undo's time.  The caller's transaction. */
MUST_USE int taken_store(struct db *db, const struct taken *t, struct error *err);
/* The first one behind number `behind`: 1, 0: none, -EBADMSG: it cannot be read (out->id is set).
 */
MUST_USE int taken_next(struct db *db, int64_t behind, struct taken *out, struct error *err);

#endif
