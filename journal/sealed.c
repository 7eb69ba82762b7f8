/* sealed.c - see sealed.h. */
#include "journal/sealed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"
#include "journal/db.h"
#include "journal/seal.h"

/* Of what kind a number is that a seal may cover: up to which one it does. */
enum kind {
    KIND_SEAL,
    KIND_EVENT,
    KIND_PATH,
    KIND_HASH,
    KIND_COUNT,
};

struct place {
    int64_t last[KIND_COUNT];
    bool fits; /* it was checked */
};

/* An event whose end is under a later seal. */
struct end {
    int64_t event;
    int64_t seal;
};

struct sealed {
    struct db *db;
    struct seal_reader reader;
    struct place *places; /* owned, ascending */
    size_t count;
    size_t room;
    struct end *ends; /* owned, by event */
    size_t end_count;
    size_t end_room;
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "check the journal's seals");
}

/* ---- which there are ---- */

static int add_end(struct sealed *s, int64_t event, int64_t seal)
{
    struct end *ends = list_grown(s->ends, s->end_count, &s->end_room, sizeof *ends);
    if (!ends)
        return -ENOMEM;
    s->ends = ends;
    ends[s->end_count++] = (struct end){event, seal};
    return 0;
}

static int add_place(struct sealed *s, struct stmt *q, struct error *err)
{
    CLEANUP(seal_ids_release) struct seal_ids ended = {0};
    struct place *places = list_grown(s->places, s->count, &s->room, sizeof *places);
    if (!places)
        return no_memory(err);
    s->places = places;
    struct place *p = &places[s->count++];
    *p = (struct place){0};
    for (int i = 0; i < KIND_COUNT; i++)
        p->last[i] = stmt_int(q, i);
    int r = seal_ids_read(q, KIND_COUNT, &ended);
    for (size_t i = 0; r == 0 && i < ended.count; i++)
        r = add_end(s, ended.list[i], p->last[KIND_SEAL]);
    return r == -EBADMSG ? 0 : r < 0 ? no_memory(err) : 0; /* that seal will not fit */
}

static int by_event(const void *a, const void *b)
{
    const struct end *x = a;
    const struct end *y = b;
    return (x->event > y->event) - (x->event < y->event);
}

static int load(struct sealed *s, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->db, "SELECT id, event, path, hash, ended FROM seal ORDER BY id");
    int r = 0;
    while ((r = stmt_step(&q, err)) == 1)
        TRY(add_place(s, &q, err));
    if (s->end_count > 0)
        qsort(s->ends, s->end_count, sizeof *s->ends, by_event);
    return r;
}

int sealed_open(int root, struct sealed **out, struct error *err)
{
    CLEANUP(sealed_close) struct sealed *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    TRY(db_open_in(root, DB_READ, &s->db, err));
    s->reader = (struct seal_reader){.db = s->db, .sha = sha256_new()};
    if (!s->reader.sha)
        return error_set(err, ENOMEM, "prepare SHA-256");
    TRY(load(s, err));
    *out = s;
    s = NULL;
    return 0;
}

void sealed_close(struct sealed **s)
{
    if (!*s)
        return;
    sha256_free(&(*s)->reader.sha);
    seal_reader_release(&(*s)->reader);
    db_close(&(*s)->db);
    free((*s)->places);
    free((*s)->ends);
    free(*s);
    *s = NULL;
}

/* ---- does one fit? ---- */

static bool has_rows(const struct seal_rows *rows, enum seal_part part)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].part == part)
            return true;
    return false;
}

/* A digest stands for rows that gc dropped, not for others that took their place.  1: so it is. */
static int put_gone(struct sealed *s, int64_t seal, const struct seal_rows *rows,
                    struct seal_parts *parts, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->db, "SELECT part, sha256 FROM gone WHERE seal = ?1");
    int r = 0;
    stmt_bind_int(&q, 1, seal);
    while ((r = stmt_step(&q, err)) == 1) {
        size_t bytes = 0;
        int64_t part = stmt_int(&q, 0);
        const void *data = stmt_bytes(&q, 1, &bytes);
        if (part < 0 || part >= PART_COUNT || bytes != SHA256_BYTES ||
            has_rows(rows, (enum seal_part)part))
            return 0;
        memcpy(parts->sha256[part], data, SHA256_BYTES);
    }
    return r < 0 ? r : 1;
}

