/* past.c - see past.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/past_part.h"
#include "journal/undo_place.h"
#include "journal/undo_thing.h"
#include "journal/undo_window.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "look at the past");
}

/* ---- instants ---- */

static int keep_instant(const struct event *e, void *context)
{
    struct past_instant *instant = context;
    *instant = (struct past_instant){.event = e->id, .time = e->time};
    return 1;
}

int past_before_event(struct history *h, uint64_t event, struct past_instant *out,
                      struct error *err)
{
    int r = history_event(h, event, keep_instant, out, err);
    return r < 0 ? r : 0;
}

/* The first event from `id` on; event 0: there is none. */
static int event_from(struct history *h, uint64_t id, struct past_instant *out, struct error *err)
{
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = id;
    *out = (struct past_instant){0};
    int r = history_events(h, &filter, keep_instant, out, err);
    return r < 0 ? r : 0;
}

int past_now(struct history *h, struct past_instant *out, struct error *err)
{
    struct history_filter filter = HISTORY_ALL;
    filter.limit = 1;
    *out = (struct past_instant){0};
    int r = history_events(h, &filter, keep_instant, out, err);
    TRY(r);
    out->event++;
    out->time = clock_now_ns();
    return 0;
}

/* Numbers rise with time: the first event of that time or later is searched by halving. */
int past_at_time(struct history *h, int64_t time, struct past_instant *out, struct error *err)
{
    struct past_instant end;
    uint64_t low = 1;
    TRY(past_now(h, &end, err));
    uint64_t high = end.event;
    while (low < high) {
        struct past_instant middle;
        uint64_t half = low + (high - low) / 2;
        TRY(event_from(h, half, &middle, err));
        if (!middle.event || middle.time >= time)
            high = half;
        else
            low = middle.event + 1;
    }
    *out = (struct past_instant){.event = low, .time = time};
    return 0;
}

/* ---- going back ---- */

static int take_back(const struct event *e, void *context)
{
    struct past *p = context;
    if (e->outcome != OUTCOME_OK && e->outcome != OUTCOME_OPEN)
        return 0;
    return rewind_event(&p->rewind, e, FATE_PAST, p->err);
}

int past_go(struct past *p, const struct past_instant *instant, struct error *err)
{
    if (instant->event > p->now.event)
        return error_say(err, EINVAL, "that is not before the event that was looked at last");
    p->err = err;
    for (uint64_t last = p->now.event - 1; last >= instant->event && last > 0;) {
        uint64_t first = last > WINDOW ? last - WINDOW + 1 : 1;
        first = first < instant->event ? instant->event : first;
        TRY(window_walk(p->history, first, last, take_back, p, err));
        last = first - 1;
    }
    p->now = *instant;
    return 0;
}

/* ---- opening ---- */

static int open_parts(struct past *p, struct error *err)
{
    CLEANUP(fd_close) int state = fd_open_beneath(p->root, STATE_FOLDER, O_DIRECTORY, 0);
    if (state < 0)
        return error_set(err, -state, "open %s", STATE_FOLDER);
    TRY(past_now(p->history, &p->now, err));
    TRY(db_open_in(p->root, DB_READ, &p->db, err));
    TRY(vault_open(state, &p->vault, err));
    p->sha = sha256_new();
    p->plan = calloc(1, sizeof *p->plan);
    if (!p->sha || !p->plan)
        return no_memory(err);
    TRY(tree_open(&p->tree, p->root, &p->plan->memory, err));
    rewind_open(&p->rewind, &p->tree, p->vault, p->plan);
    return 0;
}

int past_open(struct history *h, int root, struct past **out, struct error *err)
{
    CLEANUP(past_close) struct past *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(err);
    *p = (struct past){.history = h, .root = root, .tree = {.dir = -1}};
    TRY(open_parts(p, err));
    *out = p;
    p = NULL;
    return 0;
}

void past_close(struct past **p)
{
    if (!*p)
        return;
    rewind_close(&(*p)->rewind);
    tree_close(&(*p)->tree);
    vault_close(&(*p)->vault);
    sha256_free(&(*p)->sha);
    sealed_close(&(*p)->sealed);
    db_close(&(*p)->db);
    undo_plan_free(&(*p)->plan);
    free(*p);
    *p = NULL;
}

/* ---- finding ---- */

static struct attr attr_then(const struct node *node)
{
    struct attr attr = node->attr;
    const struct wish *w = &node->wish;
    if (w->fields & WISH_MODE)
        attr.mode = (attr.mode & S_IFMT) | w->mode;
    if (w->fields & WISH_UID)
        attr.uid = w->uid;
    if (w->fields & WISH_GID)
        attr.gid = w->gid;
    if (w->fields & WISH_MTIME)
        attr.mtime = w->mtime;
    if (node->oldest_patch)
        attr.size = node->oldest_patch->size;
    if (node->origin != ORIGIN_DISK && node->origin != ORIGIN_INODE)
        attr.ino = 0;
    return attr;
}

static int thing_found(struct past *p, const struct slot *slot, struct node *node,
                       struct past_thing *out, struct error *err)
{
    *out = (struct past_thing){
        .path = slot ? tree_path_text(&p->tree, VIEW_PAST, slot) : "",
        .attr = attr_then(node),
        .object = node->thing ? node->thing->object : 0,
        .node = node,
    };
    return out->path ? 1 : no_memory(err);
}

/* What somebody made since, outside ccfs, was not there. */
static int find_in_slot(struct past *p, const struct slot *slot, struct past_thing *out,
                        struct error *err)
{
    bool foreign = false;
    if (!slot || !slot->in[VIEW_PAST])
        return 0;
    struct node *node = slot->in[VIEW_PAST]->node;
    TRY(past_is_foreign(p, node, &foreign, err));
    return foreign ? 0 : thing_found(p, slot, node, out, err);
}

int past_find(struct past *p, const char *path, struct past_thing *out, struct error *err)
{
    struct slot *slot = NULL;
    if (!*path)
        return thing_found(p, NULL, p->tree.top, out, err);
    if (!place_is_sound(path))
        return 0;
    TRY(tree_find(&p->tree, VIEW_PAST, path, &slot, err));
    return find_in_slot(p, slot, out, err);
}

int past_find_object(struct past *p, uint64_t object, const char *path, struct past_thing *out,
                     struct error *err)
{
    const struct thing *t = thing_of(&p->rewind, object);
    const struct link *link = t && t->node ? node_link_in(t->node, VIEW_PAST) : NULL;
    uint64_t found = 0;
    if (link)
        return thing_found(p, link->at[VIEW_PAST], t->node, out, err);
    int r = !path || (t && t->node) ? 0 : past_find(p, path, out, err);
    if (r == 1)
        TRY(past_object_of(p, out->node, &found, err));
    return r < 0 ? r : r == 1 && found == object;
}

int past_list(struct past *p, const struct past_thing *folder, past_each *each, void *context,
              struct error *err)
{
    struct node *node = folder->node;
    TRY(tree_list(&p->tree, node, err));
    for (const struct slot *slot = node->slots; slot; slot = slot->next) {
        struct past_thing thing;
        int r = find_in_slot(p, slot, &thing, err);
        TRY(r);
        r = r == 1 ? each(context, &thing) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}
