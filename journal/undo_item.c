/* undo_item.c - see undo_item.h. */
#include "journal/undo_item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

static int add_item(struct rewind *r, enum undo_verb verb, const struct link *link,
                    const struct slot *slot, enum view view, uint64_t event, struct error *err)
{
    struct undo_item item = {.verb = verb,
                             .path = tree_path_text(r->tree, view, slot),
                             .mode = link->node->attr.mode & S_IFMT,
                             .bytes = S_ISREG(link->node->attr.mode) ? link->node->attr.size : 0,
                             .event = event};
    if (verb == UNDO_RENAME)
        item.path2 = tree_path_text(r->tree, VIEW_TARGET, link->at[VIEW_TARGET]);
    if (link->node->oldest_patch)
        item.bytes = link->node->oldest_patch->size;
    if (!item.path || (verb == UNDO_RENAME && !item.path2) || plan_item(r->plan, &item) < 0)
        return no_memory(err);
    return 0;
}

static int item_of_link(struct rewind *r, const struct link *link, struct error *err)
{
    const struct slot *from = link->at[VIEW_DISK];
    const struct slot *to = link->at[VIEW_TARGET];
    if (from == to)
        return 0;
    if (!from)
        return add_item(r, UNDO_BRING_BACK, link, to, VIEW_TARGET, link->event, err);
    if (!to)
        return add_item(r, UNDO_REMOVE, link, from, VIEW_DISK, link->event, err);
    return add_item(r, UNDO_RENAME, link, from, VIEW_DISK, link->event, err);
}

static int item_of_node(struct rewind *r, const struct node *node, struct error *err)
{
    const struct link *link = node_link_in(node, VIEW_TARGET);
    if (!link || node->origin != ORIGIN_DISK || (!node->patches && !node->wish.asked))
        return 0;
    return add_item(r, node->patches ? UNDO_PUT_BACK : UNDO_RESET, link, link->at[VIEW_TARGET],
                    VIEW_TARGET, node->wish.event, err);
}

static int by_path(const void *a, const void *b)
{
    const struct undo_item *x = a;
    const struct undo_item *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (int)x->verb - (int)y->verb;
}

static void sort_items(struct undo_plan *plan)
{
    if (plan->item_count)
        qsort(plan->items, plan->item_count, sizeof *plan->items, by_path);
}

int items_make(struct rewind *r, struct error *err)
{
    for (const struct link *link = r->tree->links; link; link = link->next)
        TRY(item_of_link(r, link, err));
    for (const struct node *node = r->tree->nodes; node; node = node->next)
        TRY(item_of_node(r, node, err));
    sort_items(r->plan);
    return 0;
}

int items_add_times(struct rewind *r, struct error *err)
{
    for (const struct node *node = r->tree->nodes; node; node = node->next) {
        const struct link *link = node_link_in(node, VIEW_TARGET);
        bool differs = (node->wish.fields & WISH_MTIME) && node->wish.mtime != node->attr.mtime;
        if (link && differs)
            TRY(add_item(r, UNDO_RESET, link, link->at[VIEW_TARGET], VIEW_TARGET, node->wish.event,
                         err));
    }
    sort_items(r->plan);
    return 0;
}