/* 1: it does, 0: it does not. */
static int compare(struct sealed *s, const struct seal *before, const struct seal *seal,
                   struct error *err)
{
    CLEANUP(seal_rows_release) struct seal_rows rows = {0};
    struct seal_parts parts;
    unsigned char hash[SHA256_BYTES];
    TRY(seal_read_rows(&s->reader, before, seal, &rows, err));
    int r = seal_digest_parts(&rows, s->reader.sha, &parts);
    if (r == 0)
        r = put_gone(s, seal->id, &rows, &parts, err);
    if (r != 1)
        return r;
    r = seal_hash(seal, before->sha256, &parts, s->reader.sha, hash);
    if (r < 0)
        return error_set(err, -r, "compute seal %" PRId64, seal->id);
    return memcmp(hash, seal->sha256, sizeof hash) == 0;
}

static int check_seal(struct sealed *s, int64_t id, struct error *err)
{
    CLEANUP(seal_release) struct seal before = SEAL_NONE;
    CLEANUP(seal_release) struct seal seal = SEAL_NONE;
    int r = seal_pair(s->db, id, &before, &seal, err);
    return r == 1 ? compare(s, &before, &seal, err) : r;
}

/* As of one instant: gc may drop rows meanwhile. */
static int fits(struct sealed *s, struct place *p, struct error *err)
{
    if (p->fits)
        return 1;
    CLEANUP(transaction_rollback) struct transaction look = {0};
    TRY(transaction_look(s->db, &look, err));
    int r = check_seal(s, p->last[KIND_SEAL], err);
    p->fits = r == 1;
    return r;
}

/* ---- what covers an event ---- */

/* The first one that reaches up to `number`; NULL: none does. */
static struct place *covering(struct sealed *s, enum kind kind, int64_t number)
{
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->places[middle].last[kind] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count ? &s->places[low] : NULL;
}

static const struct end *end_of(const struct sealed *s, int64_t event)
{
    const struct end wanted = {.event = event};
    return s->end_count ? bsearch(&wanted, s->ends, s->end_count, sizeof wanted, by_event) : NULL;
}

static int check_place(struct sealed *s, struct place *p, uint64_t event, struct error *err)
{
    int r = p ? fits(s, p, err) : 1;
    if (r == 0)
        return error_say(err, EBADMSG,
                         "event #%" PRIu64
                         " is not as it was recorded, or was sealed with one that "
                         "is not (seal %" PRId64 "): nothing is done by it; see: ccfs verify",
                         event, p->last[KIND_SEAL]);
    return r < 0 ? r : 0;
}

/* Numbers that the event has in another table. */
static int check_numbers(struct sealed *s, struct stmt q, enum kind kind, uint64_t event,
                         struct error *err)
{
    CLEANUP(stmt_done) struct stmt own = q;
    int got = 0;
    stmt_bind_int(&own, 1, (int64_t)event);
    while ((got = stmt_step(&own, err)) == 1)
        TRY(check_place(s, covering(s, kind, stmt_int(&own, 0)), event, err));
    return got;
}

int sealed_check(struct sealed *s, uint64_t event, struct error *err)
{
    const struct end *end = end_of(s, (int64_t)event);
    const struct end none = {.seal = INT64_MAX};
    TRY(check_place(s, covering(s, KIND_EVENT, (int64_t)event), event, err));
    TRY(check_place(s, covering(s, KIND_SEAL, (end ? end : &none)->seal), event, err));
    TRY(check_numbers(s,
                      db_query(s->db, "SELECT path FROM event WHERE id = ?1 AND path NOTNULL"
                                      " UNION SELECT path2 FROM event WHERE id = ?1"
                                      " AND path2 NOTNULL"),
                      KIND_PATH, event, err));
    return check_numbers(s, db_query(s->db, "SELECT id FROM hash WHERE event = ?1"), KIND_HASH,
                         event, err);
}
