/* keeper.h - private to journal/: gives up the reserve for whoever cannot store into a mapped file.
 *
 * The thread whose store is refused cannot do so itself: it may be in the middle of anything,
 * SQLite too (intake_guard.h).  As long as the reserve is empty the writer lets no change happen.
 *
 *     store refused ──► bell ──► keeper: reserve_spend() ──► the store is tried again
 */
#ifndef JOURNAL_KEEPER_H
#define JOURNAL_KEEPER_H

#include "journal/reserve.h"

struct keeper;

/* reserve: borrowed. */
MUST_USE int keeper_start(struct reserve *reserve, struct keeper **out, struct error *err);
void keeper_stop(struct keeper **k);

#endif
