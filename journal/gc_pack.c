/* gc_pack.c - packs versions that nobody has asked for in a long time; see gc.h, vault_pack.h.
 *
 * Each version is tried once: how far that came is kept in the journal (meta: packed), so that what
 * does not shrink is not read again each hour.  Numbers ascend, and so do the events they are of,
 * but for some that were under way at the same moment: what is passed over stays as it is. */
#include <errno.h>

#include "journal/budget.h"
#include "journal/gc_part.h"
#include "journal/meta.h"
#include "journal/schema.h"
#include "journal/vault_pack.h"

#define BATCH 64 /* versions from one look at the journal to the next */

struct batch {
    uint64_t versions[BATCH];
    size_t count;
};

/* The next copies and blocks of events before `event` that have ended. */
static int next_batch(struct gc *g, uint64_t behind, int64_t event, struct batch *out,
                      struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        g->db, "SELECT v.id FROM version v JOIN event e ON e.id = v.event WHERE v.id > ?1"
               " AND v.state = ?2 AND v.kept IN (?3, ?4) AND v.event < ?5 AND e.outcome <> ?6"
               " ORDER BY v.id LIMIT ?7");
    int r = 0;
    stmt_bind_int(&q, 1, (int64_t)behind);
    stmt_bind_int(&q, 2, VERSION_KEPT);
    stmt_bind_int(&q, 3, KEPT_COPY);
    stmt_bind_int(&q, 4, KEPT_BLOCKS);
    stmt_bind_int(&q, 5, event);
    stmt_bind_int(&q, 6, OUTCOME_OPEN);
    stmt_bind_int(&q, 7, BATCH);
    out->count = 0;
    while (out->count < BATCH && (r = stmt_step(&q, err)) == 1)
        out->versions[out->count++] = (uint64_t)stmt_int(&q, 0);
    return r < 0 ? r : 0;
}

/* ---- one version ---- */

static bool may_go_on(void *context)
{
    const struct gc *g = context;
    return !journal_gc_ends(g->journal);
}

static void take_in(struct gc *g, uint64_t bytes)
{
    g->result->packed++;
    g->result->packed_bytes += bytes;
}

/* Reading and packing hold nobody up; only taking its place does. */
static int pack_one(struct gc *g, uint64_t version)
{
    CLEANUP(vault_packing_release) struct vault_packing packing = VAULT_PACKING_NONE;
    uint64_t saved = 0;
    int r = vault_pack_prepare(g->vault, version, may_go_on, g, &packing);
    if (r != 1)
        return r;
    journal_hold_vault(g->journal);
    r = vault_pack_commit(g->vault, &packing, &saved);
    journal_let_go_vault(g->journal);
    if (r != 1)
        return r;
    take_in(g, saved);
    g->result->vault_bytes -= saved < g->result->vault_bytes ? saved : g->result->vault_bytes;
    return 1;
}

/* The others of a batch may fare better, but for these. */
static bool ends_it(int r)
{
    return r == -ECANCELED || r == -ENOSPC || r == -EDQUOT || r == -ENOMEM;
}

/* *done: the last one that was tried.  true: all were.  One at least is, where somebody waits for
 * room: that may be the only way to it. */
static bool pack_batch(struct gc *g, const struct batch *b, uint64_t *done)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!may_go_on(g) || ends_it(pack_one(g, b->versions[i])))
            return false;
        *done = b->versions[i];
        if (budget_is_wanted(vault_budget(g->vault)))
            return false;
    }
    return true;
}

static void count_batch(struct gc *g, const struct batch *b, uint64_t *done)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (vault_is_packable(g->vault, b->versions[i], &bytes))
            take_in(g, bytes);
        *done = b->versions[i];
    }
}

int gc_pack(struct gc *g, bool dry_run, struct error *err)
{
    struct batch b = {.count = BATCH};
    uint64_t done = 0;
    int64_t event = 0;
    int64_t cursor = 0;
    bool go_on = g->limits->pack_after_s > 0;
    if (!go_on)
        return 0;
    TRY(gc_event_since(g, g->limits->pack_after_s, &event, err));
    TRY(meta_get(g->db, "packed", &cursor, err));
    done = (uint64_t)cursor;
    while (go_on && b.count == BATCH) {
        uint64_t from = done;
        TRY(next_batch(g, done, event, &b, err));
        if (dry_run)
            count_batch(g, &b, &done);
        else
            go_on = pack_batch(g, &b, &done);
        if (!dry_run && done > from)
            TRY(meta_set(g->db, "packed", (int64_t)done, err));
    }
    return 0;
}
