/* undo_rewind.c - see undo_rewind.h.
 *
 * (1) In doubt it is a conflict: nothing is guessed.
 * (2) A thing is known by its object, not by its name; on the disk by its inode and birth.
 * (3) Only what has the state that the journal last saw is changed. */
#include "journal/undo_rewind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/undo_place.h"
#include "journal/xattr.h"

void rewind_open(struct rewind *r, struct undo_tree *tree, struct vault *vault,
                 struct undo_plan *plan)
{
    *r = (struct rewind){.tree = tree, .vault = vault, .plan = plan};
    map_init(&r->things);
    map_init(&r->returned);
    map_init(&r->inos);
}

void rewind_close(struct rewind *r)
{
    map_release(&r->things);
    map_release(&r->returned);
    map_release(&r->inos);
}

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* ---- conflicts ---- */

static void say_local_time(int64_t ns, char *text, size_t bytes)
{
    time_t s = (time_t)(ns / NS_PER_S);
    struct tm local;
    if (!localtime_r(&s, &local) || strftime(text, bytes, "%Y-%m-%d %H:%M:%S", &local) == 0)
        text[0] = '\0';
}

static const char *say_outside(struct rewind *r, const struct node *node)
{
    char when[64];
    char text[128];
    if (!node || node->origin != ORIGIN_DISK)
        return "removed or replaced outside ccfs";
    say_local_time(node->attr.ctime, when, sizeof when);
    snprintf(text, sizeof text, "changed outside ccfs, %s", when);
    return arena_copy_text(&r->plan->memory, text);
}

/* An event that stands in the way is named later, by undo_plan.c, who can ask the journal. */
static const char *say_trouble(struct rewind *r, enum trouble trouble, uint64_t by,
                               const struct node *node)
{
    switch (trouble) {
    case TROUBLE_LATER:
        return by ? "" : "a later event that is not part of this undo needs it";
    case TROUBLE_EXISTS:
        return "exists already: something else is there now";
    case TROUBLE_BYTES:
        return "its bytes are no longer in the vault";
    case TROUBLE_FOLDER:
        return by ? "" : "the folder that it was in is gone: removed outside ccfs";
    case TROUBLE_FOREIGN:
        return "it was made outside ccfs, in a folder that would go";
    case TROUBLE_OUTSIDE:
        return say_outside(r, node);
    default:
        return "the journal does not say enough about it";
    }
}

int rewind_trouble(struct rewind *r, const char *path, enum trouble trouble, uint64_t event,
                   uint64_t by, const struct node *node, struct error *err)
{
    const char *copy = arena_copy_text(&r->plan->memory, path);
    const char *reason = say_trouble(r, trouble, by, node);
    if (!copy || !reason || plan_conflict(r->plan, copy, reason, by ? by : event) < 0)
        return no_memory(err);
    return 0;
}

/* One conflict a thing is enough. */
static int trouble_with(struct rewind *r, struct node *node, const struct event *e,
                        enum trouble trouble, uint64_t by, struct error *err)
{
    if (node && node->troubled)
        return 0;
    if (node)
        node->troubled = true;
    return rewind_trouble(r, e->path, trouble, e->id, by, node, err);
}

/* What the journal does not tell is a conflict for the selected, and nothing for the others. */
static int unknown_if_taken(struct rewind *r, const struct event *e, enum fate fate,
                            struct error *err)
{
    if (fate != FATE_TAKEN)
        return 0;
    return rewind_trouble(r, e->path ? e->path : "", TROUBLE_UNKNOWN, e->id, 0, NULL, err);
}

/* ---- things ---- */

static struct thing *thing_of(const struct rewind *r, uint64_t object)
{
    return object ? map_get(&r->things, object, 0) : NULL;
}

static struct thing *thing_make(struct rewind *r, uint64_t object)
{
    struct thing *t = thing_of(r, object);
    if (t || !object)
        return t;
    t = arena_take(&r->plan->memory, sizeof *t);
    if (!t || map_put(&r->things, object, 0, t) < 0)
        return NULL;
    t->object = object;
    t->next = r->all;
    r->all = t;
    return t;
}

static bool is_same_inode(const struct attr *a, const struct attr *b)
{
    return a->ino == b->ino && ((a->mode ^ b->mode) & S_IFMT) == 0 &&
           (a->born == b->born || !a->born || !b->born);
}

/* Two objects can be one thing: an undo brought it back as another inode. */
static void thing_join(struct thing *t, struct node *node)
{
    const struct thing *other = node->thing;
    t->node = node;
    if (!other) {
        node->thing = t;
        return;
    }
    for (int i = 0; i < ASPECTS; i++)
        if (!t->stays[i])
            t->stays[i] = other->stays[i];
}

