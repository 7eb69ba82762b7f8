/* undo_plan.c - see undo_plan.h. */
#include "journal/undo_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/base/list.h"

int plan_conflict(struct undo_plan *plan, const struct undo_conflict *conflict)
{
    struct undo_conflict *list =
        list_grown(plan->conflicts, plan->conflict_count, &plan->conflict_room, sizeof *list);
    if (!list)
        return -ENOMEM;
    plan->conflicts = list;
    plan->conflicts[plan->conflict_count++] = *conflict;
    return 0;
}

int plan_outside(struct undo_plan *plan, const struct undo_outside *outside)
{
    struct undo_outside *list =
        list_grown(plan->outside, plan->outside_count, &plan->outside_room, sizeof *list);
    if (!list)
        return -ENOMEM;
    plan->outside = list;
    plan->outside[plan->outside_count++] = *outside;
    return 0;
}

int plan_item(struct undo_plan *plan, const struct undo_item *item)
{
    struct undo_item *list =
        list_grown(plan->items, plan->item_count, &plan->item_room, sizeof *list);
    if (!list)
        return -ENOMEM;
    plan->items = list;
    plan->items[plan->item_count++] = *item;
    return 0;
}

void undo_plan_free(struct undo_plan **plan)
{
    struct undo_plan *p = *plan;
    if (!p)
        return;
    free(p->items);
    free(p->conflicts);
    free(p->skipped);
    free(p->outside);
    ids_release(&p->events);
    ids_release(&p->along);
    ids_release(&p->idle);
    ids_release(&p->redone);
    steps_release(&p->steps);
    arena_release(&p->memory);
    free(p);
    *plan = NULL;
}

size_t undo_plan_items(const struct undo_plan *plan, const struct undo_item **out)
{
    *out = plan->items;
    return plan->item_count;
}

size_t undo_plan_conflicts(const struct undo_plan *plan, const struct undo_conflict **out)
{
    *out = plan->conflicts;
    return plan->conflict_count;
}

size_t undo_plan_skipped(const struct undo_plan *plan, const struct undo_conflict **out)
{
    *out = plan->skipped;
    return plan->skipped_count;
}

size_t undo_plan_events(const struct undo_plan *plan, const uint64_t **out)
{
    *out = plan->events.list;
    return plan->events.count;
}

size_t undo_plan_idle(const struct undo_plan *plan, const uint64_t **out)
{
    *out = plan->idle.list;
    return plan->idle.count;
}

void plan_count(const struct undo_plan *plan, struct undo_result *out)
{
    size_t *const counts[] = {
        [UNDO_BRING_BACK] = &out->brought_back,
        [UNDO_PUT_BACK] = &out->put_back,
        [UNDO_RENAME] = &out->renamed,
        [UNDO_REMOVE] = &out->removed,
        [UNDO_RESET] = &out->reset,
    };
    for (size_t i = 0; i < plan->item_count; i++)
        ++*counts[plan->items[i].verb];
}
