/* recover_torn.c - what a power loss left of the vault.
 *
 * Events reach the disk before some of the copies that they name (DURABILITY_RELAXED).  Such a copy
 * may be short, full of zeros or not there; whoever restored it would destroy once more.  An inode
 * that is not there was not destroyed either: the rename that would have moved it came too late. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "journal/recover.h"
#include "journal/schema.h"
#include "journal/vault_sync.h"

#define RANGES_BYTES_MAX ((size_t)1 << 20)

struct claimant {
    struct vault_claim claim;
    struct range *changed; /* owned */
    uint64_t event;
};

static void claimant_release(struct claimant *c)
{
    free(c->changed);
    *c = (struct claimant){0};
}

/* 1: the next one, 0: no more.  What a rename kept is what it replaced. */
static int claimant_next(struct db *db, uint64_t from, struct claimant *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "SELECT v.id, v.kept, iif(e.op IN (8, 9), e.r_size, e.b_size), e.ranges, e.id"
            " FROM version v JOIN event e ON e.id = v.event"
            " WHERE v.id >= ?1 AND v.state = 1 AND v.kept IN (1, 2, 3, 4) ORDER BY v.id LIMIT 1");
    size_t bytes = 0;
    stmt_bind_int(&q, 1, (int64_t)from);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    const void *ranges = stmt_bytes(&q, 3, &bytes);
    bytes = ranges && bytes <= RANGES_BYTES_MAX ? bytes / sizeof(struct range) : 0;
    *out = (struct claimant){
        .claim = {.version = (uint64_t)stmt_int(&q, 0),
                  .kept = (enum kept)stmt_int(&q, 1),
                  .before = stmt_int(&q, 2)},
        .changed = calloc(bytes + 1, sizeof(struct range)),
        .event = (uint64_t)stmt_int(&q, 4),
    };
    if (!out->changed)
        return error_set(err, ENOMEM, "recover the journal");
    if (bytes > 0)
        memcpy(out->changed, ranges, bytes * sizeof(struct range));
    out->claim.changed = out->changed;
    out->claim.count = bytes;
    return 1;
}

static int mark_torn(struct db *db, uint64_t version, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "UPDATE version SET state = ?2 WHERE id = ?1");
    stmt_bind_int(&q, 1, (int64_t)version);
    stmt_bind_int(&q, 2, VERSION_TORN);
    return stmt_run(&q, err);
}

static void tell(const struct claimant *c)
{
    if (c->claim.kept == KEPT_INODE)
        log_line("the power went before event %" PRIu64 " reached the disk: it left no trace there",
                 c->event);
    else
        log_line("what event %" PRIu64
                 " destroyed did not reach the disk before the power loss: it "
                 "cannot be undone",
                 c->event);
}

/* A version that cannot be read now may be readable later: it stays, and undo will tell. */
static int check(struct vault *v, struct db *db, const struct claimant *c, struct recovery *out,
                 struct error *err)
{
    int whole = vault_is_whole(v, &c->claim);
    if (whole != 0)
        return 0;
    vault_set_aside(v, c->claim.version);
    tell(c);
    out->done.torn++;
    return mark_torn(db, c->claim.version, err);
}

int recover_torn(struct vault *v, struct db *db, uint64_t first, struct recovery *out,
                 struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    TRY(transaction_begin(db, &t, err));
    for (uint64_t from = first;;) {
        CLEANUP(claimant_release) struct claimant c = {0};
        int r = claimant_next(db, from, &c, err);
        TRY(r);
        if (r == 0)
            return transaction_commit(&t, err);
        TRY(check(v, db, &c, out, err));
        from = c.claim.version + 1;
    }
}
