/* tombstone.c - see tombstone.h; FORMAT.md explains the columns. */
#include "journal/tombstone.h"

#include <errno.h>

#include "journal/base/clock.h"
#include "journal/meta.h"
#include "journal/schema.h"

void tombstone_release(struct tombstone *t)
{
    spans_release(&t->spans);
    *t = TOMBSTONE_NONE;
}

int tombstone_add(struct tombstone *t, uint64_t version)
{
    TRY(spans_add(&t->spans, version));
    t->versions++;
    return 0;
}

bool tombstone_names(const struct tombstone *t, uint64_t version)
{
    return spans_have(&t->spans, version);
}

/* ---- storing ---- */

static void bind_seals(struct stmt *q, const struct tombstone *t)
{
    if (t->first_seal == 0)
        return; /* unbound is NULL */
    stmt_bind_int(q, 8, t->first_seal);
    stmt_bind_int(q, 9, t->last_seal);
}

static int insert(struct db *db, const struct tombstone *t, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "INSERT INTO tombstone(id, time, event, versions, bytes, highest, ranges, first_seal,"
            " last_seal, events) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    stmt_bind_int(&q, 1, t->id);
    stmt_bind_int(&q, 2, t->time);
    stmt_bind_int(&q, 3, t->event);
    stmt_bind_int(&q, 4, (int64_t)t->versions);
    stmt_bind_int(&q, 5, (int64_t)t->bytes);
    if (t->spans.count > 0)
        stmt_bind_int(&q, 6, (int64_t)t->spans.list[t->spans.count - 1].last);
    spans_bind(&q, 7, &t->spans);
    bind_seals(&q, t);
    stmt_bind_int(&q, 10, (int64_t)t->events);
    return stmt_run(&q, err);
}

int tombstone_store(struct db *db, struct tombstone *t, struct error *err)
{
    TRY(db_number(db, "SELECT ifnull(max(id), 0) + 1 FROM tombstone", &t->id, err));
    t->time = clock_now_ns();
    TRY(insert(db, t, err));
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "INSERT INTO meta(key, value) VALUES('dropping', ?1)");
    stmt_bind_int(&q, 1, t->id);
    return stmt_run(&q, err);
}

int tombstone_unfinished(struct db *db, int64_t *id, struct error *err)
{
    return meta_get(db, "dropping", id, err);
}

int tombstone_finish(struct db *db, struct error *err)
{
    return db_exec(db, "DELETE FROM meta WHERE key = 'dropping'", err);
}

/* ---- reading ---- */

int tombstone_next(struct db *db, int64_t behind, struct tombstone *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT id, time, event, versions, bytes, ranges, first_seal,"
                                 " last_seal, events FROM tombstone WHERE id > ?1"
                                 " ORDER BY id LIMIT 1");
    stmt_bind_int(&q, 1, behind);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    tombstone_release(out);
    *out = (struct tombstone){
        .id = stmt_int(&q, 0),
        .time = stmt_int(&q, 1),
        .event = stmt_int(&q, 2),
        .versions = (uint64_t)stmt_int(&q, 3),
        .bytes = (uint64_t)stmt_int(&q, 4),
        .first_seal = stmt_int(&q, 6),
        .last_seal = stmt_int(&q, 7),
        .events = (uint64_t)stmt_int(&q, 8),
    };
    r = spans_read(&q, 5, &out->spans);
    if (r == -ENOMEM)
        return error_set(err, ENOMEM, "read a tombstone");
    return r < 0 ? error_say(err, EBADMSG, "tombstone %lld cannot be read: the journal is damaged",
                             (long long)out->id)
                 : 1;
}

int tombstone_of_version(struct db *db, uint64_t version, int64_t *event, int64_t *time,
                         struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT t.event, t.time FROM version v"
                                 " JOIN tombstone t ON t.id = v.tombstone"
                                 " WHERE v.id = ?1 AND v.state = ?2");
    stmt_bind_int(&q, 1, (int64_t)version);
    stmt_bind_int(&q, 2, VERSION_DROPPED);
    int r = stmt_step(&q, err);
    if (r == 1) {
        *event = stmt_int(&q, 0);
        *time = stmt_int(&q, 1);
    }
    return r;
}
