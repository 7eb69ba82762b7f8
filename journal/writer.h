/* writer.h - private to journal/: drains the intake into SQLite.
 *
 * One thread owns the connection.  It takes records in the order of reservation, up to the first
 * that is still pending, a batch in one transaction; room in the intake is free once the batch is
 * committed. What SQLite cannot take (no room, I/O error) stays queued, shuts the intake, and is
 * tried again each second.  Where it finds no room the reserve is spent first: then the intake is
 * shut for changes only, until the reserve is there again.  What is damaged is left out, and
 * counted in the meta row "damaged" in the same transaction. */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H

#include <stdbool.h>

#include "journal/base/error.h"
#include "journal/db.h"
#include "journal/intake.h"
#include "journal/store.h"

struct writer;

/* Called by the thread before it drains: lets go of what is held back in the intake; and after each
 * batch, and when it has looked: what follows from the new rows (may be NULL). */
struct writer_hook {
    void (*before_drain)(void *context);
    void (*after_batch)(void *context);
    store_outside *outside;                        /* a file was found changed outside */
    void (*idle)(void *context, uint64_t version); /* what it holds is not needed */
    bool (*make_room)(void *context); /* on a full disk: whether to try at once again */
    bool (*has_room)(void *context);  /* may changes be taken? */
    void *context;
};

/* db and in are borrowed. */
MUST_USE int writer_open(struct db *db, struct intake *in, struct writer_hook hook,
                         struct writer **out, struct error *err);
/* Ends the thread, which drains once more; NULL is fine. */
void writer_close(struct writer **w);
/* Drains what is in it and complete; only while the thread does not run. */
MUST_USE int writer_drain(struct writer *w, struct error *err);
MUST_USE int writer_start(struct writer *w, struct error *err);
/* Ends the thread; what it could not store stays in the intake. */
void writer_stop(struct writer *w);
/* What could not go yet because the disk did not take the intake; only while the thread does not
 * run. */
MUST_USE int writer_let_idle_go(struct writer *w, struct error *err);

#endif
