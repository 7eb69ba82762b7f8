/* gc_pick.c - chooses what is to go; see gc.h.
 *
 * All limits and floors become numbers of events: events ascend in time, and what is protected is
 * always "from this event on".  An undo goes back from the newest event, so a floor holds whatever
 * came later, too. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "journal/base/clock.h"
#include "journal/gc_part.h"
#include "journal/schema.h"
#include "journal/seal.h"
#include "journal/vault_pack.h"

#define SPANS_MOST (1u << 20) /* of one tombstone; the next run goes on */

/* What a version must be to go. */
struct bounds {
    int64_t floor;  /* events from it on are protected */
    int64_t events; /* events up to it go; 0: none */
    int64_t age;    /* versions of events before it go */
    uint64_t bytes; /* that the vault takes as yet */
    uint64_t count;
};

int gc_check_undos(struct gc *g, struct error *err)
{
    int64_t planned = 0;
    TRY(db_number_of(g->db, "SELECT count(*) FROM undo WHERE state = ?1", UNDO_PLANNED, &planned,
                     err));
    if (planned == 0)
        return 0;
    return error_say(
        err, EBUSY, "an undo has not ended and may need what would go; finish it first: ccfs undo");
}

int gc_may_go_on(struct gc *g, struct error *err)
{
    return journal_gc_may_go_on(g->journal)
               ? 0
               : error_say(err, ECANCELED, "the rest goes when the workspace is mounted again");
}

/* ---- where in the journal ---- */

static int64_t seconds_ago(const struct gc *g, uint64_t seconds)
{
    int64_t most = g->now / NS_PER_S;
    return g->now - (seconds > (uint64_t)most ? most : (int64_t)seconds) * NS_PER_S;
}

/* The time of the first event from number id on; its number.  1, 0: there is none. */
static int event_from(struct gc *g, int64_t id, int64_t *found, int64_t *time, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(g->db, "SELECT id, time FROM event WHERE id >= ?1 ORDER BY id LIMIT 1");
    stmt_bind_int(&q, 1, id);
    int r = stmt_step(&q, err);
    if (r == 1) {
        *found = stmt_int(&q, 0);
        *time = stmt_int(&q, 1);
    }
    return r;
}

/* The first event that is not older than `time`, by halving: there is no index on times. */
static int event_at(struct gc *g, int64_t time, int64_t *out, struct error *err)
{
    int64_t low = 1;
    int64_t high = 0;
    TRY(db_number(g->db, "SELECT ifnull(max(id), 0) + 1 FROM event", &high, err));
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t id = 0;
        int64_t then = 0;
        int r = event_from(g, middle, &id, &then, err);
        TRY(r);
        if (r == 1 && then < time)
            low = id + 1;
        else
            high = middle;
    }
    *out = low;
    return 0;
}

int gc_event_since(struct gc *g, uint64_t seconds, int64_t *out, struct error *err)
{
    return event_at(g, seconds_ago(g, seconds), out, err);
}

static void lower(int64_t *floor, int64_t event)
{
    if (event > 0 && event < *floor)
        *floor = event;
}

/* The newest sessions of agents; mounts have a session of their own, which counts for none. */
static int floor_of_sessions(struct gc *g, int64_t *floor, struct error *err)
{
    int64_t session = 0;
    int64_t event = 0;
    if (g->limits->keep_sessions == 0)
        return 0;
    TRY(db_number_of(g->db,
                     "SELECT min(id) FROM (SELECT id FROM session WHERE backend <> 'mount'"
                     " ORDER BY id DESC LIMIT ?1)",
                     g->limits->keep_sessions > INT64_MAX ? INT64_MAX
                                                          : (int64_t)g->limits->keep_sessions,
                     &session, err));
    /* of all of them: the oldest may have done nothing, or later than the others */
    TRY(db_number_of(g->db,
                     "SELECT min((SELECT min(id) FROM event WHERE session = s.id)) FROM session s"
                     " WHERE s.id >= ?1 AND s.backend <> 'mount'",
                     session, &event, err));
    lower(floor, event);
    return 0;
}

/* Sessions of earlier runs that have no end were cut off. */
static int floor_of_alive(struct gc *g, int64_t *floor, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "SELECT (SELECT min(id) FROM event WHERE session = s.id)"
                                    " FROM session s WHERE s.id >= ?1 AND s.ended IS NULL"
                                    " AND s.backend <> 'mount'");
    int r = 0;
    stmt_bind_int(&q, 1, (int64_t)journal_first_session(g->journal));
    while ((r = stmt_step(&q, err)) == 1)
        lower(floor, stmt_int(&q, 0));
    return r;
}

static int find_floor(struct gc *g, int64_t *floor, struct error *err)
{
    int64_t event = 0;
    *floor = INT64_MAX;
    TRY(floor_of_sessions(g, floor, err));
    TRY(floor_of_alive(g, floor, err));
    TRY(db_number(g->db, "SELECT min(id) FROM event WHERE outcome = 3", &event, err));
    lower(floor, event);
    if (g->limits->keep_age_s) {
        TRY(gc_event_since(g, g->limits->keep_age_s, &event, err));
        lower(floor, event);
    }
    return 0;
}

/* ---- events ---- */

