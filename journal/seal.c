/* seal.c - see seal.h. */
#include "journal/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void seal_release(struct seal *s)
{
    seal_ids_release(&s->opened);
    seal_ids_release(&s->ended);
    seal_ids_release(&s->begun);
    seal_ids_release(&s->finished);
    strbuf_release(&s->marks);
    *s = SEAL_NONE;
}

/* ---- numbers as bytes ---- */

static void put64(struct strbuf *out, int64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)value >> (8 * i));
    strbuf_add(out, bytes, sizeof bytes);
}

static int64_t get64(const unsigned char *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return (int64_t)value;
}

static void put_ids(struct strbuf *out, const struct seal_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        put64(out, ids->list[i]);
}

/* ---- reading one ---- */

static int damaged(const struct seal *s, struct error *err)
{
    return error_say(err, EBADMSG, "seal %lld cannot be read: the journal is damaged",
                     (long long)s->id);
}

int seal_ids_read(struct stmt *q, int column, struct seal_ids *out)
{
    size_t bytes = 0;
    const unsigned char *data = stmt_bytes(q, column, &bytes);
    if (bytes % 8 != 0)
        return -EBADMSG;
    for (size_t i = 0; i < bytes / 8; i++) {
        int64_t id = get64(data + 8 * i);
        if (i > 0 && id <= out->list[i - 1])
            return -EBADMSG;
        TRY(seal_ids_add(out, id));
    }
    return 0;
}

static bool read_fixed(struct stmt *q, int column, unsigned char *out, size_t wanted)
{
    size_t bytes = 0;
    const void *data = stmt_bytes(q, column, &bytes);
    if (!data || bytes != wanted)
        return false;
    memcpy(out, data, bytes);
    return true;
}

static int read_marks(struct stmt *q, int column, struct seal *out)
{
    size_t bytes = 0;
    const void *data = stmt_bytes(q, column, &bytes);
    strbuf_add(&out->marks, data ? data : "", bytes);
    if (out->marks.failed)
        return -ENOMEM;
    bool whole = out->rows >= 0 && bytes == (size_t)out->rows * SEAL_MARK_BYTES;
    return whole || bytes == 0 ? 0 : -EBADMSG; /* none: retention has dropped rows */
}

#define SEAL_COLUMNS                                                                               \
    "SELECT id, time, session, proc, path, event, hash, tombstone, taken, rows, open,"             \
    " opened, ended, begun, finished, sha256, key, signature, marks FROM seal"

static void read_numbers(struct stmt *q, struct seal *out)
{
    out->id = stmt_int(q, 0);
    out->time = stmt_int(q, 1);
    for (int i = 0; i < PART_RANGES; i++)
        out->last[i] = stmt_int(q, 2 + i);
    out->rows = stmt_int(q, 9);
    out->open = stmt_int(q, 10);
}

/* Half a signature is none: a key without one, or one without a key, is damage. */
static bool read_signature(struct stmt *q, struct seal *out)
{
    if (stmt_is_null(q, 16) && stmt_is_null(q, 17))
        return true;
    out->is_signed = true;
    return read_fixed(q, 16, out->key, PUBLIC_BYTES) &&
           read_fixed(q, 17, out->signature, SIGNATURE_BYTES);
}

static int read_seal(struct stmt *q, struct seal *out)
{
    seal_release(out);
    read_numbers(q, out);
    if (!read_fixed(q, 15, out->sha256, SHA256_BYTES) || !read_signature(q, out))
        return -EBADMSG;
    TRY(seal_ids_read(q, 11, &out->opened));
    TRY(seal_ids_read(q, 12, &out->ended));
    TRY(seal_ids_read(q, 13, &out->begun));
    TRY(seal_ids_read(q, 14, &out->finished));
    return read_marks(q, 18, out);
}

static int seal_row(struct stmt *q, struct seal *out, struct error *err)
{
    int got = stmt_step(q, err);
    if (got != 1)
        return got;
    int r = read_seal(q, out);
    if (r == -ENOMEM)
        return error_set(err, ENOMEM, "read a seal");
    return r < 0 ? damaged(out, err) : 1;
}

int seal_next(struct db *db, int64_t behind, struct seal *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, SEAL_COLUMNS " WHERE id > ?1 ORDER BY id LIMIT 1");
    stmt_bind_int(&q, 1, behind);
    return seal_row(&q, out, err);
}

int seal_last(struct db *db, struct seal *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, SEAL_COLUMNS " ORDER BY id DESC LIMIT 1");
    return seal_row(&q, out, err);
}

int seal_pair(struct db *db, int64_t id, struct seal *before, struct seal *out, struct error *err)
{
    int r = id > 1 ? seal_next(db, id - 2, before, err) : 1;
    if (r == 1)
        r = seal_next(db, id - 1, out, err);
    if (r < 0)
        return r;
    return r == 1 && out->id == id && before->id == id - 1;
}

/* ---- its hash ---- */

const unsigned char *seal_mark(const struct seal_row *row)
{
    return row->digest;
}

static void put_list(struct strbuf *out, const struct seal_ids *ids)
{
    put64(out, (int64_t)ids->count);
    put_ids(out, ids);
}

