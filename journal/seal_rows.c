/* seal_rows.c - see seal_rows.h. */
#include "journal/seal_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"

/* ---- lists ---- */

void seal_rows_release(struct seal_rows *rows)
{
    free(rows->list);
    *rows = (struct seal_rows){0};
}

static struct seal_row *rows_push(struct seal_rows *rows)
{
    struct seal_row *list = list_grown(rows->list, rows->count, &rows->room, sizeof *list);
    if (!list)
        return NULL;
    rows->list = list;
    return &rows->list[rows->count++];
}

void seal_ids_release(struct seal_ids *ids)
{
    free(ids->list);
    *ids = (struct seal_ids){0};
}

int seal_ids_add(struct seal_ids *ids, int64_t id)
{
    int64_t *list = list_grown(ids->list, ids->count, &ids->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    ids->list = list;
    ids->list[ids->count++] = id;
    return 0;
}

bool seal_ids_have(const struct seal_ids *ids, int64_t id)
{
    size_t low = 0;
    size_t high = ids->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->list[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ids->count && ids->list[low] == id;
}

int seal_ids_change(struct seal_ids *ids, const struct seal_ids *add, const struct seal_ids *remove)
{
    CLEANUP(seal_ids_release) struct seal_ids out = {0};
    size_t a = 0;
    size_t b = 0;
    while (a < ids->count || b < add->count) {
        bool first = b == add->count || (a < ids->count && ids->list[a] <= add->list[b]);
        int64_t id = first ? ids->list[a++] : add->list[b++];
        if (!seal_ids_have(remove, id))
            TRY(seal_ids_add(&out, id));
    }
    struct seal_ids old = *ids;
    *ids = out;
    out = old;
    return 0;
}

/* ---- a row's digest ---- */

void seal_reader_release(struct seal_reader *r)
{
    strbuf_release(&r->form);
}

/* What a column holds, and a number: nine bytes at once, for most columns are no more. */
static void put_number(struct strbuf *out, enum value_kind kind, uint64_t value)
{
    unsigned char bytes[9] = {(unsigned char)kind};
    for (int i = 0; i < 8; i++)
        bytes[i + 1] = (unsigned char)(value >> (8 * i));
    strbuf_add(out, bytes, sizeof bytes);
}

static void put_column(struct strbuf *out, struct stmt *q, int column)
{
    size_t bytes = 0;
    const enum value_kind kind = stmt_kind(q, column);
    if (kind == VALUE_NULL) {
        strbuf_add(out, "", 1);
    } else if (kind == VALUE_INT) {
        put_number(out, kind, (uint64_t)stmt_int(q, column));
    } else {
        const void *data = stmt_bytes(q, column, &bytes);
        put_number(out, kind, bytes);
        strbuf_add(out, data, bytes);
    }
}

/* Of the row at which q stands, columns 0 to count - 1; column 0 is its number. */
static int row_add(struct seal_reader *r, struct stmt *q, enum seal_part part, int count,
                   struct seal_rows *out, struct error *err)
{
    const unsigned char tag = (unsigned char)part;
    struct seal_row row = {.part = part, .id = stmt_int(q, 0)};
    strbuf_clear(&r->form);
    strbuf_add(&r->form, &tag, 1);
    for (int i = 0; i < count; i++)
        put_column(&r->form, q, i);
    sha256_begin(r->sha);
    sha256_add(r->sha, r->form.data, r->form.bytes);
    if (sha256_end(r->sha, row.digest) < 0)
        return error_say(err, EIO, "SHA-256 failed");
    struct seal_row *place = r->form.failed ? NULL : rows_push(out);
    if (!place)
        return error_set(err, ENOMEM, "seal the journal");
    *place = row;
    return 0;
}

/* ---- queries ---- */

#define EVENT_FORM                                                                                 \
    "SELECT e.id, e.time, e.session, e.proc, e.tid, e.op, e.flags, e.outcome, e.error, e.reason,"  \
    " e.count, e.path, e.path2, e.object, e.replaced,"                                             \
    " e.b_ino, e.b_born, e.b_mode, e.b_uid, e.b_gid, e.b_nlink, e.b_size, e.b_mtime, e.b_ctime,"   \
    " e.a_ino, e.a_born, e.a_mode, e.a_uid, e.a_gid, e.a_nlink, e.a_size, e.a_mtime, e.a_ctime,"   \
    " e.r_ino, e.r_born, e.r_mode, e.r_uid, e.r_gid, e.r_nlink, e.r_size, e.r_mtime, e.r_ctime,"   \
    " e.dir_mtime, e.dir2_mtime, e.version, e.ranges, e.xattrs, e.undoes, v.event, v.kept"         \
    " FROM event e LEFT JOIN version v ON v.id = e.version"
#define COLUMN_OUTCOME 7
#define COLUMN_SESSION_ENDED 5
#define OUTCOME_IS_OPEN 3

/* The last column of the sessions' is not part of the form. */
static struct stmt query_range(struct db *db, enum seal_part part)
{
    switch (part) {
    case PART_SESSION:
        return db_query(db, "SELECT id, name, backend, command, began, ended FROM session"
                            " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3");
    case PART_PROC:
        return db_query(db, "SELECT id, pid, started, parent, uid, gid, exe, cmdline, container"
                            " FROM proc WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3");
    case PART_PATH:
        return db_query(db, "SELECT id, bytes FROM path WHERE id > ?1 AND id <= ?2"
                            " ORDER BY id LIMIT ?3");
    case PART_EVENT:
        return db_query(db, EVENT_FORM " WHERE e.id > ?1 AND e.id <= ?2 ORDER BY e.id LIMIT ?3");
    case PART_TOMBSTONE:
        return db_query(db, "SELECT id, time, event, versions, bytes, highest, ranges, first_seal,"
                            " last_seal, events FROM tombstone WHERE id > ?1 AND id <= ?2"
                            " ORDER BY id LIMIT ?3");
    case PART_TAKEN:
        return db_query(db, "SELECT id, undo, time, events, redone FROM taken"
                            " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3");
    default:
        return db_query(db, "SELECT id, event, side, sha256 FROM hash WHERE id > ?1 AND id <= ?2"
                            " ORDER BY id LIMIT ?3");
    }
}

static int form_columns(struct stmt *q, enum seal_part part)
{
    return part == PART_SESSION ? COLUMN_SESSION_ENDED : stmt_columns(q);
}

static bool is_open(struct stmt *q, enum seal_part part)
{
    if (part == PART_SESSION)
        return stmt_is_null(q, COLUMN_SESSION_ENDED);
    return part == PART_EVENT && stmt_int(q, COLUMN_OUTCOME) == OUTCOME_IS_OPEN;
}

static void bind_range(struct stmt *q, const struct seal_range *range)
{
    stmt_bind_int(q, 1, range->behind);
    stmt_bind_int(q, 2, range->last);
    stmt_bind_int(q, 3, (int64_t)range->most);
}

int seal_rows_read(struct seal_reader *r, const struct seal_range *range, struct seal_rows *out,
                   struct seal_ids *open, int64_t *reached, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = query_range(r->db, range->part);
    int columns = form_columns(&q, range->part);
    int got = 0;
    bind_range(&q, range);
    *reached = range->behind;
    while ((got = stmt_step(&q, err)) == 1) {
        int64_t id = stmt_int(&q, 0);
        bool opened = is_open(&q, range->part);
        if (range->whole && id > (*reached == INT64_MIN ? 1 : *reached + 1))
            return 0;
        if (opened && seal_ids_add(open, id) < 0)
            return error_set(err, ENOMEM, "seal the journal");
        if (!opened || range->part == PART_SESSION)
            TRY(row_add(r, &q, range->part, columns, out, err));
        *reached = id;
    }
    return got;
}

int seal_rows_read_again(struct seal_reader *r, const struct seal_range *range,
                         const struct seal_ids *skip, struct seal_rows *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = query_range(r->db, range->part);
    int columns = form_columns(&q, range->part);
    int got = 0;
    bind_range(&q, range);
    while ((got = stmt_step(&q, err)) == 1)
        if (!seal_ids_have(skip, stmt_int(&q, 0)))
            TRY(row_add(r, &q, range->part, columns, out, err));
    return got;
}

int seal_row_read(struct seal_reader *r, enum seal_part part, int64_t id, struct seal_rows *out,
                  struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = part == PART_EVENT_END
                        ? db_query(r->db, EVENT_FORM " WHERE e.id = ?1")
                        : db_query(r->db, "SELECT id, ended, status FROM session WHERE id = ?1");
    stmt_bind_int(&q, 1, id);
    int got = stmt_step(&q, err);
    return got == 1 ? row_add(r, &q, part, stmt_columns(&q), out, err) : got;
}
