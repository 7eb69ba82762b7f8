/* undo_order.c - see undo_order.h. */
#include "journal/undo_order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/undo_place.h"
#include "journal/undo_thing.h"
#include "journal/xattr.h"

#define DEPTH_MAX 400             /* of one thing waiting for another; beyond, it is moved aside */
#define TIME_SLACK (2 * NS_PER_S) /* from the begin of a change to what it does */
#define ASIDE_NAME ".ccfs-undo-%u"

struct order {
    struct rewind *rewind;
    struct undo_tree *tree;
    struct undo_plan *plan;
    unsigned aside;
    uint64_t staged;
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

static bool is_folder(const struct node *node)
{
    return S_ISDIR(node->attr.mode);
}

static bool is_whole(const struct patch *patch)
{
    return kept_is_whole(patch->kept);
}

/* ---- steps ---- */

static int emit(struct order *o, const struct step *step, struct error *err)
{
    return steps_add(&o->plan->steps, step) < 0 ? no_memory(err) : 0;
}

static const char *path_now(struct order *o, const struct slot *slot)
{
    return tree_path_text(o->tree, VIEW_STEP, slot);
}

/* The wish of a node as a step carries it. */
static int wish_into(struct order *o, const struct node *node, struct step *step, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    const struct wish *w = &node->wish;
    step->fields = w->fields;
    step->wish = (struct attr){.mode = w->mode, .uid = w->uid, .gid = w->gid, .mtime = w->mtime};
    for (const struct old_xattr *x = w->xattrs; x; x = x->next)
        xattr_pack(&blob, x->name, x->value, x->value_bytes);
    step->xattrs = arena_copy(&o->plan->memory, blob.data, blob.bytes);
    step->xattr_bytes = blob.bytes;
    return blob.failed || !step->xattrs ? no_memory(err) : 0;
}

static int data_into(struct order *o, const struct strbuf *data, struct step *step,
                     struct error *err)
{
    step->data = arena_copy(&o->plan->memory, data->data, data->bytes);
    step->data_bytes = data->bytes;
    return data->failed || !step->data ? no_memory(err) : 0;
}

static void add_patches(const struct node *node, struct strbuf *data)
{
    for (const struct patch *p = node->patches; p; p = p->older)
        step_patch_add(data, &(struct step_patch){p->version, p->kept, p->size});
}

/* ---- names ---- */

static int settle(struct order *o, struct link *link, unsigned depth, struct error *err);

static int emit_place(struct order *o, struct link *link, struct error *err)
{
    struct node *node = link->node;
    struct slot *to = link->at[VIEW_TARGET];
    const struct link *other = node_link_in(node, VIEW_STEP);
    struct step step = {.event = link->event,
                        .attr = node->attr,
                        .version = node->version,
                        .path = path_now(o, to)};
    if (other) {
        step.kind = STEP_LINK;
        if (node->origin == ORIGIN_CONTENT)
            step.attr.ino = 0; /* it gets a number when it is placed */
        step.path2 = path_now(o, other->at[VIEW_STEP]);
    } else if (node->origin == ORIGIN_FOLDER || node->origin == ORIGIN_CONTENT) {
        step.kind = node->origin == ORIGIN_FOLDER ? STEP_MKDIR : STEP_PLACE;
        step.staged = node->number;
        TRY(wish_into(o, node, &step, err));
    } else {
        step.kind = STEP_MOVE_OUT;
    }
    if (!step.path || (other && !step.path2))
        return no_memory(err);
    link_move(link, VIEW_STEP, to);
    return emit(o, &step, err);
}

static int emit_rename(struct order *o, struct link *link, struct slot *to, struct error *err)
{
    struct step step = {.kind = STEP_RENAME,
                        .event = link->event,
                        .attr = link->node->attr,
                        .path = path_now(o, link->at[VIEW_STEP]),
                        .path2 = path_now(o, to)};
    if (!step.path || !step.path2)
        return no_memory(err);
    link_move(link, VIEW_STEP, to);
    return emit(o, &step, err);
}

static int emit_remove(struct order *o, struct link *link, struct error *err)
{
    struct step step = {.kind = is_folder(link->node) ? STEP_RMDIR : STEP_REMOVE,
                        .event = link->event,
                        .attr = link->node->attr,
                        .path = path_now(o, link->at[VIEW_STEP])};
    if (!step.path)
        return no_memory(err);
    link_move(link, VIEW_STEP, NULL);
    return emit(o, &step, err);
}

/* Out of the way, under a name that nobody uses, in folder. */
static int move_aside(struct order *o, struct link *link, struct node *folder, struct error *err)
{
    for (;;) {
        char name[32];
        struct slot *slot;
        snprintf(name, sizeof name, ASIDE_NAME, ++o->aside);
        TRY(tree_slot(o->tree, folder, name, strlen(name), &slot, err));
        if (!slot->in[VIEW_DISK] && !slot->in[VIEW_STEP] && !slot->in[VIEW_TARGET])
            return emit_rename(o, link, slot, err);
    }
}

/* The functions below return 1: done, 0: something that waits for this one stands in the way,
 * -errno. */

/* The highest folder on the way to `folder` that does not exist yet. */
static struct link *first_missing(const struct order *o, const struct node *folder)
{
    struct link *missing = NULL;
    while (folder != o->tree->top) {
        struct link *link = node_link_in(folder, VIEW_TARGET);
        if (!link->at[VIEW_STEP])
            missing = link;
        folder = link->at[VIEW_TARGET]->folder;
    }
    return missing;
}

static int make_folder(struct order *o, const struct node *folder, unsigned depth,
                       struct error *err)
{
    struct link *missing;
    while ((missing = first_missing(o, folder))) {
        int r = settle(o, missing, depth + 1, err);
        if (r <= 0)
            return r;
    }
    return 1;
}

/* A folder on the way from `inner` up to `outer` that does not belong there. */
static struct link *misplaced(const struct order *o, const struct node *inner,
                              const struct node *outer)
{
    struct link *found = NULL;
    for (uint64_t left = o->tree->numbers; left > 0 && inner != o->tree->top; left--) {
        if (inner == outer)
            return found;
        struct link *link = node_link_in(inner, VIEW_STEP);
        if (!link)
            return NULL;
        if (link->at[VIEW_STEP] != link->at[VIEW_TARGET])
            found = link;
        inner = link->at[VIEW_STEP]->folder;
    }
    return NULL;
}

/* A folder cannot go into itself: what is inside and shall hold it leaves first. */
static int leave_inside(struct order *o, struct link *link, unsigned depth, struct error *err)
{
    struct link *inside;
    while ((inside = misplaced(o, link->at[VIEW_TARGET]->folder, link->node))) {
        int r = settle(o, inside, depth + 1, err);
        if (r == 0)
            r = move_aside(o, inside, link->at[VIEW_STEP]->folder, err);
        TRY(r);
    }
    return 1;
}

static int vacate(struct order *o, struct slot *slot, unsigned depth, struct error *err)
{
    struct link *there = slot->in[VIEW_STEP];
    if (!there)
        return 1;
    int r = settle(o, there, depth + 1, err);
    if (r == 0 && slot->in[VIEW_STEP] == there)
        r = move_aside(o, there, slot->folder, err);
    return r < 0 ? r : 1;
}

static bool is_inside_itself(const struct order *o, const struct link *link)
{
    return link->at[VIEW_STEP] && is_folder(link->node) &&
           misplaced(o, link->at[VIEW_TARGET]->folder, link->node);
}

/* What makes way may bring the place into the folder that is to go there: looked at again until it
 * holds.  Each round puts something where it belongs for good. */
static int make_way(struct order *o, struct link *link, unsigned depth, struct error *err)
{
    struct slot *to = link->at[VIEW_TARGET];
    int r = 1;
    while (r > 0 && (to->in[VIEW_STEP] || is_inside_itself(o, link))) {
        if (is_inside_itself(o, link))
            r = leave_inside(o, link, depth, err);
        if (r > 0)
            r = vacate(o, to, depth, err);
    }
    return r;
}

static int put(struct order *o, struct link *link, unsigned depth, struct error *err)
{
    struct slot *to = link->at[VIEW_TARGET];
    int r = make_folder(o, to->folder, depth, err);
    if (r > 0)
        r = make_way(o, link, depth, err);
    if (r <= 0)
        return r;
    r = link->at[VIEW_STEP] ? emit_rename(o, link, to, err) : emit_place(o, link, err);
    return r < 0 ? r : 1;
}

static int empty_folder(struct order *o, const struct node *folder, unsigned depth,
                        struct error *err)
{
    for (bool again = true; again;) { /* what was moved aside meanwhile is in it too */
        again = false;
        for (const struct slot *slot = folder->slots; slot; slot = slot->next) {
            struct link *link = slot->in[VIEW_STEP];
            int r = link ? settle(o, link, depth + 1, err) : 1;
            if (r <= 0)
                return r;
            again |= link != NULL;
        }
    }
    return 1;
}

/* A file whose last name goes while others shall come back: those first. */
static int keep_alive(struct order *o, const struct link *link, unsigned depth, struct error *err)
{
    if (node_count_in(link->node, VIEW_STEP) > 1)
        return 1;
    struct link *other = node_link_in(link->node, VIEW_TARGET);
    return other ? settle(o, other, depth + 1, err) : 1;
}

static int take_away(struct order *o, struct link *link, unsigned depth, struct error *err)
{
    int r = is_folder(link->node) ? empty_folder(o, link->node, depth, err)
                                  : keep_alive(o, link, depth, err);
    if (r <= 0)
        return r;
    r = emit_remove(o, link, err);
    return r < 0 ? r : 1;
}

static int settle(struct order *o, struct link *link, unsigned depth, struct error *err)
{
    if (link->at[VIEW_STEP] == link->at[VIEW_TARGET])
        return 1;
    if (link->busy || depth > DEPTH_MAX)
        return 0;
    link->busy = true;
    int r = link->at[VIEW_TARGET] ? put(o, link, depth, err) : take_away(o, link, depth, err);
    link->busy = false;
    return r;
}

/* Names that come or move first, then those that go.  Something may have to wait for another round.
 */
static int settle_all(struct order *o, bool target, size_t *left, struct error *err)
{
    for (struct link *link = o->tree->links; link; link = link->next) {
        bool has_target = link->at[VIEW_TARGET] != NULL;
        if (has_target != target)
            continue;
        int r = settle(o, link, 0, err);
        TRY(r);
        *left += r == 0;
    }
    return 0;
}

static int order_names(struct order *o, struct error *err)
{
    size_t left = SIZE_MAX;
    for (size_t before = 0; left > 0; before = left) {
        left = 0;
        TRY(settle_all(o, true, &left, err));
        TRY(settle_all(o, false, &left, err));
        if (left > 0 && left == before)
            return error_say(err, EIO,
                             "the steps of this undo cannot be put in order; undo less at once");
    }
    return 0;
}

/* ---- contents ---- */

static bool needs_staging(const struct node *node)
{
    return node->origin == ORIGIN_CONTENT || (node->patches && is_whole(node->patches));
}

static int order_stages(struct order *o, struct error *err)
{
    for (const struct node *node = o->tree->nodes; node; node = node->next) {
        CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
        struct step step = {.kind = STEP_STAGE, .staged = node->number, .path = ""};
        if (!node_link_in(node, VIEW_TARGET) || !needs_staging(node))
            continue;
        if (!node->patches || !is_whole(node->patches))
            step_patch_add(&data, &(struct step_patch){node->version, KEPT_COPY, node->attr.size});
        add_patches(node, &data);
        TRY(data_into(o, &data, &step, err));
        TRY(emit(o, &step, err));
    }
    return 0;
}

/* A content that a thing of its own is not brought back with. */
static bool has_new_content(const struct node *node)
{
    return node->patches && node->origin != ORIGIN_CONTENT;
}

/* Putting another inode in a file's place is no change of its folder. */
static void keep_time(struct node *folder, uint64_t event)
{
    struct wish *w = &folder->wish;
    if ((w->fields & WISH_MTIME) || folder->origin != ORIGIN_DISK)
        return;
    w->fields |= WISH_MTIME;
    w->mtime = folder->attr.mtime;
    if (!w->event)
        w->event = event;
}

static int order_contents(struct order *o, struct error *err)
{
    for (const struct node *node = o->tree->nodes; node; node = node->next) {
        CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
        const struct link *link = node_link_in(node, VIEW_TARGET);
        if (!link || !has_new_content(node))
            continue;
        bool whole = is_whole(node->patches);
        if (whole)
            keep_time(link->at[VIEW_TARGET]->folder, node->patches->event);
        struct step step = {.kind = whole ? STEP_REPLACE : STEP_PATCH,
                            .event = node->patches->event,
                            .staged = node->number,
                            .attr = node->attr,
                            .path = path_now(o, link->at[VIEW_STEP])};
        add_patches(node, &data);
        TRY(wish_into(o, node, &step, err));
        TRY(data_into(o, &data, &step, err));
        if (!(step.fields & WISH_MTIME))
            step.wish.mtime = node->attr.mtime;
        step.fields |= WISH_MTIME;
        TRY(step.path ? emit(o, &step, err) : no_memory(err));
    }
    return 0;
}

/* ---- metadata ---- */

/* Somebody outside touched the folder after the journal last saw it: its time is not ours to set.
 */
static bool is_outsides_time(const struct node *folder)
{
    bool younger = folder->attr.mtime > folder->known_mtime &&
                   folder->attr.mtime - TIME_SLACK > folder->last_entry;
    bool kept = folder->wish.mtime == folder->attr.mtime;
    return folder->origin == ORIGIN_DISK && !folder->wish.asked && younger && !kept;
}

bool order_gives_time(const struct rewind *r, const struct node *node)
{
    bool differs = (node->wish.fields & WISH_MTIME) && node->wish.mtime != node->attr.mtime;
    return differs && tree_has_in_target(r->tree, node) &&
           !(is_folder(node) && is_outsides_time(node));
}

static bool has_wishes(const struct node *node)
{
    return node->wish.fields && !has_new_content(node) && node->origin != ORIGIN_CONTENT;
}

static int emit_meta(struct order *o, struct node *node, struct error *err)
{
    const struct link *link = node_link_in(node, VIEW_TARGET);
    struct step step = {.kind = STEP_META,
                        .event = node->wish.event,
                        .attr = node->attr,
                        .path = path_now(o, link ? link->at[VIEW_STEP] : NULL)};
    if (!step.event && link)
        step.event = link->event;
    if (node->origin == ORIGIN_FOLDER)
        step.attr = (struct attr){.mode = node->attr.mode}; /* it was made a moment ago */
    TRY(wish_into(o, node, &step, err));
    return step.path ? emit(o, &step, err) : no_memory(err);
}

static int deepest_first(const void *a, const void *b)
{
    size_t x = strlen(((const struct step *)a)->path);
    size_t y = strlen(((const struct step *)b)->path);
    return (x < y) - (x > y);
}

static int order_metadata(struct order *o, bool folders, struct error *err)
{
    struct steps *steps = &o->plan->steps;
    size_t first = steps->count;
    for (struct node *node = o->tree->nodes; node; node = node->next) {
        if (is_folder(node) != folders || !tree_has_in_target(o->tree, node))
            continue;
        if (folders && is_outsides_time(node))
            node->wish.fields &= ~(unsigned)WISH_MTIME;
        if (has_wishes(node))
            TRY(emit_meta(o, node, err));
    }
    if (folders && steps->count > first)
        qsort(steps->list + first, steps->count - first, sizeof *steps->list, deepest_first);
    return 0;
}

/* ---- folders that are in the way of their own undo ---- */

static void lift(const struct undo_tree *t, struct node *folder)
{
    while (folder && folder->origin == ORIGIN_DISK && !folder->lifted) {
        folder->lifted = (folder->attr.mode & 0300) != 0300;
        if (folder->lifted && !(folder->wish.fields & WISH_MODE)) {
            folder->wish.fields |= WISH_MODE;
            folder->wish.mode = folder->attr.mode & 07777;
        }
        const struct link *link = node_link_in(folder, VIEW_DISK);
        folder = link && folder != t->top ? link->at[VIEW_DISK]->folder : NULL;
    }
}

static int shallowest_first(const void *a, const void *b)
{
    return deepest_first(b, a);
}

/* Without privilege, folders that their owner may not write are made writable first. */
static int order_lifts(struct order *o, struct error *err)
{
    struct steps *steps = &o->plan->steps;
    size_t first = steps->count;
    if (geteuid() == 0)
        return 0;
    for (struct link *link = o->tree->links; link; link = link->next) {
        bool changes = link->at[VIEW_DISK] != link->at[VIEW_TARGET] || link->node->wish.fields;
        if (changes && link->at[VIEW_DISK])
            lift(o->tree, link->at[VIEW_DISK]->folder);
        if (changes && link->at[VIEW_TARGET])
            lift(o->tree, link->at[VIEW_TARGET]->folder);
    }
    for (struct node *node = o->tree->nodes; node; node = node->next) {
        const struct link *link = node_link_in(node, VIEW_STEP);
        struct step step = {.kind = STEP_META, .attr = node->attr, .fields = WISH_MODE};
        if (!node->lifted)
            continue;
        step.event = o->plan->events.list[0];
        step.path = path_now(o, link ? link->at[VIEW_STEP] : NULL);
        step.wish.mode = (node->attr.mode & 07777) | 0700;
        TRY(step.path ? emit(o, &step, err) : no_memory(err));
    }
    if (steps->count > first)
        qsort(steps->list + first, steps->count - first, sizeof *steps->list, shallowest_first);
    return 0;
}

/* ---- all ---- */

#define IDS_A_STEP 4096

static int emit_ids(struct order *o, enum step_kind kind, const struct ids *ids, struct error *err)
{
    for (size_t at = 0; at < ids->count;) {
        CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
        struct step step = {.kind = kind, .path = ""};
        for (size_t n = 0; n < IDS_A_STEP && at < ids->count; n++)
            step_id_add(&data, ids->list[at++]);
        TRY(data_into(o, &data, &step, err));
        TRY(emit(o, &step, err));
    }
    return 0;
}

int order_steps(struct rewind *r, struct error *err)
{
    struct order o = {.rewind = r, .tree = r->tree, .plan = r->plan};
    TRY(emit_ids(&o, STEP_EVENTS, &r->plan->events, err));
    TRY(emit_ids(&o, STEP_REDONE, &r->plan->redone, err));
    TRY(order_lifts(&o, err));
    TRY(order_stages(&o, err));
    TRY(order_names(&o, err));
    TRY(order_contents(&o, err));
    TRY(order_metadata(&o, false, err));
    return order_metadata(&o, true, err);
}
