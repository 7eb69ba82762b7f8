/* changes.c - see changes.h.
 *
 * The past is gone through once, from now back: at each instant behind the last event of a thing
 * its later state is taken, at each before the first its earlier one, and then it is told. */
#include "launcher/changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/base/list.h"
#include "journal/base/map.h"

#define WAITING_MOST 2000 /* each has a descriptor open; more are told by themselves */

struct entry {
    struct difference d;
    int64_t first_time;
    int64_t last_time; /* when its last event had ended */
    char *path;        /* that it had then; owned */
    bool told;
};

struct moment {
    struct past_instant at;
    struct entry *entry;
    bool after;
};

struct walk {
    struct history *history;
    struct past *past;
    struct entry **entries; /* each owned */
    size_t count;
    size_t room;
    struct map by_object;
    struct moment *moments;
    struct map made; /* hash of a path -> entry that waits */
    struct map gone;
    size_t waiting;
    changes_each *each;
    void *context;
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "compare");
}

static void side_release(struct side *side)
{
    free(side->path);
    side->path = NULL;
    fd_close(&side->content);
    strbuf_release(&side->target);
}

static void entry_free(struct entry *entry)
{
    if (entry) {
        side_release(&entry->d.before);
        side_release(&entry->d.after);
        free(entry->path);
    }
    free(entry);
}

static void walk_release(struct walk *w)
{
    for (size_t i = 0; i < w->count; i++)
        entry_free(w->entries[i]);
    free(w->entries);
    free(w->moments);
    map_release(&w->by_object);
    map_release(&w->made);
    map_release(&w->gone);
    past_close(&w->past);
}

/* ---- the events ---- */

static struct entry *add_entry(struct walk *w, uint64_t object, const struct event *e)
{
    struct entry **more = list_grown(w->entries, w->count, &w->room, sizeof(struct entry *));
    if (!more)
        return NULL;
    w->entries = more;
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry || map_put(&w->by_object, object, 0, entry) < 0) {
        free(entry);
        return NULL;
    }
    entry->d = (struct difference){
        .object = object, .first = e->id, .before.content = -1, .after.content = -1};
    entry->first_time = e->time;
    w->entries[w->count++] = entry;
    return entry;
}

/* path: that the event left it; NULL: it took the last name that is known. */
static int note(struct walk *w, uint64_t object, const struct event *e, const char *path,
                const struct attr *after)
{
    struct entry *entry = map_get(&w->by_object, object, 0);
    if (!object)
        return 0;
    if (!entry && !(entry = add_entry(w, object, e)))
        return no_memory(w->err);
    entry->d.last = e->id;
    entry->last_time = after->ctime > e->time ? after->ctime : e->time;
    if (!path)
        return 0;
    free(entry->path);
    entry->path = strdup(path);
    return entry->path ? 0 : no_memory(w->err);
}

static int note_event(const struct event *e, void *context)
{
    struct walk *w = context;
    static const struct attr none;
    bool applied = e->outcome == OUTCOME_OK || e->outcome == OUTCOME_OPEN;
    if (!op_changes(e->op) || !applied || !e->path)
        return 0;
    bool removes = e->op == OP_UNLINK || e->op == OP_RMDIR;
    bool moves = e->op == OP_RENAME || e->op == OP_EXCHANGE;
    if (moves && e->path2)
        TRY(note(w, e->replaced, e, e->op == OP_EXCHANGE ? e->path : NULL, &none));
    return note(w, e->object, e,
                removes             ? NULL
                : moves && e->path2 ? e->path2
                                    : e->path,
                &e->after);
}

/* ---- the instants ---- */

static int by_instant(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;
    if (x->at.event != y->at.event)
        return x->at.event < y->at.event ? 1 : -1;
    return (int)y->after - (int)x->after;
}

