/* gc.c - one run of retention; see gc.h.
 *
 *   choose ──► event ──► tombstone stored ──► sealed ──► versions ──► events ──► finished
 *
 * and then old contents that stay are packed. */
#include "journal/gc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/db.h"
#include "journal/gc_part.h"

#define SEAL_WAIT_S 60
#define SEAL_NAP_MS 20

/* ---- before anything goes ---- */

static int note(struct gc *g, struct actor_ref who, const struct tombstone *t, struct error *err)
{
    char says[160];
    const struct change_spec spec = {.op = OP_GC, .who = who, .path = ""};
    int n = snprintf(says, sizeof says, "dropped %" PRIu64 " old contents of %" PRIu64 " bytes",
                     t->versions, t->bytes);
    if (t->events)
        snprintf(says + n, sizeof says - (size_t)n, ", and %" PRIu64 " events up to #%" PRIu64,
                 t->events, g->result->last_event);
    journal_note(g->journal, &spec, OUTCOME_OK, 0, says);
    return journal_drain(g->journal, err);
}

static int store(struct gc *g, struct tombstone *t, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction tx = {0};
    TRY(transaction_begin(g->db, &tx, err));
    TRY(db_number_of(g->db, "SELECT max(id) FROM event WHERE op = ?1", OP_GC, &t->event, err));
    if (t->event == 0)
        return error_say(err, EIO, "what would go could not be recorded, so nothing went");
    TRY(tombstone_store(g->db, t, err));
    TRY(transaction_commit(&tx, err));
    FAULT_POINT("gc_stored");
    return 0;
}

static int lacks_key(struct error *err)
{
    return error_say(err, EACCES,
                     "the journal's seals are signed and the key is not here, so nothing may be "
                     "dropped: set journal.signing_key");
}

/* The writer's thread seals.  Its commits are on the disk. */
static int wait_for_seal(struct gc *g, const struct tombstone *t, struct error *err)
{
    const struct timespec moment = {.tv_nsec = SEAL_NAP_MS * 1000000L};
    int64_t until = clock_now_ns() + SEAL_WAIT_S * NS_PER_S;
    int64_t sealed = INT64_MIN;
    while (clock_now_ns() < until) {
        if (!journal_hurry_seal(g->journal))
            return lacks_key(err);
        TRY(gc_may_go_on(g, err));
        TRY(db_number(g->db, "SELECT max(tombstone) FROM seal", &sealed, err));
        if (sealed >= t->id)
            return 0;
        nanosleep(&moment, NULL);
    }
    return error_say(err, EBUSY, "the journal is too busy to seal what would go; try again");
}

/* ---- a run ---- */

static int drop(struct gc *g, const struct tombstone *t, struct error *err)
{
    TRY(wait_for_seal(g, t, err));
    FAULT_POINT("gc_sealed");
    TRY(gc_drop_versions(g, t, err));
    TRY(gc_drop_events(g, t, err));
    return tombstone_finish(g->db, err);
}

/* What an earlier run was about when it was cut off. */
static int finish_earlier(struct gc *g, struct error *err)
{
    CLEANUP(tombstone_release) struct tombstone t = TOMBSTONE_NONE;
    int64_t id = 0;
    TRY(tombstone_unfinished(g->db, &id, err));
    if (id == 0)
        return 0;
    int r = tombstone_next(g->db, id - 1, &t, err);
    if (r == 0 || (r == 1 && t.id != id))
        return error_say(err, EBADMSG, "a tombstone is missing from the journal; see: ccfs verify");
    return r < 0 ? r : drop(g, &t, err);
}

static int run(struct gc *g, struct actor_ref who, bool dry_run, struct error *err)
{
    CLEANUP(tombstone_release) struct tombstone t = TOMBSTONE_NONE;
    TRY(gc_check_undos(g, err));
    if (!dry_run)
        TRY(finish_earlier(g, err));
    TRY(gc_pick(g, &t, err));
    if (dry_run || (t.versions == 0 && t.first_seal == 0))
        return 0;
    if (!journal_hurry_seal(g->journal))
        return lacks_key(err);
    TRY(note(g, who, &t, err));
    TRY(store(g, &t, err));
    g->result->event = (uint64_t)t.event;
    return drop(g, &t, err);
}

int gc_run(struct journal *j, const struct gc_limits *limits, struct actor_ref who, bool dry_run,
           struct gc_result *out, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    struct gc_result result = {0};
    TRY(journal_drain(j, err));
    TRY(db_open_in(journal_root(j), DB_WRITE, &db, err));
    struct gc g = {
        .journal = j,
        .db = db,
        .vault = journal_vault(j),
        .limits = limits,
        .now = clock_now_ns(),
        .result = &result,
    };
    journal_gc_begin(j);
    if (!dry_run)
        journal_use_reserve(j);
    int r = run(&g, who, dry_run, err);
    if (r == 0)
        r = gc_pack(&g, dry_run, err);
    journal_gc_end(j);
    TRY(r);
    *out = result;
    return 0;
}
