/* gc_drop.c - takes versions out of the vault that a sealed tombstone names; see gc.h.
 *
 *   said to be dropped, on the disk  ──►  file removed  ──►  the next ones
 *
 * Cut off between the two, a file is there that the journal has let go: the next run removes it,
 * for the tombstone is not finished yet. */
#include <errno.h>

#include "journal/base/fault.h"
#include "journal/gc_part.h"
#include "journal/schema.h"

#define BATCH 1000 /* versions of one transaction */

/* How far a tombstone's versions are dropped. */
struct cursor {
    size_t span;
    uint64_t next; /* in the span; 0: its first one */
};

/* The next run of numbers, `most` of them at most; false: there is none. */
static bool take_run(const struct tombstone *t, struct cursor *at, uint64_t most, struct span *out)
{
    if (at->span == t->spans.count)
        return false;
    const struct span *span = &t->spans.list[at->span];
    out->first = at->next ? at->next : span->first;
    out->last = span->last - out->first < most ? span->last : out->first + most - 1;
    at->next = out->last + 1;
    if (out->last == span->last) {
        at->span++;
        at->next = 0;
    }
    return true;
}

static int say_dropped(struct gc *g, const struct tombstone *t, const struct span *run,
                       struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "UPDATE version SET state = ?1, tombstone = ?2"
                                    " WHERE id BETWEEN ?3 AND ?4 AND state = ?5");
    stmt_bind_int(&q, 1, VERSION_DROPPED);
    stmt_bind_int(&q, 2, t->id);
    stmt_bind_int(&q, 3, (int64_t)run->first);
    stmt_bind_int(&q, 4, (int64_t)run->last);
    stmt_bind_int(&q, 5, VERSION_KEPT);
    return stmt_run(&q, err);
}

/* *at moves on.  1: there was something, 0: all are done. */
static int say_batch(struct gc *g, const struct tombstone *t, struct cursor *at, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction tx = {0};
    struct span run;
    uint64_t left = BATCH;
    if (at->span == t->spans.count)
        return 0;
    TRY(transaction_begin(g->db, &tx, err));
    TRY(gc_check_undos(g, err));
    while (left > 0 && take_run(t, at, left, &run)) {
        TRY(say_dropped(g, t, &run, err));
        left -= run.last - run.first + 1;
    }
    TRY(transaction_commit(&tx, err));
    return 1;
}

static void remove_batch(struct gc *g, const struct tombstone *t, struct cursor at,
                         const struct cursor *end)
{
    struct span run;
    uint64_t left = BATCH;
    while ((at.span != end->span || at.next != end->next) && take_run(t, &at, left, &run)) {
        left -= run.last - run.first + 1;
        for (uint64_t version = run.first; version <= run.last; version++) {
            vault_discard(g->vault, version);
            FAULT_POINT("gc_removed");
        }
    }
}

int gc_drop_versions(struct gc *g, const struct tombstone *t, struct error *err)
{
    struct cursor at = {0};
    int r = 1;
    while (r == 1) {
        const struct cursor from = at;
        TRY(gc_may_go_on(g, err));
        journal_hold_vault(g->journal);
        r = say_batch(g, t, &at, err);
        FAULT_POINT("gc_said");
        if (r == 1)
            remove_batch(g, t, from, &at);
        journal_let_go_vault(g->journal);
    }
    return r;
}
