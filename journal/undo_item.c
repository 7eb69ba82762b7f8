/* undo_item.c - see undo_item.h. */
#include "journal/undo_item.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/fd.h"
#include "journal/undo_order.h"
#include "journal/undo_place.h"
#include "journal/xattr.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* slot: NULL for the workspace itself, which has no name. */
static int add_item(struct rewind *r, enum undo_verb verb, const struct node *node,
                    const struct slot *slot, enum view view, uint64_t event, struct error *err)
{
    struct undo_item item = {.verb = verb,
                             .path = slot ? tree_path_text(r->tree, view, slot) : ".",
                             .mode = node->attr.mode & S_IFMT,
                             .bytes = S_ISREG(node->attr.mode) ? node->attr.size : 0,
                             .event = event};
    if (verb == UNDO_RENAME)
        item.path2 = tree_path_text(r->tree, VIEW_TARGET, slot->in[view]->at[VIEW_TARGET]);
    if (node->oldest_patch)
        item.bytes = node->oldest_patch->size;
    if (!item.path || (verb == UNDO_RENAME && !item.path2) || plan_item(r->plan, &item) < 0)
        return no_memory(err);
    return 0;
}

/* Of a thing that is in the target. */
static int add_item_there(struct rewind *r, enum undo_verb verb, const struct node *node,
                          struct error *err)
{
    const struct link *link = node_link_in(node, VIEW_TARGET);
    return add_item(r, verb, node, link ? link->at[VIEW_TARGET] : NULL, VIEW_TARGET,
                    node->wish.event, err);
}

/* ---- names ---- */

static int item_of_link(struct rewind *r, const struct link *link, struct error *err)
{
    const struct slot *from = link->at[VIEW_DISK];
    const struct slot *to = link->at[VIEW_TARGET];
    if (from == to)
        return 0;
    if (!from)
        return add_item(r, UNDO_BRING_BACK, link->node, to, VIEW_TARGET, link->event, err);
    if (!to)
        return add_item(r, UNDO_REMOVE, link->node, from, VIEW_DISK, link->event, err);
    return add_item(r, UNDO_RENAME, link->node, from, VIEW_DISK, link->event, err);
}

/* ---- what a thing itself gets back ---- */

static bool attr_differs(const struct node *node)
{
    const struct wish *w = &node->wish;
    const struct step step = {
        .fields = w->fields,
        .wish = {.mode = w->mode, .uid = w->uid, .gid = w->gid, .mtime = w->mtime},
    };
    return step_attr_differs(&step, &node->attr);
}

static int open_on_disk(struct rewind *r, const struct node *node)
{
    const struct link *link = node_link_in(node, VIEW_DISK);
    const char *path = link ? tree_path_text(r->tree, VIEW_DISK, link->at[VIEW_DISK]) : NULL;
    if (node == r->tree->top)
        return place_open(r->tree->root, "", O_PATH);
    CLEANUP(fd_close) int folder = path ? place_open_parent(r->tree->root, path) : -1;
    return folder < 0 ? -1 : openat(folder, place_name(path), O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* What cannot be looked at may be another one. */
static bool xattrs_differ(struct rewind *r, const struct node *node)
{
    if (!node->wish.xattrs)
        return false;
    CLEANUP(fd_close) int fd = open_on_disk(r, node);
    for (const struct old_xattr *x = node->wish.xattrs; x; x = x->next) {
        CLEANUP(strbuf_release) struct strbuf present = STRBUF_EMPTY;
        if (fd < 0 || xattr_read_one(fd, x->name, &present) < 0 ||
            !xattr_holds(&present, x->value, x->value_bytes))
            return true;
    }
    return false;
}

static bool gets_something(struct rewind *r, const struct node *node)
{
    return node->patches || (node->wish.asked && (attr_differs(node) || xattrs_differ(r, node)));
}

static int item_of_node(struct rewind *r, const struct node *node, struct error *err)
{
    bool there = node->origin == ORIGIN_DISK && tree_has_in_target(r->tree, node);
    if (!there || !gets_something(r, node))
        return 0;
    return add_item_there(r, node->patches ? UNDO_PUT_BACK : UNDO_RESET, node, err);
}

/* ---- all ---- */

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
        if (order_gives_time(r, node))
            TRY(add_item_there(r, UNDO_RESET, node, err));
    }
    sort_items(r->plan);
    return 0;
}
