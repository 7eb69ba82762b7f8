/* store.h - private to journal/: a record of the intake becomes rows.
 *
 * Storing a record twice leaves the same rows as storing it once, so that a batch whose commit was
 * not noted in the intake can be stored again.  One thread; the caller's transaction. */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H

#include "journal/base/error.h"
#include "journal/db.h"
#include "journal/record.h"

struct store;

/* db is borrowed and must outlive the store. */
MUST_USE int store_open(struct db *db, struct store **out, struct error *err);
void store_close(struct store **s);
void store_committed(struct store *s);
/* After a rollback: what was looked up may not be there any more.  What was committed before and has
 * not been told yet stays to be told. */
void store_forget(struct store *s);

/* 1: the record cannot be read and nothing was stored; errors as db.h. */
MUST_USE int store_record(struct store *s, const struct record *r, struct error *err);

/* After the commit: the versions that nobody needs, because nothing was written after all. */
typedef void store_idle(void *context, uint64_t version);
bool store_has_idle(const struct store *s);
void store_each_idle(struct store *s, store_idle *each, void *context);

/* After the commit: files that an event found changed by somebody whom nobody mediated.  false: it
 * cannot be told now, and is again the next time. */
typedef bool store_outside(void *context, const char *path, const struct attr *known,
                           const struct attr *found);
void store_each_outside(struct store *s, store_outside *each, void *context);

#endif