/* The node of a thing, known or found in a slot of the past. */
static struct node *thing_node(struct thing *t, const struct slot *slot, const struct attr *known)
{
    if (t->node)
        return t->node;
    struct link *link = slot ? slot->in[VIEW_PAST] : NULL;
    if (t->last.mode)
        known = &t->last;
    if (!link || link->node->thing || !is_same_inode(&link->node->attr, known))
        return NULL;
    thing_join(t, link->node);
    return link->node;
}

static const struct attr *attr_known(const struct event *e)
{
    return e->after.mode ? &e->after : &e->before;
}

static bool changes_content(enum op op)
{
    return op == OP_WRITE || op == OP_TRUNCATE;
}

/* Newest first: the first state that is told is the last one seen.  Write sessions overlap, so the
 * change time decides between the events of one inode. */
static void thing_see(struct thing *t, const struct attr *attr, enum op op)
{
    if (!attr->mode) {
        t->unclear |= !t->last.mode && changes_content(op);
        return;
    }
    bool later = t->last.ctime && attr->ctime > t->last.ctime && is_same_inode(attr, &t->last);
    if (!t->last.mode || later)
        t->last = *attr;
}

/* Of objects whose state an event does not tell itself: the change time has moved since. */
static void thing_see_before(struct thing *t, struct attr attr)
{
    attr.ctime = 0;
    if (!t->last.mode && attr.mode)
        t->last = attr;
}

static bool is_as_last_seen(const struct node *node)
{
    const struct thing *t = node->thing;
    const struct attr *now = &node->attr;
    if (node->origin != ORIGIN_DISK || S_ISDIR(now->mode))
        return true;
    if (!t || t->unclear)
        return false;
    if (!t->last.mode)
        return true; /* only its name was ever recorded, and that was found */
    if (!is_same_inode(now, &t->last))
        return false;
    if (t->last.ctime && now->ctime != t->last.ctime)
        return false;
    return !S_ISREG(now->mode) || (now->size == t->last.size && now->mtime == t->last.mtime);
}

/* 1: it is, 0: it is not, and now a conflict. */
static int verify(struct rewind *r, struct node *node, const struct event *e, struct error *err)
{
    if (node->verified)
        return !node->troubled;
    node->verified = true;
    if (is_as_last_seen(node))
        return 1;
    TRY(trouble_with(r, node, e, TROUBLE_OUTSIDE, 0, err));
    return 0;
}

/* A selected event about something that is not in the target.  If its creation is selected too,
 * nothing is left to do; only the end tells. */
static int note_gone(struct rewind *r, struct node *node, const struct event *e, uint64_t by,
                     struct error *err)
{
    if (node->gone_event)
        return 0;
    node->gone_event = e->id;
    node->gone_by = by;
    node->gone_path = arena_copy_text(&r->plan->memory, e->path);
    return node->gone_path ? 0 : no_memory(err);
}

uint64_t rewind_staying(const struct link *link)
{
    const struct thing *t = link->node->thing;
    uint64_t newest = link->stays > link->node->touched_by ? link->stays : link->node->touched_by;
    for (int i = 0; t && i < ASPECTS; i++)
        if (t->stays[i] > newest)
            newest = t->stays[i];
    return newest;
}

static uint64_t removed_by(const struct node *node)
{
    uint64_t by = 0;
    for (const struct link *link = node->links; link; link = link->of_node)
        if (!link->at[VIEW_TARGET] && link->stays > by)
            by = link->stays;
    return by;
}

static void link_target(struct link *link, struct slot *slot, const struct event *e)
{
    link_move(link, VIEW_TARGET, slot);
    if (!link->event)
        link->event = e->id;
}

static void link_stays(struct link *link, const struct event *e, enum fate fate)
{
    if (link && fate == FATE_STAYS && !link->stays)
        link->stays = e->id;
}

/* ---- what an event says about a folder ---- */

/* Names that the target leaves it, also those that were never looked at. */
static size_t names_left(const struct node *node)
{
    size_t known = node_count_in(node, VIEW_DISK);
    size_t unknown =
        node->origin == ORIGIN_DISK && !S_ISDIR(node->attr.mode) && node->attr.nlink > known
            ? node->attr.nlink - known
            : 0;
    return node_count_in(node, VIEW_TARGET) + unknown;
}

static void wish_mtime(struct node *node, int64_t mtime, uint64_t event)
{
    node->wish.fields |= WISH_MTIME;
    node->wish.mtime = mtime;
    if (!node->wish.event)
        node->wish.event = event;
}

