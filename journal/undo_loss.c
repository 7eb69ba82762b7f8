/* undo_loss.c - see undo_loss.h. */
#include "journal/undo_loss.h"

#include <errno.h>

#include "journal/undo_change.h"
#include "journal/undo_intact.h"
#include "journal/undo_thing.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* ---- things without a name ---- */

int orphan_add(struct rewind *r, struct thing *t, const struct event *e, enum fate fate,
               struct error *err)
{
    struct arena *memory = &r->plan->memory;
    struct orphan *orphan = arena_take(memory, sizeof *orphan);
    if (!orphan)
        return no_memory(err);
    orphan->event = *e;
    orphan->fate = fate;
    orphan->event.path = arena_copy_text(memory, e->path);
    orphan->event.xattrs = arena_copy(memory, e->xattrs, e->xattr_bytes);
    if (!orphan->event.path || !orphan->event.xattrs)
        return no_memory(err);
    if (t->oldest_orphan)
        t->oldest_orphan->older = orphan;
    else
        t->orphans = orphan;
    t->oldest_orphan = orphan;
    return 0;
}

/* Of several names the filesystem remembers one, and that may be gone. */
int orphans_settle(struct rewind *r, struct thing *t, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate == FATE_TAKEN)
            TRY(change_take(r, &o->event, t, err));
        else if (o->fate == FATE_PAST)
            TRY(change_take_along(r, t->node, &o->event, err));
        else
            change_stays(t, &o->event);
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

/* The name comes back, and with it whatever was done to the thing while it had none. */
static int orphans_take(struct rewind *r, struct thing *t, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older) {
        TRY(change_take_along(r, t->node, &o->event, err));
        if (o->fate == FATE_STAYS && ids_add(&r->plan->along, o->event.id) < 0)
            return no_memory(err);
    }
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

/* A change of something that is removed and stays so: taking it back would change nothing that
 * anybody can see.  It comes back with the removal. */
static int drop_orphan(struct rewind *r, const struct orphan *o, struct error *err)
{
    return ids_add(&r->plan->idle, o->event.id) < 0 ? no_memory(err) : 0;
}

static int orphans_leave(struct rewind *r, struct thing *t, const struct event *removal,
                         enum fate fate, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate != FATE_TAKEN)
            change_stays(t, &o->event);
        else if (fate == FATE_STAYS)
            TRY(drop_orphan(r, o, err));
        else
            TRY(thing_note_gone(r, t->node, &o->event, removal->id, err));
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

static bool has_taken_orphan(const struct thing *t)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate == FATE_TAKEN && !(t->node && t->node->unmade))
            return true;
    return false;
}

/* What was removed before the events that were looked at stays so. */
static int drop_orphans(struct rewind *r, struct thing *t, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate == FATE_TAKEN && ids_add(&r->plan->idle, o->event.id) < 0)
            return no_memory(err);
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

/* What the journal never saw removed has another name, or was removed by somebody else. */
int orphans_end(struct rewind *r, struct thing *t, rewind_was_nameless *ask, void *context,
                struct error *err)
{
    bool nameless = false;
    struct node *node = t->node;
    if (!has_taken_orphan(t))
        return 0;
    TRY(ask(context, t->object, t->oldest_orphan->event.id, &nameless, err));
    if (nameless)
        return drop_orphans(r, t, err);
    const struct event *e = &t->orphans->event;
    if (!node && t->last.mode && !S_ISDIR(t->last.mode))
        TRY(thing_find_survivor(r, &t->last, &node, err));
    if (!node || !node_link_in(node, VIEW_PAST))
        return rewind_trouble(r, e->path, TROUBLE_OUTSIDE, e->id, 0, t->node, err);
    if (!t->node)
        thing_join(t, node);
    return orphans_settle(r, t, err);
}

/* ---- things that come back ---- */

static struct node *add_folder(struct rewind *r, const struct loss *loss)
{
    struct node *node = tree_add_node(r->tree, loss->attr, ORIGIN_FOLDER);
    if (node)
        change_wish_attr(node, loss->attr,
                         aspect_bit(ASPECT_MODE) | aspect_bit(ASPECT_OWNER) |
                             aspect_bit(ASPECT_MTIME));
    return node;
}

