/* durable.h - private to journal/: what must survive a power loss is brought to the disk.
 *
 *   (1) When durable_all() returns, everything that was noted and recorded before its call is on
 *       the disk: versions first, then the intake's records that name them.
 *   (2) Those who wait at the same time share one round.
 *   (3) A thread does the versions' part each second, so that what nobody waits for is behind by
 *       that much at most.
 * Records that have left the intake are in SQLite, whose every commit is on the disk before the
 * intake's room is used again.
 * Threads: any. */
#ifndef JOURNAL_DURABLE_H
#define JOURNAL_DURABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/intake.h"
#include "journal/vault.h"

struct durable;

/* vault and in are borrowed. */
MUST_USE int durable_open(struct vault *vault, struct intake *in, struct durable **out,
                          struct error *err);
/* Ends the thread; brings nothing anywhere.  NULL is fine. */
void durable_close(struct durable **d);
MUST_USE int durable_start(struct durable *d, struct error *err);

/* This version was made, or more was added to it; whole: it does not change any more. */
void durable_note(struct durable *d, uint64_t version, bool whole);
MUST_USE int durable_all(struct durable *d, struct error *err);

#endif