static void note_entry(struct slot *slot, const struct event *e, int64_t mtime, enum fate fate)
{
    struct node *folder = slot->folder;
    if (e->time > folder->last_entry)
        folder->last_entry = e->time;
    if (fate == FATE_STAYS && !folder->touched_by)
        folder->touched_by = e->id;
    if (fate == FATE_TAKEN && mtime && !folder->touched_by)
        wish_mtime(folder, mtime, e->id);
}

/* ---- metadata and content ---- */

static unsigned bit(enum aspect aspect)
{
    return 1u << aspect;
}

/* What an event is about. */
static unsigned main_aspects(enum op op)
{
    switch (op) {
    case OP_WRITE:
    case OP_TRUNCATE:
        return bit(ASPECT_CONTENT);
    case OP_CHMOD:
        return bit(ASPECT_MODE);
    case OP_CHOWN:
        return bit(ASPECT_OWNER);
    case OP_UTIMENS:
        return bit(ASPECT_MTIME);
    case OP_SETXATTR:
    case OP_REMOVEXATTR:
        return bit(ASPECT_XATTRS);
    default:
        return 0;
    }
}

/* What it may have changed along the way: bits dropped by a write, the mode by an ACL, and all of
 * it by an undo that put another inode there. */
static unsigned side_aspects(enum op op)
{
    if (op == OP_UTIMENS)
        return 0;
    return changes_content(op) ? bit(ASPECT_MODE) | bit(ASPECT_OWNER) | bit(ASPECT_MTIME)
                               : bit(ASPECT_MODE);
}

static bool differs(const struct event *e, enum aspect aspect)
{
    const struct attr *a = &e->before;
    const struct attr *b = &e->after;
    if (!a->mode || !b->mode)
        return false;
    switch (aspect) {
    case ASPECT_MODE:
        return a->mode != b->mode;
    case ASPECT_OWNER:
        return a->uid != b->uid || a->gid != b->gid;
    case ASPECT_MTIME:
        return a->mtime != b->mtime;
    default:
        return false;
    }
}

static unsigned changed_aspects(const struct event *e)
{
    unsigned changed = main_aspects(e->op);
    unsigned side = side_aspects(e->op);
    for (enum aspect i = 0; i < ASPECTS; i++)
        if ((side & bit(i)) && differs(e, i))
            changed |= bit(i);
    return changed;
}

static void mark_staying(struct thing *t, const struct event *e)
{
    unsigned changed = changed_aspects(e);
    for (enum aspect i = 0; i < ASPECTS; i++)
        if ((changed & bit(i)) && !t->stays[i])
            t->stays[i] = e->id;
}

static uint64_t stays_in(const struct thing *t, unsigned aspects)
{
    uint64_t newest = 0;
    for (enum aspect i = 0; i < ASPECTS; i++)
        if ((aspects & bit(i)) && t->stays[i] > newest)
            newest = t->stays[i];
    return newest;
}

static int wish_xattr(struct rewind *r, struct wish *wish, const struct xattr *x)
{
    struct arena *memory = &r->plan->memory;
    struct old_xattr *old = wish->xattrs;
    while (old &&
           (strlen(old->name) != x->name_bytes || memcmp(old->name, x->name, x->name_bytes) != 0))
        old = old->next;
    if (!old) {
        old = arena_take(memory, sizeof *old);
        if (!old)
            return -ENOMEM;
        old->name = arena_copy(memory, x->name, x->name_bytes);
        old->next = wish->xattrs;
        wish->xattrs = old;
    }
    size_t bytes = x->value_bytes == XATTR_ABSENT ? 0 : x->value_bytes;
    old->value = arena_copy(memory, x->value, bytes);
    old->value_bytes = x->value_bytes;
    return old->name && old->value ? 0 : -ENOMEM;
}

static int wish_xattrs(struct rewind *r, struct node *node, const struct event *e, unsigned field,
                       struct error *err)
{
    struct xattr x;
    size_t at = 0;
    int n;
    while ((n = xattr_next(e->xattrs, e->xattr_bytes, &at, &x)) == 1)
        if (wish_xattr(r, &node->wish, &x) < 0)
            return no_memory(err);
    node->wish.fields |= field;
    if (n < 0)
        return trouble_with(r, node, e, TROUBLE_UNKNOWN, 0, err);
    return 0;
}

static void wish_attr(struct node *node, const struct attr *old, unsigned aspects)
{
    struct wish *w = &node->wish;
    if ((aspects & bit(ASPECT_MODE)) && !S_ISLNK(old->mode)) {
        w->fields |= WISH_MODE;
        w->mode = old->mode & 07777;
    }
    if (aspects & bit(ASPECT_OWNER)) {
        w->fields |= WISH_UID | WISH_GID;
        w->uid = old->uid;
        w->gid = old->gid;
    }
    if (aspects & bit(ASPECT_MTIME)) {
        w->fields |= WISH_MTIME;
        w->mtime = old->mtime;
    }
}

