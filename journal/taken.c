/* taken.c - see taken.h; FORMAT.md explains the columns. */
#include "journal/taken.h"

#include <errno.h>

void taken_release(struct taken *t)
{
    spans_release(&t->events);
    spans_release(&t->redone);
    *t = TAKEN_NONE;
}

int taken_store(struct db *db, const struct taken *t, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(db, "INSERT INTO taken(id, undo, time, events, redone)"
                     " SELECT (SELECT ifnull(max(id), 0) + 1 FROM taken), id, time, ?2, ?3"
                     " FROM undo WHERE id = ?1");
    stmt_bind_int(&q, 1, t->undo);
    spans_bind(&q, 2, &t->events);
    spans_bind(&q, 3, &t->redone);
    return stmt_run(&q, err);
}

int taken_next(struct db *db, int64_t behind, struct taken *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT id, undo, time, events, redone FROM taken WHERE id > ?1"
                                 " ORDER BY id LIMIT 1");
    stmt_bind_int(&q, 1, behind);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    taken_release(out);
    out->id = stmt_int(&q, 0);
    out->undo = stmt_int(&q, 1);
    out->time = stmt_int(&q, 2);
    r = spans_read(&q, 3, &out->events);
    if (r == 0)
        r = spans_read(&q, 4, &out->redone);
    if (r == -ENOMEM)
        return error_set(err, ENOMEM, "read what an undo took back");
    return r < 0 ? error_say(err, EBADMSG,
                             "what undo #%lld took back cannot be read: the journal is damaged",
                             (long long)out->undo)
                 : 1;
}