static void put_seal(struct strbuf *out, const struct seal *s)
{
    strbuf_add(out, "ccfs seal 1", 11);
    put64(out, s->id);
    put64(out, s->time);
    for (int i = 0; i < PART_RANGES; i++)
        put64(out, s->last[i]);
    put64(out, s->rows);
    put64(out, s->open);
    put_list(out, &s->opened);
    put_list(out, &s->ended);
    put_list(out, &s->begun);
    put_list(out, &s->finished);
    strbuf_add(out, s->is_signed ? "\1" : "\0", 1);
    strbuf_add(out, s->key, sizeof s->key);
}

int seal_digest_parts(const struct seal_rows *rows, struct sha256 *sha, struct seal_parts *out)
{
    for (int part = 0; part < PART_COUNT; part++) {
        sha256_begin(sha);
        for (size_t i = 0; i < rows->count; i++)
            if (rows->list[i].part == (enum seal_part)part)
                sha256_add(sha, rows->list[i].digest, SHA256_BYTES);
        TRY(sha256_end(sha, out->sha256[part]));
    }
    return 0;
}

int seal_hash(const struct seal *s, const unsigned char before[SHA256_BYTES],
              const struct seal_parts *parts, struct sha256 *sha, unsigned char out[SHA256_BYTES])
{
    CLEANUP(strbuf_release) struct strbuf form = STRBUF_EMPTY;
    put_seal(&form, s);
    if (form.failed)
        return -ENOMEM;
    sha256_begin(sha);
    sha256_add(sha, before, SHA256_BYTES);
    sha256_add(sha, form.data, form.bytes);
    sha256_add(sha, parts->sha256, sizeof parts->sha256);
    return sha256_end(sha, out);
}

/* ---- what it covers ---- */

int seal_cover_ends(struct seal_reader *r, const struct seal *s, struct seal_rows *rows,
                    struct error *err)
{
    const size_t ranges = rows->count;
    for (size_t i = 0; i < ranges && rows->list[i].part == PART_SESSION; i++) {
        int64_t id = rows->list[i].id;
        if (!seal_ids_have(&s->begun, id))
            TRY(seal_row_read(r, PART_SESSION_END, id, rows, err));
    }
    for (size_t i = 0; i < s->ended.count; i++)
        TRY(seal_row_read(r, PART_EVENT_END, s->ended.list[i], rows, err));
    for (size_t i = 0; i < s->finished.count; i++)
        TRY(seal_row_read(r, PART_SESSION_END, s->finished.list[i], rows, err));
    return 0;
}

int seal_read_rows(struct seal_reader *r, const struct seal *before, const struct seal *s,
                   struct seal_rows *rows, struct error *err)
{
    const struct seal_ids none = {0};
    for (int part = 0; part < PART_RANGES; part++) {
        const struct seal_range range = {
            .part = (enum seal_part)part,
            .behind = before->last[part],
            .last = s->last[part],
            .most = SEAL_ROWS_MOST + 1, /* no seal covers more: what was added shows */
        };
        TRY(seal_rows_read_again(r, &range, part == PART_EVENT ? &s->opened : &none, rows, err));
    }
    return seal_cover_ends(r, s, rows, err);
}

/* ---- writing one ---- */

static void bind_numbers(struct stmt *q, const struct seal *s)
{
    stmt_bind_int(q, 1, s->id);
    stmt_bind_int(q, 2, s->time);
    for (int i = 0; i < PART_RANGES; i++)
        stmt_bind_int(q, 3 + i, s->last[i]);
    stmt_bind_int(q, 10, s->rows);
    stmt_bind_int(q, 11, s->open);
}

/* The four lists, one behind another in `bytes`; an empty one is NULL. */
static void bind_lists(struct stmt *q, const struct seal *s, struct strbuf *bytes)
{
    const struct seal_ids *lists[] = {&s->opened, &s->ended, &s->begun, &s->finished};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        put_ids(bytes, lists[i]);
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(lists) && !bytes->failed; i++) {
        if (lists[i]->count > 0)
            stmt_bind_bytes(q, 12 + (int)i, bytes->data + at, 8 * lists[i]->count);
        at += 8 * lists[i]->count;
    }
}

int seal_store(struct db *db, const struct seal *s, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf lists = STRBUF_EMPTY;
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db,
        "INSERT INTO seal(id, time, session, proc, path, event, hash, tombstone, taken, rows, open,"
        " opened, ended, begun, finished, sha256, key, signature, marks)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        " ?18, ?19)");
    bind_numbers(&q, s);
    bind_lists(&q, s, &lists);
    stmt_bind_bytes(&q, 16, s->sha256, sizeof s->sha256);
    if (s->is_signed) {
        stmt_bind_bytes(&q, 17, s->key, sizeof s->key);
        stmt_bind_bytes(&q, 18, s->signature, sizeof s->signature);
    }
    if (s->marks.bytes > 0)
        stmt_bind_bytes(&q, 19, s->marks.data, s->marks.bytes);
    if (lists.failed || s->marks.failed)
        return error_set(err, ENOMEM, "seal the journal");
    return stmt_run(&q, err);
}

/* ---- what is open ---- */

void seal_open_release(struct seal_open *o)
{
    seal_ids_release(&o->events);
    seal_ids_release(&o->sessions);
}

int seal_open_follow(struct seal_open *o, const struct seal *s)
{
    TRY(seal_ids_change(&o->events, &s->opened, &s->ended));
    return seal_ids_change(&o->sessions, &s->begun, &s->finished);
}
