/* verify_row.c - names the row because of which a seal does not fit; see verify_part.h.
 *
 * A seal keeps the first bytes of each row's digest.  The first one that differs points to the row;
 * whether it was changed, removed or added shows in how many rows there are. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/verify_part.h"

/* ---- words ---- */

/* The first event that a row has to do with; 0: none. */
static int event_of(struct verify *v, enum seal_part part, int64_t id, int64_t *out,
                    struct error *err)
{
    switch (part) {
    case PART_SESSION:
    case PART_SESSION_END:
        return db_number_of(v->db, "SELECT min(id) FROM event WHERE session = ?1", id, out, err);
    case PART_PROC:
        return db_number_of(v->db, "SELECT min(id) FROM event WHERE proc = ?1", id, out, err);
    case PART_PATH:
        return db_number_of(v->db, "SELECT min(id) FROM event WHERE path = ?1 OR path2 = ?1", id,
                            out, err);
    case PART_HASH:
        return db_number_of(v->db, "SELECT event FROM hash WHERE id = ?1", id, out, err);
    case PART_TOMBSTONE:
        return db_number_of(v->db, "SELECT event FROM tombstone WHERE id = ?1", id, out, err);
    case PART_TAKEN:
        return db_number_of(v->db, "SELECT undo FROM taken WHERE id = ?1", id, out, err);
    default:
        *out = id;
        return 0;
    }
}

static const char *part_name(enum seal_part part)
{
    switch (part) {
    case PART_SESSION:
    case PART_SESSION_END:
        return "session";
    case PART_PROC:
        return "process";
    case PART_PATH:
        return "path";
    case PART_HASH:
        return "checksum";
    case PART_TOMBSTONE:
        return "tombstone";
    case PART_TAKEN:
        return "undo";
    default:
        return "event";
    }
}

/* "event #12", "the actor of event #12", "path number 5". */
static void subject(enum seal_part part, int64_t id, int64_t event, char *out, size_t bytes)
{
    static const char *const of[] = {
        [PART_SESSION] = "the session of event #",
        [PART_PROC] = "the actor of event #",
        [PART_PATH] = "a path of event #",
        [PART_EVENT] = "event #",
        [PART_HASH] = "a checksum of event #",
        [PART_TOMBSTONE] = "the tombstone of event #",
        [PART_TAKEN] = "what was taken back by undo #",
        [PART_EVENT_END] = "event #",
        [PART_SESSION_END] = "the session of event #",
    };
    if (event)
        snprintf(out, bytes, "%s%" PRId64, of[part], event);
    else
        snprintf(out, bytes, "%s number %" PRId64, part_name(part), id);
}

static int tell_row(struct verify *v, const struct seal *s, enum seal_part part, int64_t id,
                    const char *what, struct error *err)
{
    char text[96];
    int64_t event = 0;
    TRY(event_of(v, part, id, &event, err));
    subject(part, id, event, text, sizeof text);
    verify_tell(v, event, "%s %s (seal %" PRId64 ")", text, what, s->id);
    return 0;
}

static void tell_seal(struct verify *v, const struct seal *before, const struct seal *s)
{
    int64_t first = before->id ? before->last[PART_EVENT] + 1 : 1;
    verify_tell(v, first,
                "seal %" PRId64 " itself was changed; it covers events from #%" PRId64 " on", s->id,
                first);
}

/* ---- what is missing ---- */

static bool have(const struct seal_rows *rows, enum seal_part part, int64_t id)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].part == part && rows->list[i].id == id)
            return true;
    return false;
}

static bool was_open(const struct seal *s, enum seal_part part, int64_t id)
{
    return part == PART_EVENT && seal_ids_have(&s->opened, id);
}

/* The last number of each range, and each end, stand in the seal itself. */
static bool missing_by_number(const struct seal *before, const struct seal *s,
                              const struct seal_rows *rows, enum seal_part *part, int64_t *id)
{
    for (int i = 0; i < PART_RANGES; i++) {
        *part = (enum seal_part)i;
        *id = s->last[i];
        if (*id != before->last[i] && !was_open(s, *part, *id) && !have(rows, *part, *id))
            return true;
    }
    *part = PART_EVENT_END;
    for (size_t i = 0; i < s->ended.count; i++) {
        *id = s->ended.list[i];
        if (!have(rows, *part, *id))
            return true;
    }
    return false;
}

static int tell_missing(struct verify *v, const struct seal *before, const struct seal *s,
                        const struct seal_rows *rows, size_t at, struct error *err)
{
    enum seal_part part;
    int64_t id = 0;
    const struct seal_row *next = at < rows->count ? &rows->list[at] : NULL;
    const struct seal_row *last = at > 0 ? &rows->list[at - 1] : NULL;
    if (missing_by_number(before, s, rows, &part, &id))
        return tell_row(v, s, part, id, "is missing, which was sealed", err);
    if (!next || next->part >= PART_RANGES) {
        tell_seal(v, before, s);
        return 0;
    }
    int64_t behind = last && last->part == next->part ? last->id : before->last[next->part];
    if (behind == INT64_MIN)
        behind = 0;
    if (next->id - behind == 2)
        return tell_row(v, s, next->part, next->id - 1, "is missing, which was sealed", err);
    verify_tell(v, next->part == PART_EVENT ? behind + 1 : 0,
                "a row that was sealed is missing: %s between number %" PRId64 " and %" PRId64
                " (seal %" PRId64 ")",
                part_name(next->part), behind, next->id, s->id);
    return 0;
}

/* ---- which one ---- */

static bool fits(const struct seal *s, const struct seal_rows *rows, size_t at)
{
    return memcmp(s->marks.data + at * SEAL_MARK_BYTES, seal_mark(&rows->list[at]),
                  SEAL_MARK_BYTES) == 0;
}

int verify_blame(struct verify *v, const struct seal *before, const struct seal *s,
                 const struct seal_rows *rows, struct error *err)
{
    const size_t sealed = s->marks.bytes / SEAL_MARK_BYTES;
    const size_t most = sealed < rows->count ? sealed : rows->count;
    size_t at = 0;
    while (at < most && fits(s, rows, at))
        at++;
    if (rows->count < sealed)
        return tell_missing(v, before, s, rows, at, err);
    if (at == rows->count) {
        tell_seal(v, before, s);
        return 0;
    }
    const struct seal_row *row = &rows->list[at];
    return tell_row(v, s, row->part, row->id,
                    rows->count > sealed ? "was added to what was sealed"
                                         : "was changed after it was sealed",
                    err);
}
