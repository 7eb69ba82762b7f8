/* outside.c - see outside.h.
 *
 * Write sessions overlap: what counts is the youngest change time that any earlier event left.
 * Where an event did not tell how it ended, or names came and went, nothing is concluded from the
 * next one. */
#include "journal/outside.h"

#include <string.h>
#include <sys/stat.h>

struct seen {
    bool known;
    bool blind; /* a write session has not ended: it may be who changes the file */
    struct attr left;
    int64_t ctime; /* the youngest */
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
                  .ctime = stmt_int(q, 9),
                  .born = stmt_int(q, 10),
                  .uid = (uint32_t)stmt_int(q, 11),
                  .gid = (uint32_t)stmt_int(q, 12),
                  .size = (uint64_t)stmt_int(q, 13),
                  .mtime = stmt_int(q, 14)},
    };
}

static bool was_changed(const struct seen *s, const struct attr *found)
{
    return s->known && !s->blind && S_ISREG(found->mode) && found->ino == s->left.ino &&
           found->nlink == s->left.nlink && found->ctime > s->ctime;
}

/* What failed tells of a file only when it moved that file's change time. */
static void see(struct seen *s, const struct row *row)
{
    if (row->outcome == OUTCOME_FAILED && row->after.mode && row->after.ino != s->left.ino)
        return;
    s->blind |= row->outcome == OUTCOME_OPEN;
    s->known = row->after.mode != 0;
    if (!s->known)
        return;
    if (row->after.ino != s->left.ino || row->after.ctime > s->ctime)
        s->ctime = row->after.ctime;
    s->left = row->after;
}

/* Of an object, as row_of() reads it. */
static struct stmt query_rows(struct db *db, uint64_t object)
{
    struct stmt q = db_query(
        db, "SELECT id, outcome, b_mode, b_ino, b_nlink, b_ctime, a_mode, a_ino, a_nlink,"
            " a_ctime, a_born, a_uid, a_gid, a_size, a_mtime FROM event"
            " WHERE object=?1 AND op BETWEEN 1 AND 16 AND outcome<>1"
            " UNION ALL SELECT id, outcome, 0, 0, 0, 0, iif(outcome=2, a_mode, 0), a_ino,"
            " a_nlink, a_ctime, a_born, a_uid, a_gid, a_size, a_mtime FROM event"
            " WHERE replaced=?1 AND (outcome=2 AND a_mode IS NOT NULL OR outcome=0 AND op=9)"
            " ORDER BY id");
    stmt_bind_int(&q, 1, (int64_t)object);
    return q;
}

int outside_found_by(struct db *db, uint64_t object, uint64_t first, uint64_t last, uint64_t *out,
                     struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = query_rows(db, object);
    struct seen seen = {0};
    int r;
    *out = 0;
    while ((r = stmt_step(&q, err)) == 1) {
        const struct row row = row_of(&q);
        if (row.id > first && row.id <= last && was_changed(&seen, &row.before))
            *out = row.id;
        see(&seen, &row);
    }
    return r;
}

/* Most files are no younger than that, and then nothing else has to be read. */
static int youngest_left(struct db *db, uint64_t object, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT max(a_ctime) FROM event WHERE object=?1");
    stmt_bind_int(&q, 1, (int64_t)object);
    int r = stmt_step(&q, err);
    *out = r == 1 && !stmt_is_null(&q, 0) ? stmt_int(&q, 0) : INT64_MAX;
    return r < 0 ? r : 0;
}

/* The change time alone moves for many a reason: a link that was made and taken away again. */
static bool is_another(const struct attr *a, const struct attr *b)
{
    return a->size != b->size || a->mtime != b->mtime || a->mode != b->mode || a->uid != b->uid ||
           a->gid != b->gid;
}

int outside_is_new(struct db *db, uint64_t object, const struct attr *found, struct attr *known,
                   struct error *err)
{
    int64_t youngest = 0;
    TRY(youngest_left(db, object, &youngest, err));
    if (found->ctime <= youngest)
        return 0;
    CLEANUP(stmt_done) struct stmt q = query_rows(db, object);
    struct seen seen = {0};
    int r;
    while ((r = stmt_step(&q, err)) == 1) {
        const struct row row = row_of(&q);
        see(&seen, &row);
    }
    *known = seen.left;
    return r < 0 ? r : was_changed(&seen, found) && is_another(&seen.left, found);
}

int outside_is_noted(struct db *db, const char *path, const struct attr *found, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(db, "SELECT 1 FROM event WHERE path=(SELECT id FROM path WHERE bytes=?1)"
                     " AND op=?2 AND a_ino=?3 AND a_ctime=?4 LIMIT 1");
    stmt_bind_bytes(&q, 1, path, strlen(path));
    stmt_bind_int(&q, 2, OP_EXTERNAL);
    stmt_bind_int(&q, 3, (int64_t)found->ino);
    stmt_bind_int(&q, 4, found->ctime);
    return stmt_step(&q, err);
}
