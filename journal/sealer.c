/* sealer.c - see sealer.h. */
#include "journal/sealer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/meta.h"

#define AT_ONCE 4 /* seals in a row before the writer looks at its queue again */

struct sealer {
    struct seal_reader reader;
    const struct signing_key *_Atomic key;
    atomic_bool lacks_key;
    atomic_bool hurry;
    struct seal last;
    struct seal_open open;
    int64_t earlier;   /* sessions up to this number are of earlier runs: they end no more */
    int64_t looked_ns; /* monotonic: when the time was up last */
};

/* Only after a crash something is open: then all seals are gone through. */
static int find_open(struct sealer *s, struct error *err)
{
    CLEANUP(seal_release) struct seal seal = SEAL_NONE;
    int64_t behind = INT64_MIN;
    int r = 0;
    while (s->last.open > 0 && (r = seal_next(s->reader.db, behind, &seal, err)) == 1) {
        if (seal_open_follow(&s->open, &seal) < 0)
            return error_set(err, ENOMEM, "open the journal");
        behind = seal.id;
    }
    return r;
}

static int load(struct sealer *s, struct error *err)
{
    TRY(seal_last(s->reader.db, &s->last, err));
    TRY(find_open(s, err));
    s->looked_ns = clock_steady_ns();
    atomic_store(&s->lacks_key, s->last.is_signed);
    return db_number(s->reader.db, "SELECT ifnull(max(id), 0) FROM session", &s->earlier, err);
}

int sealer_open(struct db *db, struct sealer **out, struct error *err)
{
    CLEANUP(sealer_close) struct sealer *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ENOMEM, "open the journal");
    s->last = SEAL_NONE;
    s->reader.db = db;
    s->reader.sha = sha256_new();
    if (!s->reader.sha)
        return error_set(err, ENOMEM, "prepare SHA-256");
    TRY(load(s, err));
    *out = s;
    s = NULL;
    return 0;
}

void sealer_close(struct sealer **s)
{
    if (!*s)
        return;
    seal_release(&(*s)->last);
    seal_open_release(&(*s)->open);
    sha256_free(&(*s)->reader.sha);
    seal_reader_release(&(*s)->reader);
    free(*s);
    *s = NULL;
}

void sealer_sign(struct sealer *s, const struct signing_key *key)
{
    atomic_store(&s->key, key);
    if (key)
        atomic_store(&s->lacks_key, false);
}

bool sealer_lacks_key(struct sealer *s)
{
    return atomic_load(&s->lacks_key);
}

/* ---- making one ---- */

static int cover_range(struct sealer *s, struct seal *next, enum seal_part part, bool whole,
                       struct seal_rows *rows, struct error *err)
{
    struct seal_ids *open = part == PART_SESSION ? &next->begun : &next->opened;
    const struct seal_range range = {
        .part = part,
        .behind = s->last.last[part],
        .last = INT64_MAX,
        .most = part == PART_EVENT ? SEAL_EVENTS : SEAL_ROWS_MOST,
        .whole = whole && (part == PART_SESSION || part == PART_PROC),
    };
    return seal_rows_read(&s->reader, &range, rows, open, &next->last[part], err);
}

/* Write sessions that have not ended, by their index. */
static int still_open(struct db *db, struct seal_ids *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT id FROM event WHERE outcome = 3 ORDER BY id");
    int got = 0;
    while ((got = stmt_step(&q, err)) == 1)
        if (seal_ids_add(out, stmt_int(&q, 0)) < 0)
            return error_set(err, ENOMEM, "seal the journal");
    return got;
}

static int find_ended(struct sealer *s, struct seal_ids *out, struct error *err)
{
    CLEANUP(seal_ids_release) struct seal_ids still = {0};
    const struct seal_ids *open = &s->open.events;
    if (open->count == 0)
        return 0;
    TRY(still_open(s->reader.db, &still, err));
    for (size_t i = 0; i < open->count && out->count < SEAL_ROWS_MOST; i++)
        if (!seal_ids_have(&still, open->list[i]) && seal_ids_add(out, open->list[i]) < 0)
            return error_set(err, ENOMEM, "seal the journal");
    return 0;
}

static int session_is_over(struct sealer *s, int64_t id, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->reader.db, "SELECT ended IS NOT NULL FROM session WHERE id = ?1");
    stmt_bind_int(&q, 1, id);
    int r = stmt_step(&q, err);
    return r == 1 ? id <= s->earlier || stmt_int(&q, 0) : r;
}

