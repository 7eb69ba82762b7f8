/* verify_taken.c - is what counts as undone what the undos took back?  See verify_part.h.
 *
 * What each undo took back is sealed (taken.h) and goes back to an event that announced it; from
 * that follows which rows tables undone and undo must have, whether or not a seal covers them. */
#include <errno.h>
#include <inttypes.h>

#include "journal/event.h"
#include "journal/schema.h"
#include "journal/undone.h"
#include "journal/verify_part.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "verify the journal");
}

/* ---- what the undos say ---- */

/* 1: the event that announced an undo is on record. */
static int is_announced(struct verify *v, int64_t undo, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(v->db, "SELECT 1 FROM event WHERE id = ?1 AND op = ?2");
    stmt_bind_int(&q, 1, undo);
    stmt_bind_int(&q, 2, OP_UNDO);
    return stmt_step(&q, err);
}

/* Behind the last seal a row proves nothing by itself. */
static int check_row(struct verify *v, const struct undos *u, const struct taken *t,
                     const struct seal *last, struct error *err)
{
    bool sealed = t->id <= last->last[PART_TAKEN];
    bool follows = u->count == 0 || u->list[u->count - 1].undo < t->undo;
    int announced = sealed || !follows ? 1 : is_announced(v, t->undo, err);
    TRY(announced);
    if (!follows || !announced)
        verify_tell(v, t->undo,
                    "something is said to have been taken back by undo #%" PRId64 ", %s", t->undo,
                    follows ? "which is no event" : "which was over before");
    return 0;
}

static int undos_read(struct verify *v, const struct seal *last, struct undos *out,
                      struct error *err)
{
    int64_t behind = INT64_MIN;
    for (;;) {
        CLEANUP(taken_release) struct taken t = TAKEN_NONE;
        int r = taken_next(v->db, behind, &t, err);
        if (r <= 0)
            return r;
        behind = t.id;
        TRY(check_row(v, out, &t, last, err));
        if (undos_add(out, &t) < 0)
            return no_memory(err);
    }
}

/* ---- which events count as undone ---- */

struct cursor {
    const struct undone_runs *runs;
    size_t run;
    uint64_t next; /* the event that the next row must be about; 0: that of the run's begin */
};

static void tell_missing(struct verify *v, const struct undone_run *run, uint64_t event)
{
    verify_tell(v, (int64_t)event,
                "event #%" PRIu64 " was taken back by undo #%" PRId64
                ", and the journal says so no more",
                event, run->undo);
}

static uint64_t expected(const struct cursor *c)
{
    if (c->run == c->runs->count)
        return UINT64_MAX;
    return c->next ? c->next : c->runs->list[c->run].span.first;
}

static void go_behind(struct cursor *c, uint64_t event)
{
    if (event < c->runs->list[c->run].span.last) {
        c->next = event + 1;
        return;
    }
    c->next = 0;
    c->run++;
}

/* What comes before `event` has no row.  Of a run only the first one is told. */
static void pass_missing(struct verify *v, struct cursor *c, uint64_t event)
{
    while (expected(c) < event) {
        const struct undone_run *run = &c->runs->list[c->run];
        tell_missing(v, run, expected(c));
        go_behind(c, event - 1 < run->span.last ? event - 1 : run->span.last);
    }
}

static void check_undone(struct verify *v, struct cursor *c, int64_t event, int64_t undo)
{
    if (event > 0)
        pass_missing(v, c, (uint64_t)event);
    bool known = event > 0 && expected(c) == (uint64_t)event;
    if (!known || c->runs->list[c->run].undo != undo)
        verify_tell(v, event,
                    "event #%" PRId64 " is said to have been taken back by undo #%" PRId64
                    ", which did not do so",
                    event, undo);
    if (known)
        go_behind(c, (uint64_t)event);
}

static int check_all_undone(struct verify *v, const struct undone_runs *runs, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(v->db, "SELECT event, undo FROM undone ORDER BY event");
    struct cursor c = {.runs = runs};
    int r = 0;
    while ((r = stmt_step(&q, err)) == 1)
        check_undone(v, &c, stmt_int(&q, 0), stmt_int(&q, 1));
    if (r == 0)
        pass_missing(v, &c, UINT64_MAX);
    return r;
}

/* ---- which undos there are ---- */

/* One that has ended without being done may be older than what gc left of the events. */
static int check_undos(struct verify *v, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        v->db,
        "SELECT u.id FROM undo u WHERE iif(u.state = ?1,"
        " NOT EXISTS (SELECT 1 FROM taken t WHERE t.undo = u.id AND t.time = u.time),"
        " NOT EXISTS (SELECT 1 FROM event e WHERE e.id = u.id AND e.op = ?2) AND u.id >"
        "  ifnull((SELECT max(s.event) FROM gone g JOIN seal s ON s.id = g.seal WHERE g.part = ?3),"
        "   0))");
    stmt_bind_int(&q, 1, UNDO_DONE);
    stmt_bind_int(&q, 2, OP_UNDO);
    stmt_bind_int(&q, 3, PART_EVENT);
    int r = 0;
    while ((r = stmt_step(&q, err)) == 1)
        verify_tell(v, stmt_int(&q, 0), "undo #%" PRId64 " is not as it was recorded",
                    stmt_int(&q, 0));
    return r;
}

static int check_missing(struct verify *v, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(v->db, "SELECT t.undo FROM taken t WHERE NOT EXISTS"
                                    " (SELECT 1 FROM undo u WHERE u.id = t.undo AND u.state = ?1)");
    stmt_bind_int(&q, 1, UNDO_DONE);
    int r = 0;
    while ((r = stmt_step(&q, err)) == 1)
        verify_tell(v, stmt_int(&q, 0), "undo #%" PRId64 " is missing from the journal",
                    stmt_int(&q, 0));
    return r;
}

/* ---- all of it ---- */

static int check_all(struct verify *v, const struct seal *last, struct error *err)
{
    CLEANUP(undos_release) struct undos undos = {0};
    CLEANUP(undone_release) struct undone_runs runs = {0};
    TRY(undos_read(v, last, &undos, err));
    if (undone_runs_make(&undos, &runs) < 0)
        return no_memory(err);
    TRY(check_all_undone(v, &runs, err));
    TRY(check_undos(v, err));
    return check_missing(v, err);
}

/* As of one instant: an undo may end meanwhile. */
int verify_taken(struct verify *v, const struct seal *last, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction look = {0};
    TRY(transaction_look(v->db, &look, err));
    return check_all(v, last, err);
}
