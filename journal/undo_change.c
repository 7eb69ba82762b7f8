/* undo_change.c - see undo_change.h. */
#include "journal/undo_change.h"

#include <errno.h>
#include <string.h>

#include "journal/undo_effect.h"
#include "journal/undo_thing.h"
#include "journal/xattr.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

unsigned aspect_bit(enum aspect aspect)
{
    return 1u << aspect;
}

/* What an event is about. */
static unsigned main_aspects(enum op op)
{
    switch (op) {
    case OP_WRITE:
    case OP_TRUNCATE:
        return aspect_bit(ASPECT_CONTENT);
    case OP_CHMOD:
        return aspect_bit(ASPECT_MODE);
    case OP_CHOWN:
        return aspect_bit(ASPECT_OWNER);
    case OP_UTIMENS:
        return aspect_bit(ASPECT_MTIME);
    case OP_SETXATTR:
    case OP_REMOVEXATTR:
        return aspect_bit(ASPECT_XATTRS);
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
    return changes_content(op)
               ? aspect_bit(ASPECT_MODE) | aspect_bit(ASPECT_OWNER) | aspect_bit(ASPECT_MTIME)
               : aspect_bit(ASPECT_MODE);
}

/* Of an event that tells what it found and what it left. */
static bool differs(const struct event *e, enum aspect aspect)
{
    const struct attr *a = &e->before;
    const struct attr *b = &e->after;
    switch (aspect) {
    case ASPECT_MODE:
        return a->mode != b->mode;
    case ASPECT_OWNER:
        return a->uid != b->uid || a->gid != b->gid;
    case ASPECT_MTIME:
        return a->mtime != b->mtime;
    case ASPECT_XATTRS: /* one that was set to what it was keeps no old value */
        return e->xattr_bytes > 0;
    default:
        return true;
    }
}

/* What was set to what it was already is not changed; of what is not told, what it is about is. */
static unsigned changed_aspects(const struct event *e)
{
    unsigned main = main_aspects(e->op);
    unsigned side = side_aspects(e->op);
    unsigned changed = 0;
    if (!e->before.mode || !e->after.mode)
        return main;
    for (enum aspect i = 0; i < ASPECTS; i++)
        if (((main | side) & aspect_bit(i)) && differs(e, i))
            changed |= aspect_bit(i);
    return changed;
}

bool change_is_none(const struct event *e)
{
    return changed_aspects(e) == 0;
}

void change_stays(struct thing *t, const struct event *e)
{
    unsigned changed = changed_aspects(e);
    for (enum aspect i = 0; i < ASPECTS; i++)
        if ((changed & aspect_bit(i)) && !t->stays[i])
            t->stays[i] = e->id;
}

uint64_t change_newest(const struct thing *t, unsigned aspects)
{
    uint64_t newest = 0;
    for (enum aspect i = 0; i < ASPECTS; i++)
        if ((aspects & aspect_bit(i)) && t->stays[i] > newest)
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

int change_wish_xattrs(struct rewind *r, struct node *node, const struct event *e, unsigned field,
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

void change_wish_attr(struct node *node, const struct attr *old, unsigned aspects)
{
    struct wish *w = &node->wish;
    if ((aspects & aspect_bit(ASPECT_MODE)) && !S_ISLNK(old->mode)) {
        w->fields |= WISH_MODE;
        w->mode = old->mode & 07777;
    }
    if (aspects & aspect_bit(ASPECT_OWNER)) {
        w->fields |= WISH_UID | WISH_GID;
        w->uid = old->uid;
        w->gid = old->gid;
    }
    if (aspects & aspect_bit(ASPECT_MTIME)) {
        w->fields |= WISH_MTIME;
        w->mtime = old->mtime;
    }
}

static int add_patch(struct rewind *r, struct node *node, const struct event *e, struct error *err)
{
    struct patch *patch = arena_take(&r->plan->memory, sizeof *patch);
    if (!patch)
        return no_memory(err);
    *patch = (struct patch){.version = e->version,
                            .kept = e->version ? e->kept : KEPT_NONE,
                            .size = e->before.size,
                            .event = e->id,
                            .own = e->id};
    if (node->oldest_patch && !kept_is_whole(patch->kept)) {
        node->oldest_patch->older = patch;
    } else {
        if (node->patches)
            patch->event = node->patches->event; /* the newest that is taken back */
        node->patches = patch;
    }
    node->oldest_patch = patch;
    return 0;
}

int change_take_along(struct rewind *r, struct node *node, const struct event *e, struct error *err)
{
    unsigned aspects = changed_aspects(e);
    for (enum aspect i = 0; i < ASPECTS; i++)
        if (node->thing && node->thing->stays[i])
            aspects &= ~aspect_bit(i); /* side effects that a later event has overwritten */
    if (!e->before.mode)
        return trouble_with(r, node, e, TROUBLE_UNKNOWN, 0, err);
    TRY(effect_note_change(r, node, e, err));
    node->wish.asked = true;
    if (!node->wish.event)
        node->wish.event = e->id;
    if (changes_content(e->op) && S_ISREG(node->attr.mode))
        TRY(add_patch(r, node, e, err));
    if (aspects & aspect_bit(ASPECT_XATTRS))
        TRY(change_wish_xattrs(r, node, e, WISH_XATTRS, err));
    change_wish_attr(node, &e->before, aspects);
    return 0;
}

int change_take(struct rewind *r, const struct event *e, struct thing *t, struct error *err)
{
    struct node *node = t->node;
    if (!node_link_in(node, VIEW_TARGET) && node != r->tree->top)
        return thing_note_gone(r, node, e, node_removed_by(node), err);
    int sound = thing_verify(r, node, e, err);
    if (sound <= 0)
        return sound;
    int found = changes_content(e->op) ? thing_found_outside(r, t, e, err) : 0;
    if (found != 0)
        return found < 0 ? found : 0;
    uint64_t later = change_newest(t, main_aspects(e->op) & changed_aspects(e));
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    return change_take_along(r, node, e, err);
}