static bool is_whole(enum kept kept)
{
    return kept == KEPT_INODE || kept == KEPT_CLONE || kept == KEPT_COPY;
}

static int add_patch(struct rewind *r, struct node *node, const struct event *e, struct error *err)
{
    struct patch *patch = arena_take(&r->plan->memory, sizeof *patch);
    if (!patch)
        return no_memory(err);
    *patch = (struct patch){.version = e->version,
                            .kept = e->version ? e->kept : KEPT_NONE,
                            .size = e->before.size,
                            .event = e->id};
    if (node->oldest_patch && !is_whole(patch->kept)) {
        node->oldest_patch->older = patch;
    } else {
        if (node->patches)
            patch->event = node->patches->event; /* the newest that is taken back */
        node->patches = patch;
    }
    node->oldest_patch = patch;
    return 0;
}

/* The event's thing gets back what it had before. */
static int take_change(struct rewind *r, struct node *node, const struct event *e,
                       struct error *err)
{
    unsigned aspects = changed_aspects(e);
    for (enum aspect i = 0; i < ASPECTS; i++)
        if (node->thing && node->thing->stays[i])
            aspects &= ~bit(i); /* side effects that a later event has overwritten */
    if (!e->before.mode)
        return trouble_with(r, node, e, TROUBLE_UNKNOWN, 0, err);
    node->wish.asked = true;
    if (!node->wish.event)
        node->wish.event = e->id;
    if (changes_content(e->op) && S_ISREG(node->attr.mode))
        TRY(add_patch(r, node, e, err));
    if (aspects & bit(ASPECT_XATTRS))
        TRY(wish_xattrs(r, node, e, WISH_XATTRS, err));
    wish_attr(node, &e->before, aspects);
    return 0;
}

/* Changes of the thing itself. */
static int take_modified(struct rewind *r, const struct event *e, struct thing *t,
                         struct error *err)
{
    struct node *node = t->node;
    if (!node_link_in(node, VIEW_TARGET) && node != r->tree->top)
        return note_gone(r, node, e, removed_by(node), err);
    int sound = verify(r, node, e, err);
    if (sound <= 0)
        return sound;
    uint64_t later = stays_in(t, main_aspects(e->op));
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    return take_change(r, node, e, err);
}

/* ---- things without a name ---- */

