/* gc_events.c - drops the events that a seal covers, and their checksums; see gc.h.
 *
 * In one transaction for each seal, rows go and their digests come (table gone): the seal's hash
 * follows from these, and the chain from the seal.  Sessions, processes and paths stay, for later
 * events name them; a write session that ended under a later seal stays until that one's turn. */
#include <errno.h>

#include "journal/base/fault.h"
#include "journal/gc_part.h"
#include "journal/schema.h"
#include "journal/seal.h"

#define PAGES_AT_ONCE "500"

/* What is about to go with one seal. */
struct leaving {
    int64_t tombstone;
    struct seal before;
    struct seal seal;
    struct seal_rows rows;
    struct seal_parts parts;
};

static void leaving_release(struct leaving *l)
{
    seal_release(&l->before);
    seal_release(&l->seal);
    seal_rows_release(&l->rows);
}

static int read_leaving(struct gc *g, int64_t seal, struct leaving *l, struct error *err)
{
    CLEANUP(sha256_free) struct sha256 *sha = sha256_new();
    CLEANUP(seal_reader_release) struct seal_reader reader = {.db = g->db, .sha = sha};
    if (!sha)
        return error_set(err, ENOMEM, "prepare SHA-256");
    int r = seal_pair(g->db, seal, &l->before, &l->seal, err);
    TRY(r);
    if (r == 0)
        return error_say(err, EBADMSG, "seal %lld is missing from the journal; see: ccfs verify",
                         (long long)seal);
    TRY(seal_read_rows(&reader, &l->before, &l->seal, &l->rows, err));
    r = seal_digest_parts(&l->rows, sha, &l->parts);
    return r < 0 ? error_set(err, -r, "compute seal %lld", (long long)seal) : 0;
}

/* ---- rows ---- */

static int run_for(struct db *db, const char *sql, int64_t id, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, sql);
    stmt_bind_int(&q, 1, id);
    return stmt_run(&q, err);
}

static int drop_event(struct db *db, int64_t id, struct error *err)
{
    TRY(run_for(db, "DELETE FROM version WHERE id = (SELECT version FROM event WHERE id = ?1)", id,
                err));
    return run_for(db, "DELETE FROM event WHERE id = ?1", id, err);
}

static int put_digest(struct db *db, const struct leaving *l, enum seal_part part,
                      struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "INSERT OR IGNORE INTO gone(seal, part, tombstone, sha256) VALUES(?1, ?2, ?3, ?4)");
    stmt_bind_int(&q, 1, l->seal.id);
    stmt_bind_int(&q, 2, part);
    stmt_bind_int(&q, 3, l->tombstone);
    stmt_bind_bytes(&q, 4, l->parts.sha256[part], SHA256_BYTES);
    return stmt_run(&q, err);
}

static int drop_part(struct gc *g, const struct leaving *l, enum seal_part part, struct error *err)
{
    for (size_t i = 0; i < l->rows.count; i++) {
        const struct seal_row *row = &l->rows.list[i];
        if (row->part != part)
            continue;
        TRY(part == PART_HASH ? run_for(g->db, "DELETE FROM hash WHERE id = ?1", row->id, err)
                              : drop_event(g->db, row->id, err));
    }
    return put_digest(g->db, l, part, err);
}

/* Checksums of events that stay are still needed. */
static int hashes_may_go(struct gc *g, const struct leaving *l, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "SELECT 1 FROM hash h JOIN event e ON e.id = h.event"
                                    " WHERE h.id > ?1 AND h.id <= ?2 LIMIT 1");
    stmt_bind_int(&q, 1, l->before.last[PART_HASH]);
    stmt_bind_int(&q, 2, l->seal.last[PART_HASH]);
    int r = stmt_step(&q, err);
    return r < 0 ? r : r == 0;
}

static int drop_rows(struct gc *g, const struct leaving *l, struct error *err)
{
    TRY(drop_part(g, l, PART_EVENT, err));
    TRY(drop_part(g, l, PART_EVENT_END, err));
    int hashes = hashes_may_go(g, l, err);
    TRY(hashes);
    if (hashes)
        TRY(drop_part(g, l, PART_HASH, err));
    return run_for(g->db, "UPDATE seal SET marks = NULL WHERE id = ?1", l->seal.id, err);
}

/* ---- seals ---- */

static int is_gone(struct gc *g, int64_t seal, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "SELECT 1 FROM gone WHERE seal = ?1 AND part = ?2");
    stmt_bind_int(&q, 1, seal);
    stmt_bind_int(&q, 2, PART_EVENT);
    return stmt_step(&q, err);
}

static int drop_seal(struct gc *g, int64_t seal, int64_t tombstone, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction tx = {0};
    CLEANUP(leaving_release)
    struct leaving l = {.tombstone = tombstone, .before = SEAL_NONE, .seal = SEAL_NONE};
    TRY(transaction_begin(g->db, &tx, err));
    TRY(gc_check_undos(g, err));
    int gone = is_gone(g, seal, err);
    if (gone != 0)
        return gone < 0 ? gone : 0;
    TRY(read_leaving(g, seal, &l, err));
    TRY(drop_rows(g, &l, err));
    TRY(transaction_commit(&tx, err));
    FAULT_POINT("gc_forgot");
    return 0;
}

/* What rows took goes back to the disk, some pages at a time. */
static int give_back_pages(struct gc *g, struct error *err)
{
    int64_t before = 0;
    int64_t left = 1;
    while (left > 0 && left != before) {
        before = left;
        TRY(db_exec(g->db, "PRAGMA incremental_vacuum(" PAGES_AT_ONCE ")", err));
        TRY(db_number(g->db, "SELECT freelist_count FROM pragma_freelist_count", &left, err));
    }
    return 0;
}

int gc_drop_events(struct gc *g, const struct tombstone *t, struct error *err)
{
    for (int64_t seal = t->first_seal; seal > 0 && seal <= t->last_seal; seal++) {
        TRY(gc_may_go_on(g, err));
        journal_hold_vault(g->journal);
        int r = drop_seal(g, seal, t->id, err);
        journal_let_go_vault(g->journal);
        TRY(r);
    }
    return t->first_seal ? give_back_pages(g, err) : 0;
}
