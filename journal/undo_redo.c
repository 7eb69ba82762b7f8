/* undo_redo.c - which events an undo made, so that they can be taken back; see undo.h.
 *
 * An undo's steps carry EVENT_BY_UNDO and lie between its OP_UNDO event and the next one: no plan
 * is made while an undo is unfinished. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "journal/db.h"
#include "journal/undo.h"
#include "journal/undo_plan.h"

static int next_undo(struct db *db, uint64_t undo, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt s = db_query(db, "SELECT min(id) FROM undo WHERE id>?1");
    stmt_bind_int(&s, 1, (int64_t)undo);
    int r = stmt_step(&s, err);
    *out = r == 1 && !stmt_is_null(&s, 0) ? stmt_int(&s, 0) : INT64_MAX;
    return r < 0 ? r : 0;
}

/* Steps that count, and whether all of them take an undo back: what went back to a time may have
 * taken back other things along with one. */
static int look_at(struct db *db, uint64_t undo, bool *counts, bool *is_redo, struct error *err)
{
    int64_t end;
    TRY(next_undo(db, undo, &end, err));
    CLEANUP(stmt_done)
    struct stmt s = db_query(
        db, "SELECT count(*), ifnull(min(o.flags&?3), 0) FROM event e"
            " LEFT JOIN event o ON o.id=e.undoes"
            " WHERE e.id>?1 AND e.id<?2 AND e.flags&?3 AND e.op BETWEEN 1 AND 16 AND e.outcome=0"
            " AND NOT EXISTS (SELECT 1 FROM undone u WHERE u.event=e.id)");
    stmt_bind_int(&s, 1, (int64_t)undo);
    stmt_bind_int(&s, 2, end);
    stmt_bind_int(&s, 3, EVENT_BY_UNDO);
    TRY(stmt_step(&s, err));
    *counts = stmt_int(&s, 0) > 0;
    *is_redo = stmt_int(&s, 1) != 0;
    return 0;
}

/* The newest undo below `before`; 0: none. */
static int undo_before(struct db *db, uint64_t before, uint64_t *out, struct error *err)
{
    int64_t undo = 0;
    TRY(db_number_of(db, "SELECT id FROM undo WHERE id<?1 ORDER BY id DESC LIMIT 1",
                     (int64_t)before, &undo, err));
    *out = (uint64_t)undo;
    return 0;
}

int undo_last(int root, uint64_t *out, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    uint64_t undo = INT64_MAX;
    TRY(db_open_in(root, DB_READ, &db, err));
    for (;;) {
        bool counts = false;
        bool is_redo = false;
        TRY(undo_before(db, undo, &undo, err));
        if (undo)
            TRY(look_at(db, undo, &counts, &is_redo, err));
        if (!undo || (counts && !is_redo)) {
            *out = undo;
            return 0;
        }
    }
}

static int check_is_undo(struct db *db, uint64_t undo, struct error *err)
{
    CLEANUP(stmt_done) struct stmt s = db_query(db, "SELECT 1 FROM undo WHERE id=?1");
    stmt_bind_int(&s, 1, (int64_t)undo);
    int r = stmt_step(&s, err);
    if (r == 0)
        return error_say(err, ENOENT, "event #%" PRIu64 " is no undo; see: ccfs history --op undo",
                         undo);
    return r < 0 ? r : 0;
}

static int collect(struct db *db, uint64_t undo, int64_t end, struct ids *ids, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(db, "SELECT id FROM event e WHERE id>?1 AND id<?2 AND flags&?3"
                     " AND op BETWEEN 1 AND 16 AND outcome=0"
                     " AND NOT EXISTS (SELECT 1 FROM undone u WHERE u.event=e.id) ORDER BY id");
    stmt_bind_int(&s, 1, (int64_t)undo);
    stmt_bind_int(&s, 2, end);
    stmt_bind_int(&s, 3, EVENT_BY_UNDO);
    for (;;) {
        int r = stmt_step(&s, err);
        if (r <= 0)
            return r;
        if (ids_add(ids, (uint64_t)stmt_int(&s, 0)) < 0)
            return error_set(err, ENOMEM, "read an undo's steps");
    }
}

int undo_steps(int root, uint64_t undo, uint64_t **ids, size_t *count, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    CLEANUP(ids_release) struct ids found = {0};
    int64_t end;
    TRY(db_open_in(root, DB_READ, &db, err));
    TRY(check_is_undo(db, undo, err));
    TRY(next_undo(db, undo, &end, err));
    TRY(collect(db, undo, end, &found, err));
    *ids = found.list;
    *count = found.count;
    found = (struct ids){0};
    return 0;
}
