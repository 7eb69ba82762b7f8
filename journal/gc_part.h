/* gc_part.h - private to gc*.c: what the parts of a run share. */
#ifndef JOURNAL_GC_PART_H
#define JOURNAL_GC_PART_H

#include "journal/gc.h"
#include "journal/tombstone.h"

struct gc {
    struct journal *journal;
    struct db *db; /* a connection of its own */
    struct vault *vault;
    const struct gc_limits *limits;
    int64_t now;
    struct gc_result *result;
};

/* gc_pick.c: what is to go, as a tombstone that is not stored yet. */
MUST_USE int gc_pick(struct gc *g, struct tombstone *out, struct error *err);

/* gc_drop.c: drops what a sealed tombstone names, as far as it is still there. */
MUST_USE int gc_drop_versions(struct gc *g, const struct tombstone *t, struct error *err);
/* gc_events.c */
MUST_USE int gc_drop_events(struct gc *g, const struct tombstone *t, struct error *err);
/* gc_pack.c: packs what is older than the limits say; dry_run: counts what would be tried.  What
 * cannot be packed stays as it is and is no error. */
MUST_USE int gc_pack(struct gc *g, bool dry_run, struct error *err);

/* -ECANCELED: the daemon ends; the next one goes on. */
MUST_USE int gc_may_go_on(struct gc *g, struct error *err);
/* -EBUSY while an undo has not ended. */
MUST_USE int gc_check_undos(struct gc *g, struct error *err);
/* The first event that is not older than so many seconds. */
MUST_USE int gc_event_since(struct gc *g, uint64_t seconds, int64_t *out, struct error *err);

#endif
