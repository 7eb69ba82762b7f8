/* hasher.h - private to journal/: finds the SHA-256 of contents before and after, off the request
 * path.
 *
 * One thread of the lowest priority follows the journal, event by event.
 *   (1) What is not hashed for certain is not hashed: a content that may have changed since has no
 * row. (2) The journal itself is the queue: memory is bounded, and the next run goes on where this
 * one ended (the meta row "hashed").
 *
 * Before: of the version in the vault.  After: of the file, as long as it still is what the event
 * left. */
#ifndef JOURNAL_HASHER_H
#define JOURNAL_HASHER_H

#include <stdatomic.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/db.h"
#include "journal/sha256.h"
#include "journal/vault.h"

/* hash.side: stored numbers. */
enum hash_side {
    HASH_BEFORE = 0,
    HASH_AFTER = 1,
    HASH_REPLACED = 2, /* what a rename replaced */
    HASH_BLOCKS = 3,   /* the vault's own file of overwritten blocks */
};

/* Whose content an event's version is. */
enum hash_side hash_side_of(enum op op, enum kept kept);

#define HASHED_BEFORE_MOST (INT64_C(4) << 30) /* larger contents are not hashed */
#define HASHED_AFTER_MOST (INT64_C(256) << 20)

/* Of what the vault keeps: a file's bytes, a symlink's target.  -ENODATA: it has no content that
 * can be hashed; -EINTR: *stop (may be NULL). */
MUST_USE int vault_sha256(struct vault *v, uint64_t version, struct sha256 *sha,
                          const atomic_bool *stop, unsigned char out[SHA256_BYTES]);

struct hasher;

/* Starts the thread.  root: the workspace; it and v are borrowed. */
MUST_USE int hasher_start(int root, struct vault *v, struct hasher **out, struct error *err);
/* Ends it; what was found stays until it is stored.  NULL is fine. */
void hasher_stop(struct hasher *h);
void hasher_free(struct hasher **h);
/* Stores what was found.  The writer's thread; not within a transaction. */
MUST_USE int hasher_store(struct hasher *h, struct db *db, struct error *err);

#endif
