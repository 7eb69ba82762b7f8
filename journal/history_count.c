/* history_count.c - how much happened, and what was done last; see history.h. */
#include "journal/base/clock.h"
#include "journal/history_view.h"
#include "journal/schema.h"

#define BURST_NS (2 * NS_PER_S)

/* ---- counts ---- */

/* In the words of whoever looks at the result of a session:
 *   created  names made, less those of them that went again (temporary files count nothing);
 *   changed  things that were there before and have other content or metadata now, also by the way
 *            editors save: a new file renamed over the old one;
 *   deleted  things that were there before, removed or replaced by something that was there too;
 *   renamed  things that were there before.
 * `made`: the object was created in this session; `over`: so was the one that the rename replaced.
 * Over the whole journal (session 0) nothing "was there before": operations are counted as they
 * are. */
#define COUNT_EVENTS                                                                               \
    "SELECT count(*), min(time), max(time),"                                                       \
    " sum(ok AND op BETWEEN 1 AND 5) - sum(ok AND op IN (6,7) AND made)"                           \
    "  - sum(ok AND op=8 AND replaced AND (over OR made)),"                                        \
    " count(DISTINCT CASE WHEN ok AND op BETWEEN 10 AND 16 AND NOT made THEN object"               \
    "  WHEN ok AND op=8 AND replaced AND made AND NOT over THEN replaced END),"                    \
    " sum(ok AND (op IN (6,7) AND NOT made OR op=8 AND replaced AND NOT made AND NOT over)),"      \
    " sum(ok AND op IN (8,9) AND NOT made),"                                                       \
    " CAST(total(CASE WHEN outcome=1 THEN count END) AS INTEGER) FROM "
#define COUNT_COLUMNS                                                                              \
    "time, op, outcome, count, object, coalesce(replaced,0) AS replaced,"                          \
    " outcome IN (0,3) AND flags&4=0 AS ok, "

static const char count_session[] =
    "WITH born AS MATERIALIZED (SELECT DISTINCT object AS it FROM event WHERE session=?1"
    " AND op BETWEEN 1 AND 4 AND outcome=0 AND flags&4=0 AND object IS NOT NULL) " COUNT_EVENTS
    "(SELECT " COUNT_COLUMNS "coalesce(object,0) IN born AS made,"
    " coalesce(replaced,0) IN born AS over FROM event WHERE session=?1)";
static const char count_all[] =
    COUNT_EVENTS "(SELECT " COUNT_COLUMNS "0 AS made, 0 AS over FROM event)";

static uint64_t not_negative(int64_t value)
{
    return value < 0 ? 0 : (uint64_t)value;
}

int history_count(struct history *h, uint64_t session, struct history_counts *out,
                  struct error *err)
{
    CLEANUP(stmt_done) struct stmt s = db_query(h->db, session ? count_session : count_all);
    if (session)
        stmt_bind_int(&s, 1, (int64_t)session);
    TRY(stmt_step(&s, err));
    *out = (struct history_counts){
        .events = not_negative(stmt_int(&s, 0)),
        .first_time = stmt_int(&s, 1),
        .last_time = stmt_int(&s, 2),
        .created = not_negative(stmt_int(&s, 3)),
        .changed = not_negative(stmt_int(&s, 4)),
        .deleted = not_negative(stmt_int(&s, 5)),
        .renamed = not_negative(stmt_int(&s, 6)),
        .denied = not_negative(stmt_int(&s, 7)),
    };
    return 0;
}

int history_kept(struct history *h, uint64_t *versions, struct error *err)
{
    int64_t count = 0;
    TRY(db_number_of(h->db, "SELECT count(*) FROM version WHERE state=?1", VERSION_KEPT, &count,
                     err));
    *versions = not_negative(count);
    return 0;
}

/* ---- the last burst ---- */

static int newest_change(struct history *h, uint64_t *id, int64_t *session, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(h->db, "SELECT e.id,e.session FROM event e WHERE 1" IS_CHANGE
                                    " AND NOT EXISTS (SELECT 1 FROM undone WHERE event=e.id)"
                                    " ORDER BY e.id DESC LIMIT 1");
    int r = stmt_step(&s, err);
    TRY(r);
    *id = r ? (uint64_t)stmt_int(&s, 0) : 0;
    *session = r ? stmt_int(&s, 1) : 0;
    return 0;
}

int history_last_burst(struct history *h, uint64_t *first_id, uint64_t *last_id, struct error *err)
{
    uint64_t last = 0;
    int64_t session = 0;
    TRY(newest_change(h, &last, &session, err));
    uint64_t first = last;
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(h->db, "SELECT e.id,e.time FROM event e WHERE e.id<=?1"
                        " AND coalesce(+e.session,0)=?2" IS_CHANGE " ORDER BY e.id DESC");
    stmt_bind_int(&s, 1, (int64_t)last);
    stmt_bind_int(&s, 2, session);
    int64_t near = INT64_MIN;
    for (;;) {
        int r = stmt_step(&s, err);
        TRY(r);
        if (r == 0 || stmt_int(&s, 1) < near)
            break;
        first = (uint64_t)stmt_int(&s, 0);
        near = stmt_int(&s, 1);
        near = near < INT64_MIN + BURST_NS ? INT64_MIN : near - BURST_NS;
    }
    *first_id = first;
    *last_id = last;
    return 0;
}