static int list_moments(struct walk *w)
{
    w->moments = calloc(2 * w->count + 1, sizeof *w->moments);
    if (!w->moments)
        return no_memory(w->err);
    for (size_t i = 0; i < w->count; i++) {
        struct entry *entry = w->entries[i];
        w->moments[2 * i] = (struct moment){
            .at = {.event = entry->d.last + 1, .time = entry->last_time},
            .entry = entry,
            .after = true,
        };
        w->moments[2 * i + 1] = (struct moment){
            .at = {.event = entry->d.first, .time = entry->first_time}, .entry = entry};
    }
    qsort(w->moments, 2 * w->count, sizeof *w->moments, by_instant);
    return 0;
}

static int fill_side(struct walk *w, const struct past_thing *thing, struct side *side,
                     struct error *err)
{
    side->there = true;
    side->attr = thing->attr;
    side->path = strdup(thing->path);
    if (!side->path)
        return no_memory(err);
    if (S_ISREG(thing->attr.mode))
        return past_content(w->past, thing, &side->content, err);
    return S_ISLNK(thing->attr.mode) ? past_target(w->past, thing, &side->target, err) : 0;
}

/* What one content is not to be had for is told with it; the others go on. */
static int take_side(struct walk *w, const struct moment *m)
{
    struct entry *entry = m->entry;
    struct side *side = m->after ? &entry->d.after : &entry->d.before;
    struct past_thing thing;
    TRY(past_go(w->past, &m->at, w->err));
    int r = past_find_object(w->past, entry->d.object, entry->path, &thing, w->err);
    if (r == 1)
        r = fill_side(w, &thing, side, &entry->d.trouble);
    bool fatal = r == -ENOMEM || r == -ENOSPC || r == -EMFILE || r == -ENFILE;
    return fatal ? error_say(w->err, -r, "%s", entry->d.trouble.message) : 0;
}

/* ---- telling ---- */

static int tell(struct walk *w, struct entry *entry)
{
    int r = w->each(&entry->d, w->context);
    side_release(&entry->d.before);
    side_release(&entry->d.after);
    entry->told = true;
    return r;
}

/* The one that waits in `map` under that path. */
static struct entry *partner(struct map *map, const char *path, bool made)
{
    struct entry *e = map_get(map, map_hash(map, path, strlen(path)), 0);
    if (!e || e->told || strcmp(made ? e->d.after.path : e->d.before.path, path) != 0)
        return NULL;
    return e;
}

static int join(struct walk *w, struct entry *made, struct entry *gone)
{
    side_release(&made->d.before);
    made->d.before = gone->d.before;
    made->d.first = gone->d.first < made->d.first ? gone->d.first : made->d.first;
    gone->d.before = (struct side){.content = -1};
    gone->told = true;
    w->waiting--;
    return tell(w, made);
}

static int tell_or_wait(struct walk *w, struct entry *entry)
{
    struct difference *d = &entry->d;
    bool made = d->after.there && !d->before.there;
    bool gone = d->before.there && !d->after.there;
    if (d->trouble.code || made == gone)
        return tell(w, entry);
    const char *path = made ? d->after.path : d->before.path;
    struct entry *other = partner(made ? &w->gone : &w->made, path, !made);
    if (other)
        return made ? join(w, entry, other) : join(w, other, entry);
    struct map *map = made ? &w->made : &w->gone;
    if (w->waiting++ >= WAITING_MOST)
        return tell(w, entry);
    return map_put(map, map_hash(map, path, strlen(path)), 0, entry) < 0 ? no_memory(w->err) : 0;
}

static int go_back(struct walk *w)
{
    for (size_t i = 0; i < 2 * w->count; i++) {
        TRY(take_side(w, &w->moments[i]));
        int r = w->moments[i].after ? 0 : tell_or_wait(w, w->moments[i].entry);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < w->count; i++) {
        int r = w->entries[i]->told ? 0 : tell(w, w->entries[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

int changes_walk(struct history *h, int root, const struct history_filter *filter,
                 changes_each *each, void *context, struct error *err)
{
    CLEANUP(walk_release)
    struct walk w = {.history = h, .each = each, .context = context, .err = err};
    map_init(&w.by_object);
    map_init(&w.made);
    map_init(&w.gone);
    fd_raise_limit();
    TRY(history_events(h, filter, note_event, &w, err));
    TRY(list_moments(&w));
    TRY(past_open(h, root, &w.past, err));
    return go_back(&w);
}