/* Events up to *out are beyond a limit. */
static int events_beyond(struct gc *g, int64_t *out, struct error *err)
{
    int64_t newest = 0;
    int64_t event = 0;
    *out = 0;
    if (g->limits->events_age_s) {
        TRY(gc_event_since(g, g->limits->events_age_s, &event, err));
        *out = event - 1;
    }
    if (g->limits->events_count && g->limits->events_count < INT64_MAX) {
        TRY(db_number_of(g->db, "SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?1",
                         (int64_t)g->limits->events_count, &newest, err));
        if (newest > *out)
            *out = newest;
    }
    return 0;
}

/* From `first` on, but for the last one of all; 0: none. */
static int last_seal(struct gc *g, int64_t first, int64_t event, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "SELECT max(id) FROM seal WHERE event <= ?1 AND id >= ?2"
                                    " AND id < (SELECT max(id) FROM seal)");
    stmt_bind_int(&q, 1, event);
    stmt_bind_int(&q, 2, first);
    return stmt_number(&q, out, err);
}

/* Whole seals go, and never the last one, so that the newest events and numbers stay. */
static int pick_events(struct gc *g, struct bounds *b, struct tombstone *t, struct error *err)
{
    int64_t beyond = 0;
    int64_t first = 0;
    int64_t last = 0;
    TRY(events_beyond(g, &beyond, err));
    if (beyond >= b->floor)
        beyond = b->floor - 1;
    TRY(db_number_of(g->db, "SELECT ifnull(max(seal), 0) + 1 FROM gone WHERE part = ?1", PART_EVENT,
                     &first, err));
    TRY(last_seal(g, first, beyond, &last, err));
    if (last < first)
        return 0;
    t->first_seal = first;
    t->last_seal = last;
    TRY(db_number_of(g->db, "SELECT event FROM seal WHERE id = ?1", last, &b->events, err));
    int64_t count = 0;
    TRY(db_number_of(g->db, "SELECT count(*) FROM event WHERE id <= ?1", b->events, &count, err));
    t->events = (uint64_t)count;
    g->result->last_event = (uint64_t)b->events;
    return 0;
}

/* ---- versions ---- */

struct candidate {
    uint64_t version;
    int64_t event;
    uint64_t bytes; /* that its going would give back */
};

static bool is_due(const struct gc *g, const struct bounds *b, const struct candidate *c)
{
    const struct gc_limits *l = g->limits;
    if (c->event <= b->events || c->event < b->age)
        return true;
    if (l->vault_count && b->count > l->vault_count)
        return true;
    return l->vault_bytes && b->bytes > l->vault_bytes && c->bytes > 0;
}

/* Of an inode that has names elsewhere nothing is freed. */
static void measure(struct vault *v, struct candidate *c)
{
    char name[VAULT_NAME];
    struct stat st;
    int folder = vault_place(v, c->version, name);
    bool here = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    c->bytes = here && st.st_nlink < 2 ? (uint64_t)st.st_blocks * 512 : 0;
    c->bytes += here ? 0 : vault_packed_bytes(v, c->version);
}

static int consider(struct gc *g, struct bounds *b, struct candidate *c, struct tombstone *t)
{
    c->bytes = 1; /* something, as long as nobody has looked */
    if (!is_due(g, b, c))
        return 0;
    measure(g->vault, c);
    if (!is_due(g, b, c))
        return 0;
    if (c->event >= b->floor) {
        g->result->held_back++;
        return 0;
    }
    TRY(tombstone_add(t, c->version));
    t->bytes += c->bytes;
    b->bytes -= c->bytes < b->bytes ? c->bytes : b->bytes;
    b->count--;
    return 0;
}

static int pick_versions(struct gc *g, struct bounds *b, struct tombstone *t, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(g->db, "SELECT id, event FROM version WHERE state = ?1 ORDER BY id");
    int r = 0;
    stmt_bind_int(&q, 1, VERSION_KEPT);
    while (t->spans.count < SPANS_MOST && (r = stmt_step(&q, err)) == 1) {
        struct candidate c = {.version = (uint64_t)stmt_int(&q, 0), .event = stmt_int(&q, 1)};
        if (consider(g, b, &c, t) < 0)
            return error_set(err, ENOMEM, "choose what is to go");
    }
    return r < 0 ? r : 0;
}

/* A daemon has counted; without one the vault is gone through. */
static int measure_vault(struct gc *g, struct bounds *b, struct error *err)
{
    int64_t count = 0;
    int r = vault_used(g->vault, &b->bytes) ? 0 : vault_usage(g->vault, &b->bytes, &b->count);
    if (r < 0)
        return error_set(err, -r, "measure the vault");
    TRY(db_number_of(g->db, "SELECT count(*) FROM version WHERE state = ?1", VERSION_KEPT, &count,
                     err));
    b->count = (uint64_t)count;
    return 0;
}

int gc_pick(struct gc *g, struct tombstone *out, struct error *err)
{
    struct bounds b = {0};
    TRY(find_floor(g, &b.floor, err));
    TRY(pick_events(g, &b, out, err));
    if (g->limits->vault_age_s)
        TRY(gc_event_since(g, g->limits->vault_age_s, &b.age, err));
    TRY(measure_vault(g, &b, err));
    TRY(pick_versions(g, &b, out, err));
    if (out->spans.count == SPANS_MOST) { /* some of their versions may be left */
        out->first_seal = out->last_seal = 0;
        out->events = g->result->last_event = 0;
    }
    g->result->versions = out->versions;
    g->result->bytes = out->bytes;
    g->result->events = out->events;
    g->result->vault_bytes = b.bytes;
    g->result->vault_versions = b.count;
    return 0;
}
