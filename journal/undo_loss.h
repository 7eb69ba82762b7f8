/* undo_loss.h - private to journal/: names that were removed come back, and with the last one what
 * was done to the thing while it had none and was still open.
 *
 * A change whose path leads to no thing waits as an orphan until an older event tells whether the
 * thing had lost its last name (then the change belongs to the removal), or had another name all
 * the time (then it is a change like any other). */
#ifndef JOURNAL_UNDO_LOSS_H
#define JOURNAL_UNDO_LOSS_H

#include "journal/undo_rewind.h"

/* One name of something that an event removed. */
struct loss {
    const struct event *event;
    uint64_t object;
    const struct attr *attr;
    struct slot *slot;
};
MUST_USE int loss_take_back(struct rewind *r, const struct loss *loss, enum fate fate,
                            struct error *err);

MUST_USE int orphan_add(struct rewind *r, struct thing *t, const struct event *e, enum fate fate,
                        struct error *err);
/* The thing has a name, and had it all the time. */
MUST_USE int orphans_settle(struct rewind *r, struct thing *t, struct error *err);
/* No event of those that were looked at has told: the journal is asked. */
MUST_USE int orphans_end(struct rewind *r, struct thing *t, rewind_was_nameless *ask, void *context,
                         struct error *err);

#endif
