/* past_select.c - which events an undo must take back for a path to be what it was; see past.h.
 *
 * It is about things, not about names: an object belongs to it when it was there then.  Of one that
 * is there now and was not, only the way by which it came is taken back, and its making if that was
 * there. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/past_part.h"

enum when {
    THEN = 1,
    NOW,
    MADE, /* there now, and made there since */
    GONE, /* not there now any more, but it took the place of what was there then */
};

struct select {
    struct history *history;
    struct past *past;
    const char *path;
    uint64_t first;
    struct map objects; /* object -> one of these numbers' addresses */
    struct ids ids;
    enum when adding;
    struct error *err;
};

static const enum when marks[] = {[THEN] = THEN, [NOW] = NOW, [MADE] = MADE, [GONE] = GONE};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "choose events");
}

static int mark(struct select *s, uint64_t object, enum when when)
{
    union {
        const void *in;
        void *out;
    } address = {.in = &marks[when]};
    return map_put(&s->objects, object, 0, address.out) < 0 ? no_memory(s->err) : 0;
}

static enum when mark_of(const struct select *s, uint64_t object)
{
    const enum when *found = object ? map_get(&s->objects, object, 0) : NULL;
    return found ? *found : 0;
}

/* ---- what was there, what is there ---- */

static int note_thing(void *context, const struct past_thing *thing)
{
    struct select *s = context;
    uint64_t object = 0;
    TRY(past_object_of(s->past, thing->node, &object, s->err));
    if (object)
        TRY(mark(s, object, s->adding));
    return S_ISDIR(thing->attr.mode) ? past_list(s->past, thing, note_thing, s, s->err) : 0;
}

static int note_path(struct select *s, enum when when)
{
    struct past_thing thing;
    s->adding = when;
    int r = past_find(s->past, s->path, &thing, s->err);
    return r == 1 ? note_thing(s, &thing) : r;
}

/* ---- events ---- */

static bool lies_below(const char *path, const char *folder)
{
    size_t bytes = strlen(folder);
    return path && strncmp(path, folder, bytes) == 0 && (path[bytes] == '/' || !path[bytes]);
}

static bool is_there(const struct select *s, const struct event *e)
{
    return lies_below(e->path, s->path) || lies_below(e->path2, s->path);
}

static bool makes(enum op op)
{
    return op >= OP_CREATE && op <= OP_SYMLINK;
}

static bool changes_names(enum op op)
{
    return op >= OP_CREATE && op <= OP_EXCHANGE;
}

/* With an undo that came later too, both changed nothing. */
static bool counts(const struct select *s, const struct event *e)
{
    bool applied = op_changes(e->op) && (e->outcome == OUTCOME_OK || e->outcome == OUTCOME_OPEN);
    bool cancels = (e->flags & EVENT_BY_UNDO) && e->undoes >= s->first;
    return applied && !e->undone_by && !cancels;
}

/* What replaced it may be gone by now; its making is older than that.  Oldest first: what replaced
 * that one in turn comes later. */
static int note_gone(const struct event *e, void *context)
{
    struct select *s = context;
    enum when replaced = counts(s, e) ? mark_of(s, e->replaced) : 0;
    bool gone = e->op == OP_RENAME && (replaced == THEN || replaced == GONE) && e->object &&
                !mark_of(s, e->object);
    return gone ? mark(s, e->object, GONE) : 0;
}

static int choose(const struct event *e, void *context)
{
    struct select *s = context;
    if (!counts(s, e))
        return 0;
    enum when when = mark_of(s, e->object);
    if (when == NOW && makes(e->op) && lies_below(e->path, s->path))
        TRY(mark(s, e->object, when = MADE));
    bool chosen = when == THEN || mark_of(s, e->replaced) == THEN ||
                  ((when == MADE || when == GONE) && is_there(s, e)) ||
                  (when == NOW && is_there(s, e) && changes_names(e->op));
    return chosen && ids_add(&s->ids, e->id) < 0 ? no_memory(s->err) : 0;
}

static int check_undos(struct select *s)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->past->db, "SELECT undo FROM undone WHERE undo>=?1 GROUP BY undo"
                                          " HAVING min(event)<?1 AND max(event)>=?1 LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)s->first);
    int r = stmt_step(&q, s->err);
    if (r != 1)
        return r;
    return error_say(s->err, ENOTSUP,
                     "undo #%" PRId64
                     " took back changes from before that time and from behind it, "
                     "which cannot be told apart in place; put it beside with --to",
                     stmt_int(&q, 0));
}

static int select_all(struct select *s, const struct past_instant *instant)
{
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = instant->event;
    TRY(check_undos(s));
    TRY(note_path(s, NOW));
    TRY(past_go(s->past, instant, s->err));
    TRY(note_path(s, THEN));
    TRY(history_events(s->history, &filter, note_gone, s, s->err));
    return history_events(s->history, &filter, choose, s, s->err);
}

static void select_release(struct select *s)
{
    past_close(&s->past);
    map_release(&s->objects);
    ids_release(&s->ids);
}

int past_events_to_undo(struct history *h, int root, const char *path,
                        const struct past_instant *instant, uint64_t **ids, size_t *count,
                        struct error *err)
{
    CLEANUP(select_release)
    struct select s = {.history = h, .path = path, .first = instant->event, .err = err};
    map_init(&s.objects);
    TRY(past_open(h, root, &s.past, err));
    TRY(select_all(&s, instant));
    *ids = s.ids.list;
    *count = s.ids.count;
    s.ids = (struct ids){0};
    return 0;
}
