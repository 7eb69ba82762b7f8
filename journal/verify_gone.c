/* verify_gone.c - what retention has dropped: named by sealed tombstones, and gone; see
 * verify_part.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"
#include "journal/verify_part.h"

void verify_gone_release(struct verify_gone *g)
{
    for (size_t i = 0; i < g->count; i++)
        tombstone_release(&g->list[i]);
    free(g->list);
    *g = (struct verify_gone){0};
}

static int keep(struct verify_gone *g, struct tombstone *t)
{
    struct tombstone *list = list_grown(g->list, g->count, &g->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    g->list = list;
    g->list[g->count++] = *t;
    *t = TOMBSTONE_NONE;
    return 0;
}

int verify_gone_load(struct verify *v, struct error *err)
{
    int64_t behind = INT64_MIN;
    int r = 1;
    TRY(tombstone_unfinished(v->db, &v->gone.unfinished, err));
    while (r == 1) {
        CLEANUP(tombstone_release) struct tombstone t = TOMBSTONE_NONE;
        r = tombstone_next(v->db, behind, &t, err);
        behind = t.id;
        if (r == 1 && keep(&v->gone, &t) < 0)
            return error_set(err, ENOMEM, "verify the journal");
    }
    return r;
}

static const struct tombstone *find(const struct verify_gone *g, int64_t id)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i].id == id)
            return &g->list[i];
    return NULL;
}

/* ---- versions ---- */

bool verify_gone_version(const struct verify *v, uint64_t version, int64_t tombstone)
{
    const struct tombstone *t = find(&v->gone, tombstone);
    return t && t->id <= v->gone.sealed && tombstone_names(t, version);
}

bool verify_gone_is_back(const struct verify *v, uint64_t version)
{
    for (size_t i = 0; i < v->gone.count; i++) {
        const struct tombstone *t = &v->gone.list[i];
        if (t->id != v->gone.unfinished && t->id <= v->gone.sealed && tombstone_names(t, version))
            return true;
    }
    return false;
}

bool verify_gone_is_going(const struct verify *v, uint64_t version)
{
    const struct tombstone *t = find(&v->gone, v->gone.unfinished);
    return t && t->id <= v->gone.sealed && tombstone_names(t, version);
}

/* ---- events ---- */

/* The part's digest stands for rows that are not there: 1, 0: none was put. */
static int digest_of(struct verify *v, int64_t seal, enum seal_part part, int64_t *tombstone,
                     unsigned char out[SHA256_BYTES], struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(v->db, "SELECT tombstone, sha256 FROM gone WHERE seal = ?1 AND part = ?2");
    size_t bytes = 0;
    stmt_bind_int(&q, 1, seal);
    stmt_bind_int(&q, 2, part);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    const void *data = stmt_bytes(&q, 1, &bytes);
    *tombstone = stmt_int(&q, 0);
    memset(out, 0, SHA256_BYTES); /* one of another length fits no seal */
    if (data && bytes == SHA256_BYTES)
        memcpy(out, data, bytes);
    return 1;
}

static bool names_seal(const struct tombstone *t, int64_t seal)
{
    return t->first_seal <= seal && seal <= t->last_seal;
}

static const struct seal_row *first_row(const struct seal_rows *rows, enum seal_part part)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].part == part)
            return &rows->list[i];
    return NULL;
}

/* Digest and rows exclude each other: one transaction puts the one and drops the others. */
static void check_gone(struct verify *v, const struct seal *s, const struct seal_row *row,
                       int64_t tombstone)
{
    const struct tombstone *t = find(&v->gone, tombstone);
    if (!t || !names_seal(t, s->id))
        verify_tell(v, 0, "events under seal %" PRId64 " are gone, and no tombstone names them",
                    s->id);
    if (row)
        verify_tell(v, row->part == PART_HASH ? 0 : row->id,
                    "%s number %" PRId64 " is there again, which gc had dropped (seal %" PRId64 ")",
                    row->part == PART_HASH ? "checksum" : "event", row->id, s->id);
}

/* A tombstone that is finished says that they are gone. */
static void check_there(struct verify *v, const struct seal *s, const struct seal_row *row)
{
    for (size_t i = 0; row && i < v->gone.count; i++) {
        const struct tombstone *t = &v->gone.list[i];
        if (t->first_seal && names_seal(t, s->id) && t->id != v->gone.unfinished) {
            verify_tell(v, row->id,
                        "event #%" PRId64 " is there again, which gc had dropped (seal %" PRId64
                        ")",
                        row->id, s->id);
            return;
        }
    }
}

int verify_gone_parts(struct verify *v, const struct seal *s, const struct seal_rows *rows,
                      struct seal_parts *parts, bool *any, struct error *err)
{
    static const enum seal_part droppable[] = {PART_EVENT, PART_EVENT_END, PART_HASH};
    *any = false;
    for (size_t i = 0; i < COUNT_OF(droppable); i++) {
        enum seal_part part = droppable[i];
        unsigned char digest[SHA256_BYTES];
        int64_t tombstone = 0;
        int gone = digest_of(v, s->id, part, &tombstone, digest, err);
        TRY(gone);
        if (gone) {
            check_gone(v, s, first_row(rows, part), tombstone);
            memcpy(parts->sha256[part], digest, SHA256_BYTES);
            if (tombstone > v->gone.relied)
                v->gone.relied = tombstone;
            *any = true;
        } else if (part == PART_EVENT) {
            check_there(v, s, first_row(rows, part));
        }
    }
    return 0;
}

/* A tombstone that is not sealed may have been written by anybody. */
void verify_gone_end(struct verify *v, const struct seal *last)
{
    v->gone.sealed = last->id ? last->last[PART_TOMBSTONE] : INT64_MIN;
    if (v->gone.relied > 0 && v->gone.relied > v->gone.sealed)
        verify_tell(v, 0, "events are gone by tombstone %" PRId64 ", which is not sealed",
                    v->gone.relied);
}
