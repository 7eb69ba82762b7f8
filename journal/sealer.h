/* sealer.h - private to journal/: makes the seals (seal.h) while a journal is written.
 *
 * Threads: a sealer belongs to the writer's thread, but for what says any thread. */
#ifndef JOURNAL_SEALER_H
#define JOURNAL_SEALER_H

#include "journal/seal.h"

#define SEAL_EVENTS 1000 /* a seal covers at most so many, and comes when so many are new, */
#define SEAL_SECONDS 5   /* or so long after the last one */

struct sealer;

/* db is borrowed; what is in it is from earlier runs. */
MUST_USE int sealer_open(struct db *db, struct sealer **out, struct error *err);
void sealer_close(struct sealer **s);
/* From now on with this key (borrowed).  Any thread. */
void sealer_sign(struct sealer *s, const struct signing_key *key);
/* The seals are signed, and the key is not here. */
bool sealer_lacks_key(struct sealer *s);
/* Seals if it is time to.  Not within a transaction. */
MUST_USE int sealer_step(struct sealer *s, struct error *err);
/* The next step seals all there is, whatever the time.  Any thread. */
void sealer_hurry(struct sealer *s);
/* Seals all there is; nothing is on its way any more. */
MUST_USE int sealer_finish(struct sealer *s, struct error *err);

#endif
