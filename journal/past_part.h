/* past_part.h - private to past*.c: what the parts of a look at the past share. */
#ifndef JOURNAL_PAST_PART_H
#define JOURNAL_PAST_PART_H

#include "journal/db.h"
#include "journal/past.h"
#include "journal/sealed.h"
#include "journal/sha256.h"
#include "journal/undo_rewind.h"

struct past {
    struct history *history; /* borrowed */
    int root;                /* borrowed */
    struct db *db;
    struct vault *vault;
    struct sha256 *sha;
    struct sealed *sealed;  /* NULL: nothing was asked yet */
    struct undo_plan *plan; /* only its memory, and what could not be taken back */
    struct undo_tree tree;
    struct rewind rewind;
    struct past_instant now; /* where it stands */
    struct error *err;       /* of the walk that runs */
};

/* past_check.c: is what is known of a thing's content true of the instant?  0, or why not. */
MUST_USE int past_check(struct past *p, const struct past_thing *thing, struct error *err);
/* The object of an inode; 0: the journal never met it. */
MUST_USE int past_object_of(struct past *p, const struct node *node, uint64_t *out,
                            struct error *err);
/* Was it made outside ccfs, after the instant? */
MUST_USE int past_is_foreign(struct past *p, const struct node *node, bool *out, struct error *err);

/* past_version.c: copies a whole version into `to`, or blocks over what it holds, after they were
 * compared with what was recorded of them. */
MUST_USE int past_put_version(struct past *p, uint64_t version, int to, struct error *err);
/* Why a version is not there. */
int past_no_version(struct past *p, uint64_t version, struct error *err);

/* Everything of a file, as a clone where the filesystem can. */
MUST_USE int past_copy(int from, int to, uint64_t size);

#endif