/* Its inode, or a whole copy of it, as the vault has it. */
static struct node *add_kept(struct rewind *r, const struct loss *loss)
{
    const struct event *e = loss->event;
    struct attr now;
    bool here = e->version && vault_attr(r->vault, e->version, &now) == 0 &&
                ((now.mode ^ loss->attr->mode) & S_IFMT) == 0 &&
                (e->kept == KEPT_INODE || now.size == loss->attr->size);
    here = here && kept_is_whole(e->kept);
    bool inode = here && e->kept == KEPT_INODE;
    struct node *node = tree_add_node(r->tree, inode ? &now : loss->attr,
                                      inode  ? ORIGIN_INODE
                                      : here ? ORIGIN_CONTENT
                                             : ORIGIN_LOST);
    if (!node)
        return NULL;
    node->version = e->version;
    if (!here)
        return node;
    if (!inode)
        change_wish_attr(node, loss->attr,
                         aspect_bit(ASPECT_MODE) | aspect_bit(ASPECT_OWNER) |
                             aspect_bit(ASPECT_MTIME));
    if (inode && map_put(&r->tree->inodes, now.ino, (uint64_t)now.born, node) < 0)
        return NULL;
    return node;
}

static int add_lost(struct rewind *r, struct thing *t, const struct loss *loss, struct error *err)
{
    struct node *node = NULL;
    if (!S_ISDIR(loss->attr->mode) && loss->attr->nlink > 1)
        TRY(thing_find_survivor(r, t->last.mode ? &t->last : loss->attr, &node, err));
    if (!node)
        node = S_ISDIR(loss->attr->mode) ? add_folder(r, loss) : add_kept(r, loss);
    if (!node)
        return no_memory(err);
    thing_join(t, node);
    if ((node->origin == ORIGIN_FOLDER || node->origin == ORIGIN_CONTENT) && loss->event->xattrs)
        TRY(change_wish_xattrs(r, node, loss->event, WISH_ALL_XATTRS, err));
    return 0;
}

/* The name under which an earlier undo has brought it back is that name again, wherever it is now.
 */
static struct link *link_returned(const struct rewind *r, struct thing *t, const struct loss *loss)
{
    struct link *returned = map_get(&r->returned, loss->event->id, 0);
    if (returned && !t->node)
        thing_join(t, returned->node);
    return returned && !returned->at[VIEW_PAST] ? returned : NULL;
}

/* Nothing else may have happened to it since. */
static int restore_name(struct rewind *r, struct thing *t, const struct loss *loss,
                        struct link *link, struct error *err)
{
    const struct event *e = loss->event;
    struct node *node = t->node;
    size_t names = node_names_left(node);
    uint64_t later = names ? 0 : change_newest(t, ~0u);
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    if (node->origin == ORIGIN_LOST) {
        enum trouble why = TROUBLE_BYTES;
        TRY(intact_why_gone(r->intact, e->version, &why, err));
        return trouble_with(r, node, e, why, 0, err);
    }
    if (node->origin == ORIGIN_DISK && names == 0)
        return trouble_with(r, node, e, TROUBLE_LATER, node_removed_by(node), err);
    struct link *there = loss->slot->in[VIEW_TARGET];
    int room = there ? thing_make_room(r, node, e, there, err) : 1;
    if (room > 0)
        room = link_target(r, link, loss->slot, e, err);
    return room < 0 ? room : 0;
}

int loss_take_back(struct rewind *r, const struct loss *loss, enum fate fate, struct error *err)
{
    struct thing *t = thing_make(r, loss->object);
    if (!t)
        return loss->object ? no_memory(err) : trouble_if_taken(r, loss->event, fate, err);
    struct link *link = fate == FATE_CANCELLED ? link_returned(r, t, loss) : NULL;
    if (!t->node)
        TRY(add_lost(r, t, loss, err));
    bool nameless = !node_link_in(t->node, VIEW_PAST);
    if (!nameless)
        TRY(orphans_settle(r, t, err));
    if (!link && !(link = tree_add_link(r->tree, t->node)))
        return no_memory(err);
    link_move(link, VIEW_PAST, loss->slot);
    link_stays(link, loss->event, fate);
    if (fate == FATE_TAKEN)
        TRY(restore_name(r, t, loss, link, err));
    if (!nameless)
        return 0;
    return fate == FATE_TAKEN || fate == FATE_PAST ? orphans_take(r, t, err)
                                                   : orphans_leave(r, t, loss->event, fate, err);
}