static int add_orphan(struct rewind *r, struct thing *t, const struct event *e, enum fate fate,
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

/* It had a name all the time, which the events did not tell: of several names the filesystem
 * remembers one, and that may be gone. */
static int settle_orphans(struct rewind *r, struct thing *t, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate == FATE_TAKEN)
            TRY(take_modified(r, &o->event, t, err));
        else
            mark_staying(t, &o->event);
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

/* The name comes back, and with it whatever was done to the thing while it had none. */
static int take_orphans(struct rewind *r, struct thing *t, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older) {
        TRY(take_change(r, t->node, &o->event, err));
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

static int leave_orphans(struct rewind *r, struct thing *t, const struct event *removal,
                         enum fate fate, struct error *err)
{
    for (const struct orphan *o = t->orphans; o; o = o->older)
        if (o->fate != FATE_TAKEN)
            mark_staying(t, &o->event);
        else if (fate == FATE_STAYS)
            TRY(drop_orphan(r, o, err));
        else
            TRY(note_gone(r, t->node, &o->event, removal->id, err));
    t->orphans = t->oldest_orphan = NULL;
    return 0;
}

/* ---- things that come back ---- */

/* One name of something that an event removed. */
struct loss {
    const struct event *event;
    uint64_t object;
    const struct attr *attr;
    struct slot *slot;
};

static struct node *add_folder(struct rewind *r, const struct loss *loss)
{
    struct node *node = tree_add_node(r->tree, loss->attr, ORIGIN_FOLDER);
    if (node)
        wish_attr(node, loss->attr, bit(ASPECT_MODE) | bit(ASPECT_OWNER) | bit(ASPECT_MTIME));
    return node;
}

/* Its inode, or a whole copy of it, as the vault has it. */
static struct node *add_kept(struct rewind *r, const struct loss *loss)
{
    const struct event *e = loss->event;
    struct attr now;
    char name[17];
    int dir = vault_place(r->vault, e->version, name);
    bool here = e->version && attr_read(dir, name, &now) == 0 &&
                ((now.mode ^ loss->attr->mode) & S_IFMT) == 0 &&
                (e->kept == KEPT_INODE || now.size == loss->attr->size);
    if (!here || !is_whole(e->kept))
        return tree_add_node(r->tree, loss->attr, ORIGIN_LOST);
    bool inode = e->kept == KEPT_INODE;
    struct node *node =
        tree_add_node(r->tree, inode ? &now : loss->attr, inode ? ORIGIN_INODE : ORIGIN_CONTENT);
    if (!node)
        return NULL;
    node->version = e->version;
    if (!inode)
        wish_attr(node, loss->attr, bit(ASPECT_MODE) | bit(ASPECT_OWNER) | bit(ASPECT_MTIME));
    if (inode && map_put(&r->tree->inodes, now.ino, (uint64_t)now.born, node) < 0)
        return NULL;
    return node;
}

/* The inode lives on under other names. */
static int find_survivor(struct rewind *r, const struct attr *known, struct node **out,
                         struct error *err)
{
    *out = map_get(&r->tree->inodes, known->ino, (uint64_t)known->born);
    if (*out || r->searched)
        return 0;
    r->searched = true;
    TRY(tree_search(r->tree, &r->inos, err));
    *out = map_get(&r->tree->inodes, known->ino, (uint64_t)known->born);
    return 0;
}

static int add_lost(struct rewind *r, struct thing *t, const struct loss *loss, struct error *err)
{
    struct node *node = NULL;
    if (!S_ISDIR(loss->attr->mode) && loss->attr->nlink > 1)
        TRY(find_survivor(r, t->last.mode ? &t->last : loss->attr, &node, err));
    if (!node)
        node = S_ISDIR(loss->attr->mode) ? add_folder(r, loss) : add_kept(r, loss);
    if (!node)
        return no_memory(err);
    thing_join(t, node);
    if ((node->origin == ORIGIN_FOLDER || node->origin == ORIGIN_CONTENT) && loss->event->xattrs)
        TRY(wish_xattrs(r, node, loss->event, WISH_ALL_XATTRS, err));
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
    size_t names = names_left(node);
    uint64_t later = names ? 0 : stays_in(t, ~0u);
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    if (node->origin == ORIGIN_LOST)
        return trouble_with(r, node, e, TROUBLE_BYTES, 0, err);
    if (node->origin == ORIGIN_DISK && names == 0)
        return trouble_with(r, node, e, TROUBLE_LATER, removed_by(node), err);
    const struct link *there = loss->slot->in[VIEW_TARGET];
    if (there)
        return trouble_with(r, node, e, TROUBLE_EXISTS, there->stays, err);
    link_target(link, loss->slot, e);
    return 0;
}

static int bring_back(struct rewind *r, const struct loss *loss, enum fate fate, struct error *err)
{
    struct thing *t = thing_make(r, loss->object);
    if (!t)
        return loss->object ? no_memory(err) : unknown_if_taken(r, loss->event, fate, err);
    struct link *link = fate == FATE_CANCELLED ? link_returned(r, t, loss) : NULL;
    if (!t->node)
        TRY(add_lost(r, t, loss, err));
    bool nameless = !node_link_in(t->node, VIEW_PAST);
    if (!nameless)
        TRY(settle_orphans(r, t, err));
    if (!link && !(link = tree_add_link(r->tree, t->node)))
        return no_memory(err);
    link_move(link, VIEW_PAST, loss->slot);
    link_stays(link, loss->event, fate);
    if (fate == FATE_TAKEN)
        TRY(restore_name(r, t, loss, link, err));
    if (!nameless)
        return 0;
    return fate == FATE_TAKEN ? take_orphans(r, t, err)
                              : leave_orphans(r, t, loss->event, fate, err);
}

/* ---- the operations ---- */

/* The slots that an event's paths lead to, NULL where the folder is not there. */
struct ends {
    struct slot *from;
    struct slot *to;
};

static struct link *link_of(const struct slot *slot, const struct node *node)
{
    struct link *link = slot ? slot->in[VIEW_PAST] : NULL;
    return link && node && link->node == node ? link : NULL;
}

static int find_link(struct rewind *r, uint64_t object, struct slot *slot, const struct attr *known,
                     struct link **out, struct error *err)
{
    struct thing *t = thing_make(r, object);
    if (object && !t)
        return no_memory(err);
    struct node *node = t ? thing_node(t, slot, known) : NULL;
    *out = link_of(slot, node);
    return *out ? settle_orphans(r, t, err) : 0;
}

/* Undoing a creation removes; what stays must not need it. */
static int take_made(struct rewind *r, const struct event *e, struct link *link, struct error *err)
{
    struct node *node = link->node;
    bool is_link = e->op == OP_LINK;
    size_t names = names_left(node);
    node->unmade |= !is_link && !(e->flags & EVENT_BY_UNDO);
    if (!link->at[VIEW_TARGET])
        return is_link ? note_gone(r, node, e, link->stays, err) : 0;
    int sound = verify(r, node, e, err);
    if (sound <= 0)
        return sound;
    uint64_t later = is_link || !node->thing ? 0 : stays_in(node->thing, ~0u);
    if (!later && (is_link ? names == 1 : names > 1)) {
        for (const struct link *l = node->links; l; l = l->of_node)
            if (l != link && l->stays > later)
                later = l->stays;
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    }
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    link_target(link, NULL, e);
    return 0;
}

static int rewind_made(struct rewind *r, const struct event *e, const struct ends *at,
                       enum fate fate, struct error *err)
{
    struct link *link = NULL;
    TRY(find_link(r, e->object, at->from, attr_known(e), &link, err));
    if (!link)
        return fate == FATE_TAKEN ? rewind_trouble(r, e->path, TROUBLE_OUTSIDE, e->id, 0, NULL, err)
                                  : 0;
    if (fate == FATE_TAKEN)
        TRY(take_made(r, e, link, err));
    link_stays(link, e, fate);
    bool returns = (e->flags & EVENT_BY_UNDO) && e->undoes;
    if (returns && !map_get(&r->returned, e->undoes, 0) &&
        map_put(&r->returned, e->undoes, 0, link) < 0)
        return no_memory(err);
    link_move(link, VIEW_PAST, NULL);
    return 0;
}

static int rewind_removed(struct rewind *r, const struct event *e, const struct ends *at,
                          enum fate fate, struct error *err)
{
    const struct loss loss = {
        .event = e, .object = e->object, .attr = &e->before, .slot = at->from};
    if (at->from)
        return bring_back(r, &loss, fate, err);
    return fate == FATE_TAKEN ? rewind_trouble(r, e->path, TROUBLE_FOLDER, e->id, 0, NULL, err) : 0;
}

/* Has a later event that stays moved or removed it? */
static int is_elsewhere(struct rewind *r, const struct event *e, struct link *link,
                        const struct slot *slot, struct error *err)
{
    if (link->at[VIEW_TARGET] == slot)
        return 0;
    if (!link->at[VIEW_TARGET])
        TRY(note_gone(r, link->node, e, link->stays, err));
    else
        TRY(trouble_with(r, link->node, e, TROUBLE_LATER, link->stays, err));
    return 1;
}

static int take_rename(struct rewind *r, const struct event *e, struct link *link,
                       const struct ends *at, struct error *err)
{
    int elsewhere = is_elsewhere(r, e, link, at->to, err);
    if (elsewhere != 0)
        return elsewhere < 0 ? elsewhere : 0;
    int sound = verify(r, link->node, e, err);
    if (sound <= 0)
        return sound;
    if (!at->from)
        return trouble_with(r, link->node, e, TROUBLE_FOLDER, 0, err);
    const struct link *there = at->from->in[VIEW_TARGET];
    if (there)
        return trouble_with(r, link->node, e, TROUBLE_EXISTS, there->stays, err);
    link_target(link, at->from, e);
    return 0;
}

static int rewind_rename(struct rewind *r, const struct event *e, const struct ends *at,
                         enum fate fate, struct error *err)
{
    struct link *link = NULL;
    TRY(find_link(r, e->object, at->to, attr_known(e), &link, err));
    if (!link && fate == FATE_TAKEN)
        TRY(rewind_trouble(r, e->path2, TROUBLE_OUTSIDE, e->id, 0, NULL, err));
    if (link && fate == FATE_TAKEN)
        TRY(take_rename(r, e, link, at, err));
    link_stays(link, e, fate);
    if (link)
        link_move(link, VIEW_PAST, at->from);
    if (!e->before2.mode || !at->to)
        return 0;
    const struct loss loss = {
        .event = e, .object = e->replaced, .attr = &e->before2, .slot = at->to};
    return bring_back(r, &loss, fate, err);
}

static int take_exchange(struct rewind *r, const struct event *e, struct link *first,
                         struct link *second, const struct ends *at, struct error *err)
{
    int elsewhere = is_elsewhere(r, e, first, at->to, err);
    if (elsewhere == 0)
        elsewhere = is_elsewhere(r, e, second, at->from, err);
    if (elsewhere != 0)
        return elsewhere < 0 ? elsewhere : 0;
    int sound = verify(r, first->node, e, err);
    if (sound > 0)
        sound = verify(r, second->node, e, err);
    if (sound <= 0)
        return sound;
    link_target(second, NULL, e);
    link_target(first, at->from, e);
    link_target(second, at->to, e);
    return 0;
}

static int rewind_exchange(struct rewind *r, const struct event *e, const struct ends *at,
                           enum fate fate, struct error *err)
{
    struct link *first = NULL;
    struct link *second = NULL;
    TRY(find_link(r, e->object, at->to, attr_known(e), &first, err));
    TRY(find_link(r, e->replaced, at->from, &e->before2, &second, err));
    if (fate == FATE_TAKEN && (!first || !second))
        return rewind_trouble(r, e->path, TROUBLE_OUTSIDE, e->id, 0, NULL, err);
    if (fate == FATE_TAKEN)
        TRY(take_exchange(r, e, first, second, at, err));
    link_stays(first, e, fate);
    link_stays(second, e, fate);
    if (second)
        link_move(second, VIEW_PAST, NULL);
    if (first)
        link_move(first, VIEW_PAST, at->from);
    if (second) /* without the first: one that nobody asked about stood there */
        link_move(second, VIEW_PAST, at->to);
    return 0;
}

static void note_folder_change(struct node *folder, const struct event *e, enum fate fate)
{
    if (e->after.mtime > folder->known_mtime)
        folder->known_mtime = e->after.mtime;
    if (fate == FATE_STAYS && e->op == OP_UTIMENS && !folder->touched_by)
        folder->touched_by = e->id;
}

static int rewind_modified(struct rewind *r, const struct event *e, const struct ends *at,
                           enum fate fate, struct error *err)
{
    struct thing *t = thing_make(r, e->object);
    if (!t)
        return e->object ? no_memory(err) : unknown_if_taken(r, e, fate, err);
    struct node *node = thing_node(t, at->from, attr_known(e));
    if (!node && !e->path[0] && is_same_inode(&r->tree->top->attr, attr_known(e)))
        thing_join(t, node = r->tree->top);
    if (node && S_ISDIR(node->attr.mode))
        note_folder_change(node, e, fate);
    if (fate == FATE_CANCELLED)
        return 0;
    if (!node || (!node_link_in(node, VIEW_PAST) && node != r->tree->top))
        return add_orphan(r, t, e, fate, err);
    TRY(settle_orphans(r, t, err));
    if (fate == FATE_TAKEN)
        return take_modified(r, e, t, err);
    mark_staying(t, e);
    return 0;
}

/* ---- from an event to its operation ---- */

typedef int rewind_op(struct rewind *r, const struct event *e, const struct ends *at,
                      enum fate fate, struct error *err);

static rewind_op *const operations[] = {
    [OP_CREATE] = rewind_made,       [OP_MKDIR] = rewind_made,
    [OP_MKNOD] = rewind_made,        [OP_SYMLINK] = rewind_made,
    [OP_LINK] = rewind_made,         [OP_UNLINK] = rewind_removed,
    [OP_RMDIR] = rewind_removed,     [OP_RENAME] = rewind_rename,
    [OP_EXCHANGE] = rewind_exchange, [OP_WRITE] = rewind_modified,
    [OP_TRUNCATE] = rewind_modified, [OP_CHMOD] = rewind_modified,
    [OP_CHOWN] = rewind_modified,    [OP_UTIMENS] = rewind_modified,
    [OP_SETXATTR] = rewind_modified, [OP_REMOVEXATTR] = rewind_modified,
};

static bool changes_entries(enum op op)
{
    return op >= OP_CREATE && op <= OP_EXCHANGE;
}

static bool has_two_ends(enum op op)
{
    return op == OP_RENAME || op == OP_EXCHANGE;
}

static bool is_about_folder(const struct event *e)
{
    return S_ISDIR(e->after.mode) || S_ISDIR(e->before.mode) || S_ISDIR(e->before2.mode);
}

/* Files that no selected event is about need not be followed: paths lead through folders. */
static bool must_follow(const struct rewind *r, const struct event *e, enum fate fate)
{
    return fate == FATE_TAKEN || is_about_folder(e) || thing_of(r, e->object) ||
           thing_of(r, e->replaced);
}

static int note_states(struct rewind *r, const struct event *e, struct error *err)
{
    struct thing *t = thing_make(r, e->object);
    if (e->object && !t)
        return no_memory(err);
    if (t)
        thing_see(t, &e->after, e->op);
    if (t && has_two_ends(e->op))
        thing_see_before(t, e->before);
    t = has_two_ends(e->op) ? thing_make(r, e->replaced) : NULL; /* it may have other names */
    if (t)
        thing_see_before(t, e->before2);
    return 0;
}

static int find_ends(struct rewind *r, const struct event *e, enum fate fate, struct ends *at,
                     struct error *err)
{
    if (e->path[0])
        TRY(tree_find(r->tree, VIEW_PAST, e->path, &at->from, err));
    if (has_two_ends(e->op))
        TRY(tree_find(r->tree, VIEW_PAST, e->path2, &at->to, err));
    if (at->from && (changes_entries(e->op) || e->dir_mtime)) /* or another inode for a file */
        note_entry(at->from, e, e->dir_mtime, fate);
    if (at->to && at->to->folder != (at->from ? at->from->folder : NULL))
        note_entry(at->to, e, e->dir2_mtime, fate);
    return 0;
}

/* Without loading the file itself: only its folder is told. */
static int note_parent(struct rewind *r, const char *path, const struct event *e, enum fate fate,
                       struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf folder = STRBUF_EMPTY;
    struct slot *slot = NULL;
    const char *name = place_name(path);
    struct node *node = r->tree->top;
    if (name != path) {
        strbuf_add(&folder, path, (size_t)(name - path) - 1);
        if (folder.failed)
            return no_memory(err);
        TRY(tree_find(r->tree, VIEW_PAST, strbuf_text(&folder), &slot, err));
        node = slot && slot->in[VIEW_PAST] ? slot->in[VIEW_PAST]->node : NULL;
    }
    if (!node)
        return 0;
    struct slot entry = {.folder = node};
    note_entry(&entry, e, 0, fate);
    return 0;
}

static int note_parents(struct rewind *r, const struct event *e, enum fate fate, struct error *err)
{
    if (!changes_entries(e->op))
        return 0;
    TRY(note_parent(r, e->path, e, fate, err));
    return has_two_ends(e->op) ? note_parent(r, e->path2, e, fate, err) : 0;
}

/* The workspace's own folder has metadata too. */
static bool has_sound_paths(const struct event *e)
{
    if (e->path && !e->path[0])
        return !changes_entries(e->op);
    return place_is_sound(e->path) && (!has_two_ends(e->op) || place_is_sound(e->path2));
}

int rewind_event(struct rewind *r, const struct event *e, enum fate fate, struct error *err)
{
    struct ends at = {0};
    if (!op_changes(e->op))
        return 0;
    if (!has_sound_paths(e))
        return unknown_if_taken(r, e, fate, err);
    if (!must_follow(r, e, fate))
        return note_parents(r, e, fate, err);
    TRY(note_states(r, e, err));
    TRY(find_ends(r, e, fate, &at, err));
    return operations[e->op](r, e, &at, fate, err);
}

/* What to look for in the whole workspace when a path leads nowhere.  A truncation may have put
 * another inode in a file's place, so every number that is told counts. */
static int expect_inode(struct rewind *r, const struct attr *seen)
{
    bool wanted = seen->mode && !S_ISDIR(seen->mode) && !map_get(&r->inos, seen->ino, 0);
    return wanted ? map_put(&r->inos, seen->ino, 0, r) : 0;
}

int rewind_expect(struct rewind *r, const struct event *e, struct error *err)
{
    const struct attr *const seen[] = {&e->before, &e->after, &e->before2};
    if ((e->object && !thing_make(r, e->object)) || (e->replaced && !thing_make(r, e->replaced)))
        return no_memory(err);
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        if (expect_inode(r, seen[i]) < 0)
            return no_memory(err);
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
static int end_orphans(struct rewind *r, struct thing *t, rewind_was_nameless *ask, void *context,
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
        TRY(find_survivor(r, &t->last, &node, err));
    if (!node || !node_link_in(node, VIEW_PAST))
        return rewind_trouble(r, e->path, TROUBLE_OUTSIDE, e->id, 0, t->node, err);
    if (!t->node)
        thing_join(t, node);
    return settle_orphans(r, t, err);
}

/* What changes has a name to be reached by, if need be one that no event told. */
static int find_other_names(struct rewind *r, struct error *err)
{
    CLEANUP(map_release) struct map inos;
    map_init(&inos);
    for (struct node *n = r->tree->nodes; n; n = n->next) {
        bool hidden = n->origin == ORIGIN_DISK && n->wish.asked && n != r->tree->top &&
                      !node_link_in(n, VIEW_TARGET) && names_left(n) > 0;
        if (hidden && map_put(&inos, n->attr.ino, 0, n) < 0)
            return no_memory(err);
    }
    return inos.used ? tree_search(r->tree, &inos, err) : 0;
}

int rewind_end(struct rewind *r, rewind_was_nameless *ask, void *context, struct error *err)
{
    TRY(find_other_names(r, err));
    for (struct thing *t = r->all; t; t = t->next)
        TRY(end_orphans(r, t, ask, context, err));
    for (struct node *n = r->tree->nodes; n; n = n->next)
        if (n->gone_event && !n->unmade && !n->troubled)
            TRY(rewind_trouble(r, n->gone_path, n->gone_by ? TROUBLE_LATER : TROUBLE_OUTSIDE,
                               n->gone_event, n->gone_by, NULL, err));
    return 0;
}
