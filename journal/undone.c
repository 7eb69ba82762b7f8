/* undone.c - see undone.h. */
#include "journal/undone.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/base/list.h"

void undos_release(struct undos *u)
{
    for (size_t i = 0; i < u->count; i++)
        taken_release(&u->list[i]);
    free(u->list);
    *u = (struct undos){0};
}

void undone_release(struct undone_runs *r)
{
    free(r->list);
    *r = (struct undone_runs){0};
}

int undos_add(struct undos *u, struct taken *t)
{
    struct taken *list = list_grown(u->list, u->count, &u->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    u->list = list;
    u->list[u->count++] = *t;
    *t = TAKEN_NONE;
    return 0;
}

/* ---- what the rows say together ---- */

static void forget_redone(const struct undos *u, const struct taken *by)
{
    for (size_t i = 0; i < u->count && u->list[i].undo < by->undo; i++)
        if (spans_have(&by->redone, (uint64_t)u->list[i].undo)) {
            spans_release(&u->list[i].events);
            spans_release(&u->list[i].redone);
        }
}

static int by_first(const void *a, const void *b)
{
    const struct undone_run *x = a;
    const struct undone_run *y = b;
    if (x->span.first != y->span.first)
        return x->span.first > y->span.first ? 1 : -1;
    return (x->undo > y->undo) - (x->undo < y->undo);
}

static size_t count_runs(const struct undos *u)
{
    size_t count = 0;
    for (size_t i = 0; i < u->count; i++)
        count += u->list[i].events.count;
    return count;
}

static void set_apart(struct undone_runs *runs)
{
    size_t kept = 0;
    for (size_t i = 0; i < runs->count; i++) {
        struct undone_run run = runs->list[i];
        uint64_t behind = kept ? runs->list[kept - 1].span.last : 0;
        if (kept && run.span.first <= behind)
            run.span.first = behind + 1;
        if (!kept || run.span.last > behind)
            runs->list[kept++] = run;
    }
    runs->count = kept;
}

/* Newest first: one that is redone itself redoes nothing. */
int undone_runs_make(struct undos *u, struct undone_runs *out)
{
    for (size_t i = u->count; i-- > 0;)
        if (u->list[i].redone.count > 0)
            forget_redone(u, &u->list[i]);
    out->list = calloc(count_runs(u) + 1, sizeof *out->list);
    if (!out->list)
        return -ENOMEM;
    for (size_t i = 0; i < u->count; i++)
        for (size_t k = 0; k < u->list[i].events.count; k++)
            out->list[out->count++] =
                (struct undone_run){u->list[i].events.list[k], u->list[i].undo};
    qsort(out->list, out->count, sizeof *out->list, by_first);
    set_apart(out);
    return 0;
}

/* ---- the table ---- */

/* No undo takes back what comes later: a damaged row must not fill the table. */
static bool is_possible(const struct undone_run *run)
{
    return run->undo > 0 && run->span.last < (uint64_t)run->undo;
}

static int read_all(struct db *db, struct undos *out, struct error *err)
{
    int64_t behind = INT64_MIN;
    for (;;) {
        CLEANUP(taken_release) struct taken t = TAKEN_NONE;
        int r = taken_next(db, behind, &t, err);
        if (r == 0 || (r < 0 && r != -EBADMSG))
            return r;
        behind = t.id;
        if (r > 0 && undos_add(out, &t) < 0)
            return error_set(err, ENOMEM, "finish an undo");
    }
}

static int write_run(struct db *db, const struct undone_run *run, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(db, "INSERT INTO undone(event, undo) WITH RECURSIVE one(event) AS (SELECT ?1"
                     " UNION ALL SELECT event + 1 FROM one WHERE event < ?2)"
                     " SELECT event, ?3 FROM one");
    stmt_bind_int(&s, 1, (int64_t)run->span.first);
    stmt_bind_int(&s, 2, (int64_t)run->span.last);
    stmt_bind_int(&s, 3, run->undo);
    return stmt_run(&s, err);
}

int undone_rewrite(struct db *db, struct error *err)
{
    CLEANUP(undos_release) struct undos undos = {0};
    CLEANUP(undone_release) struct undone_runs runs = {0};
    TRY(read_all(db, &undos, err));
    if (undone_runs_make(&undos, &runs) < 0)
        return error_set(err, ENOMEM, "finish an undo");
    TRY(db_exec(db, "DELETE FROM undone", err));
    for (size_t i = 0; i < runs.count; i++)
        if (is_possible(&runs.list[i]))
            TRY(write_run(db, &runs.list[i], err));
    return 0;
}
