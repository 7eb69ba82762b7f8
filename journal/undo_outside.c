/* undo_outside.c - see undo_outside.h.
 *
 * Write sessions overlap: what counts is the youngest change time that any earlier event left.
 * Where an event did not tell how it ended, or names came and went, nothing is concluded from the
 * next one. */
#include "journal/undo_outside.h"

#include <string.h>
#include <sys/stat.h>

#include "journal/db.h"
#include "journal/event.h"
#include "journal/undo_plan.h"

struct seen {
    bool known;
    bool blind; /* a write session has not ended: it may be who changes the file */
    uint64_t ino;
    int64_t nlink;
    int64_t ctime;
};

struct row {
    uint64_t id;
    enum outcome outcome;
    struct attr before;
    struct attr after;
};

static struct row row_of(struct stmt *q)
{
    return (struct row){
        .id = (uint64_t)stmt_int(q, 0),
        .outcome = (enum outcome)stmt_int(q, 1),
        .before = {.mode = (uint32_t)stmt_int(q, 2),
                   .ino = (uint64_t)stmt_int(q, 3),
                   .nlink = (uint32_t)stmt_int(q, 4),
                   .ctime = stmt_int(q, 5)},
        .after = {.mode = (uint32_t)stmt_int(q, 6),
                  .ino = (uint64_t)stmt_int(q, 7),
                  .nlink = (uint32_t)stmt_int(q, 8),
                  .ctime = stmt_int(q, 9)},
    };
}

static bool was_changed(const struct seen *s, const struct row *row)
{
    return s->known && !s->blind && S_ISREG(row->before.mode) && row->before.ino == s->ino &&
           row->before.nlink == s->nlink && row->before.ctime > s->ctime;
}

/* What failed tells of a file only when it moved that file's change time. */
static void see(struct seen *s, const struct row *row)
{
    if (row->outcome == OUTCOME_FAILED && row->after.mode && row->after.ino != s->ino)
        return;
    s->blind |= row->outcome == OUTCOME_OPEN;
    s->known = row->after.mode != 0;
    if (!s->known)
        return;
    if (row->after.ino != s->ino || row->after.ctime > s->ctime)
        s->ctime = row->after.ctime;
    s->ino = row->after.ino;
    s->nlink = row->after.nlink;
}

int outside_found_by(struct db *db, uint64_t object, uint64_t first, uint64_t last, uint64_t *out,
                     struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT id, outcome, b_mode, b_ino, b_nlink, b_ctime, a_mode,"
                                 " a_ino, a_nlink, a_ctime FROM event"
                                 " WHERE object=?1 AND op BETWEEN 1 AND 16 AND outcome<>1"
                                 " UNION ALL SELECT id, outcome, 0, 0, 0, 0, a_mode,"
                                 " a_ino, a_nlink, a_ctime FROM event"
                                 " WHERE path2 IN (SELECT path FROM event WHERE object=?1"
                                 "  UNION SELECT path2 FROM event WHERE object=?1)"
                                 " AND replaced=?1 AND outcome=2 AND a_mode IS NOT NULL"
                                 " ORDER BY id");
    struct seen seen = {0};
    int r;
    stmt_bind_int(&q, 1, (int64_t)object);
    *out = 0;
    while ((r = stmt_step(&q, err)) == 1) {
        const struct row row = row_of(&q);
        if (row.id > first && row.id <= last && was_changed(&seen, &row))
            *out = row.id;
        see(&seen, &row);
    }
    return r;
}

/* ---- put on record ---- */

/* 1: it is on record. */
static int is_noted(struct db *db, const struct undo_outside *o, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(db, "SELECT 1 FROM event WHERE path=(SELECT id FROM path WHERE bytes=?1)"
                     " AND op=?2 AND a_ino=?3 AND a_ctime=?4 LIMIT 1");
    stmt_bind_bytes(&q, 1, o->path, strlen(o->path));
    stmt_bind_int(&q, 2, OP_EXTERNAL);
    stmt_bind_int(&q, 3, (int64_t)o->found.ino);
    stmt_bind_int(&q, 4, o->found.ctime);
    return stmt_step(&q, err);
}

size_t undo_plan_outside(const struct undo_plan *plan)
{
    return plan->outside_count;
}

int undo_note_outside(struct journal *j, int root, const struct undo_plan *plan,
                      struct actor_ref who, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    if (plan->outside_count == 0)
        return 0;
    TRY(db_open_in(root, DB_READ, &db, err));
    for (size_t i = 0; i < plan->outside_count; i++) {
        const struct undo_outside *o = &plan->outside[i];
        int noted = is_noted(db, o, err);
        TRY(noted);
        if (!noted)
            journal_note_external(j, who, o->path, &o->known, &o->found);
    }
    return journal_drain(j, err);
}
