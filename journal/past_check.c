/* past_check.c - whether what is known of a thing is true of the instant that is looked at.
 *
 * The journal knows what happened in the mount.  Outside of it anybody can change a file; the
 * change time, which nobody can set, and the states that events told show where that was so. */
#include <errno.h>
#include <inttypes.h>

#include "journal/base/clock.h"
#include "journal/past_part.h"
#include "journal/undo_thing.h"

/* Change times come from a clock that ticks: what changed just after the instant may say just
 * before. */
#define TICK_NS (20 * INT64_C(1000000))

static bool changed_before(const struct attr *a, int64_t time)
{
    return a->ctime && a->ctime < time - TICK_NS;
}

int past_object_of(struct past *p, const struct node *node, uint64_t *out, struct error *err)
{
    *out = node->thing ? node->thing->object : 0;
    if (*out)
        return 0;
    CLEANUP(stmt_done)
    struct stmt s = db_query(p->db, "SELECT object FROM inode WHERE ino=?1 AND born=?2");
    stmt_bind_int(&s, 1, (int64_t)node->attr.ino);
    stmt_bind_int(&s, 2, node->attr.born);
    int r = stmt_step(&s, err);
    if (r == 1)
        *out = (uint64_t)stmt_int(&s, 0);
    return r < 0 ? r : 0;
}

int past_is_foreign(struct past *p, const struct node *node, bool *out, struct error *err)
{
    uint64_t object = 0;
    *out = false;
    if (node->origin != ORIGIN_DISK || node->thing || node == p->tree.top || !node->attr.born ||
        node->attr.born <= p->now.time)
        return 0;
    TRY(past_object_of(p, node, &object, err));
    *out = object == 0;
    return 0;
}

/* ---- was it being written? ---- */

/* When a session ends, the change time may tell of a rename since, and the modification time may
 * have been set.  It was over where the modification time is from before, or was set before and
 * stayed. */
#define UTIMENS_SINCE                                                                              \
    "EXISTS (SELECT 1 FROM event u WHERE u.object=?1 AND u.id>e.id AND u.op=14 AND u.outcome=0"
#define STILL_WRITTEN                                                                              \
    "SELECT e.id FROM event e WHERE e.object=?1 AND e.id<?2 AND e.op IN (10,11) AND (e.outcome=3"  \
    " OR e.outcome=0 AND e.a_ctime>?3 AND (e.a_mtime>?3 OR " UTIMENS_SINCE "))"                    \
    " AND NOT " UTIMENS_SINCE " AND u.id<?2 AND u.a_mtime=e.a_mtime)) ORDER BY e.id DESC LIMIT 1"

static int check_at_rest(struct past *p, uint64_t object, const char *path, struct error *err)
{
    CLEANUP(stmt_done) struct stmt s = db_query(p->db, STILL_WRITTEN);
    stmt_bind_int(&s, 1, (int64_t)object);
    stmt_bind_int(&s, 2, (int64_t)p->now.event);
    stmt_bind_int(&s, 3, p->now.time);
    int r = stmt_step(&s, err);
    TRY(r);
    if (r == 0)
        return 0;
    return error_say(err, EBUSY,
                     "%s was being written at that time, by event #%" PRId64
                     ": say a time before or behind it, or the event",
                     path, stmt_int(&s, 0));
}

/* ---- did somebody else change it between the instant and the first event that saw it? ---- */

static bool same_content(struct stmt *s, const struct attr *a)
{
    return (uint64_t)stmt_int(s, 0) == a->ino && (uint64_t)stmt_int(s, 1) == a->size &&
           stmt_int(s, 2) == a->mtime;
}

static int is_left_so(struct past *p, uint64_t object, const struct attr *state, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(p->db, "SELECT a_ino, a_size, a_mtime FROM event WHERE object=?1 AND id<?2"
                        " AND outcome=0 AND a_mode IS NOT NULL ORDER BY id DESC LIMIT 1");
    stmt_bind_int(&s, 1, (int64_t)object);
    stmt_bind_int(&s, 2, (int64_t)p->now.event);
    int r = stmt_step(&s, err);
    return r == 1 ? same_content(&s, state) : r;
}

static int check_untouched(struct past *p, uint64_t object, const struct node *node,
                           const char *path, struct error *err)
{
    const struct thing *t = node->thing;
    const struct attr *state = t && t->first.mode ? &t->first : &node->attr;
    bool by_event = t && t->first_event == p->now.event; /* that found it so */
    if (by_event || changed_before(state, p->now.time))
        return 0;
    int known = object ? is_left_so(p, object, state, err) : 0;
    if (known != 0)
        return known < 0 ? known : 0;
    return error_say(err, ESTALE,
                     "%s was changed outside ccfs since: what it held then is not known", path);
}

/* ---- all of it ---- */

/* Something happened to it that was not taken back on this node: the journal does not lead there.
 */
static int check_all_seen(struct past *p, uint64_t object, const struct node *node,
                          const char *path, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(p->db, "SELECT 1 FROM event WHERE object=?1 AND id>=?2"
                                    " AND op IN (10,11) AND outcome IN (0,3) LIMIT 1");
    bool lost = node->thing && node->thing->orphans;
    stmt_bind_int(&s, 1, (int64_t)object);
    stmt_bind_int(&s, 2, (int64_t)p->now.event);
    int r = lost ? 1 : node->thing ? 0 : stmt_step(&s, err);
    return r == 1 ? error_say(err, ESTALE, "the journal does not say enough about %s", path) : r;
}

static int check_disk(struct past *p, const struct node *node, const char *path, struct error *err)
{
    if (node->troubled)
        return error_say(err, ESTALE, "the journal does not say enough about %s", path);
    if (node->thing && !thing_is_as_last_seen(node))
        TRY(thing_catch_up(p->db, node->thing, err));
    if (node->thing && !thing_is_as_last_seen(node))
        return error_say(err, ESTALE,
                         "%s was changed outside ccfs since: what it held then is not known", path);
    return 0;
}

/* Whole versions that are kept make what happened to the file since irrelevant. */
static bool needs_disk(const struct node *node)
{
    const struct patch *newest = node->patches;
    return node->origin == ORIGIN_DISK && !(newest && kept_is_whole(newest->kept));
}

int past_check(struct past *p, const struct past_thing *thing, struct error *err)
{
    const struct node *node = thing->node;
    uint64_t object = 0;
    TRY(past_object_of(p, node, &object, err));
    if (needs_disk(node) || node->troubled)
        TRY(check_disk(p, node, thing->path, err));
    if (object)
        TRY(check_all_seen(p, object, node, thing->path, err));
    TRY(check_untouched(p, object, node, thing->path, err));
    return object ? check_at_rest(p, object, thing->path, err) : 0;
}
