/* undo_pick.c - see undo_pick.h.  Each round makes the choice larger or smaller, never back: it
 * ends. */
#include "journal/undo_pick.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/base/list.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

int pick_open(struct pick *p, const uint64_t *ids, size_t count, unsigned how)
{
    *p = (struct pick){.how = how};
    map_init(&p->left);
    map_init(&p->along);
    for (size_t i = 0; i < count; i++)
        TRY(ids_add(&p->asked, ids[i]));
    ids_sort(&p->asked);
    return 0;
}

void pick_release(struct pick *p)
{
    ids_release(&p->asked);
    ids_release(&p->out);
    map_release(&p->left);
    map_release(&p->along);
    arena_release(&p->memory);
    free(p->skipped);
    p->skipped = NULL;
}

uint64_t pick_first(const struct pick *p)
{
    return p->asked.count ? p->asked.list[0] : 0;
}

uint64_t pick_last(const struct pick *p)
{
    return p->along.used || !p->asked.count ? 0 : p->asked.list[p->asked.count - 1];
}

static bool comes_along(const struct pick *p, const struct event *e, uint64_t object)
{
    const uint64_t *first = object ? map_get(&p->along, object, 0) : NULL;
    return first && e->id >= *first && !(e->flags & EVENT_BY_UNDO);
}

static bool is_left(const struct pick *p, const struct event *e)
{
    return ids_have(&p->out, e->id) || (e->object && map_get(&p->left, e->object, 0)) ||
           (e->replaced && map_get(&p->left, e->replaced, 0));
}

bool pick_takes(const struct pick *p, const struct event *e)
{
    bool chosen = ids_have(&p->asked, e->id) || comes_along(p, e, e->object) ||
                  comes_along(p, e, e->replaced);
    return chosen && !is_left(p, e);
}

/* ---- taking dependents along ---- */

struct follow {
    struct pick *pick;
    uint64_t first; /* dependents came after this event */
    bool grew;
    bool failed;
};

static void follow_object(struct follow *f, uint64_t object)
{
    struct pick *p = f->pick;
    uint64_t *known = object ? map_get(&p->along, object, 0) : NULL;
    if (!object || (known && *known <= f->first))
        return;
    uint64_t *first = known ? known : arena_take(&p->memory, sizeof *first);
    if (!first || map_put(&p->along, object, 0, first) < 0) {
        f->failed = true;
        return;
    }
    *first = f->first;
    f->grew = true;
}

static int follow_event(const struct event *e, void *context)
{
    follow_object(context, e->object);
    follow_object(context, e->replaced);
    return 0;
}

static int take_along(struct pick *p, struct history *h, const struct undo_plan *plan, bool *grew,
                      struct error *err)
{
    for (size_t i = 0; i < plan->conflict_count; i++) {
        const struct undo_conflict *c = &plan->conflicts[i];
        struct follow f = {.pick = p, .first = c->event ? c->event : c->by};
        if (!c->by)
            continue;
        TRY(history_event(h, c->by, follow_event, &f, err));
        if (f.failed)
            return no_memory(err);
        *grew |= f.grew;
    }
    return 0;
}

/* ---- leaving out ---- */

static int leave_event(struct pick *p, uint64_t event)
{
    if (!event || ids_have(&p->out, event))
        return 0;
    TRY(ids_add(&p->out, event));
    ids_sort(&p->out);
    return 1;
}

/* 1: something is left out that was not. */
static int leave(struct pick *p, const struct undo_conflict *c)
{
    int fresh = leave_event(p, c->event);
    TRY(fresh);
    if (!c->object || map_get(&p->left, c->object, 0))
        return fresh;
    TRY(map_put(&p->left, c->object, 0, p));
    return 1;
}

static int note_skipped(struct pick *p, const struct undo_conflict *c)
{
    struct undo_conflict *list =
        list_grown(p->skipped, p->skipped_count, &p->skipped_room, sizeof *list);
    if (!list)
        return -ENOMEM;
    p->skipped = list;
    struct undo_conflict *copy = &p->skipped[p->skipped_count++];
    *copy = *c;
    copy->path = arena_copy_text(&p->memory, c->path);
    copy->reason = arena_copy_text(&p->memory, c->reason);
    return copy->path && copy->reason ? 0 : -ENOMEM;
}

static int leave_all(struct pick *p, const struct undo_plan *plan, bool *shrank)
{
    for (size_t i = 0; i < plan->conflict_count; i++) {
        int r = leave(p, &plan->conflicts[i]);
        TRY(r);
        if (r > 0)
            TRY(note_skipped(p, &plan->conflicts[i]));
        *shrank |= r > 0;
    }
    return 0;
}

int pick_settle(struct pick *p, struct history *h, const struct undo_plan *plan, struct error *err)
{
    bool changed = false;
    if (p->how & UNDO_DEPENDENTS)
        TRY(take_along(p, h, plan, &changed, err));
    if (!changed && (p->how & UNDO_SKIP) && leave_all(p, plan, &changed) < 0)
        return no_memory(err);
    return changed;
}