static int find_finished(struct sealer *s, struct seal_ids *out, struct error *err)
{
    const struct seal_ids *open = &s->open.sessions;
    for (size_t i = 0; i < open->count && out->count < SEAL_ROWS_MOST; i++) {
        int over = session_is_over(s, open->list[i], err);
        TRY(over);
        if (over && seal_ids_add(out, open->list[i]) < 0)
            return error_set(err, ENOMEM, "seal the journal");
    }
    return 0;
}

static int cover(struct sealer *s, struct seal *next, bool whole, struct seal_rows *rows,
                 struct error *err)
{
    for (int part = 0; part < PART_RANGES; part++)
        TRY(cover_range(s, next, (enum seal_part)part, whole, rows, err));
    TRY(find_ended(s, &next->ended, err));
    TRY(find_finished(s, &next->finished, err));
    return seal_cover_ends(&s->reader, next, rows, err);
}

static int sign(struct sealer *s, struct seal *next, const struct seal_rows *rows,
                struct error *err)
{
    const struct signing_key *key = atomic_load(&s->key);
    next->is_signed = key;
    if (key)
        memcpy(next->key, signing_key_public(key), PUBLIC_BYTES);
    struct seal_parts parts;
    int r = seal_digest_parts(rows, s->reader.sha, &parts);
    if (r == 0)
        r = seal_hash(next, s->last.sha256, &parts, s->reader.sha, next->sha256);
    if (r < 0)
        return error_set(err, -r, "seal the journal");
    return key ? signing_key_sign(key, next->sha256, next->signature, err) : 0;
}

static void add_marks(struct seal *next, const struct seal_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        strbuf_add(&next->marks, seal_mark(&rows->list[i]), SEAL_MARK_BYTES);
}

/* 1: sealed, 0: there was nothing to seal. */
static int seal_one(struct sealer *s, bool whole, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    CLEANUP(seal_rows_release) struct seal_rows rows = {0};
    CLEANUP(seal_release) struct seal next = SEAL_NONE;
    TRY(transaction_begin(s->reader.db, &t, err));
    next.id = s->last.id + 1;
    next.time = clock_now_ns();
    TRY(cover(s, &next, whole, &rows, err));
    if (rows.count == 0 && next.opened.count == 0)
        return 0;
    if (seal_open_follow(&s->open, &next) < 0)
        return error_set(err, ENOMEM, "seal the journal");
    next.open = (int64_t)(s->open.events.count + s->open.sessions.count);
    next.rows = (int64_t)rows.count;
    add_marks(&next, &rows);
    TRY(sign(s, &next, &rows, err));
    TRY(seal_store(s->reader.db, &next, err));
    TRY(meta_set(s->reader.db, "sealed", next.id, err));
    TRY(transaction_commit(&t, err));
    FAULT_POINT("sealed");
    struct seal old = s->last;
    s->last = next;
    next = old;
    return 1;
}

/* After a failure what is open is read again: it was followed before the commit. */
static int seal_or_forget(struct sealer *s, bool whole, struct error *err)
{
    int r = seal_one(s, whole, err);
    if (r >= 0)
        return r;
    seal_open_release(&s->open);
    TRY(find_open(s, NULL));
    return r;
}

/* Is it time?  Events are counted by their numbers: those that say nothing make it a little early.
 */
static int is_due(struct sealer *s, bool *due, struct error *err)
{
    int64_t newest = 0;
    int64_t now = clock_steady_ns();
    *due = now - s->looked_ns >= SEAL_SECONDS * NS_PER_S;
    if (*due)
        s->looked_ns = now;
    TRY(db_number(s->reader.db, "SELECT ifnull(max(id), 0) FROM event", &newest, err));
    int64_t sealed = s->last.id ? s->last.last[PART_EVENT] : 0;
    *due |= newest >= SEAL_EVENTS && newest - SEAL_EVENTS >= sealed;
    return 0;
}

void sealer_hurry(struct sealer *s)
{
    atomic_store(&s->hurry, true);
}

int sealer_step(struct sealer *s, struct error *err)
{
    bool due = false;
    int sealed = 1;
    if (sealer_lacks_key(s))
        return 0;
    if (atomic_exchange(&s->hurry, false))
        s->looked_ns = clock_steady_ns() - SEAL_SECONDS * NS_PER_S;
    TRY(is_due(s, &due, err));
    for (int i = 0; due && sealed == 1 && i < AT_ONCE; i++) {
        sealed = seal_or_forget(s, true, err);
        TRY(sealed);
        TRY(is_due(s, &due, err));
    }
    return 0;
}

int sealer_finish(struct sealer *s, struct error *err)
{
    int sealed = 1;
    while (sealed == 1 && !sealer_lacks_key(s)) {
        sealed = seal_or_forget(s, false, err);
        TRY(sealed);
    }
    return 0;
}
