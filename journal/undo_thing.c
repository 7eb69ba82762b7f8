/* undo_thing.c - see undo_thing.h. */
#include "journal/undo_thing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/db.h"
#include "journal/outside.h"
#include "journal/undo_effect.h"

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

/* An event that stands in the way is named later, by undo_name.c, who can ask the journal. */
static const char *say_trouble(struct rewind *r, enum trouble trouble, uint64_t by,
                               const struct node *node)
{
    switch (trouble) {
    case TROUBLE_LATER:
        return by ? "" : "a later event that is not part of this undo needs it";
    case TROUBLE_EXISTS:
        return by ? "exists already" : "exists already: something else is there now";
    case TROUBLE_BYTES:
        return "its bytes are no longer in the vault";
    case TROUBLE_EXPIRED:
        return "its old content has expired: it was dropped from the vault";
    case TROUBLE_ALTERED:
        return "its old content was altered in the vault: see ccfs verify";
    case TROUBLE_BASE:
        return "changed outside ccfs, and of its old content only the overwritten parts were kept";
    case TROUBLE_FOLDER:
        return by ? "the folder that it was in is gone"
                  : "the folder that it was in is gone: removed outside ccfs";
    case TROUBLE_FOREIGN:
        return "it was made outside ccfs, in a folder that would go";
    case TROUBLE_OUTSIDE:
        return say_outside(r, node);
    default:
        return "the journal does not say enough about it";
    }
}

static const char *say_between(struct rewind *r, uint64_t event, uint64_t by)
{
    char text[128];
    snprintf(text, sizeof text, "changed outside ccfs between #%" PRIu64 " and #%" PRIu64, event,
             by);
    return arena_copy_text(&r->plan->memory, text);
}

/* What is gone cannot be replaced. */
static enum undo_obstacle obstacle_of(enum trouble trouble, uint64_t by, const struct node *node)
{
    if (trouble == TROUBLE_BETWEEN)
        return UNDO_BY_OUTSIDE;
    if (by)
        return UNDO_BY_EVENT;
    if (trouble == TROUBLE_EXISTS || trouble == TROUBLE_FOREIGN)
        return UNDO_BY_OUTSIDE;
    bool here = node && node->origin == ORIGIN_DISK;
    return trouble == TROUBLE_OUTSIDE && here ? UNDO_BY_OUTSIDE : UNDO_IMPOSSIBLE;
}

int rewind_trouble(struct rewind *r, const char *path, enum trouble trouble, uint64_t event,
                   uint64_t by, const struct node *node, struct error *err)
{
    const struct undo_conflict c = {
        .obstacle = obstacle_of(trouble, by, node),
        .path = arena_copy_text(&r->plan->memory, path),
        .reason = trouble == TROUBLE_BETWEEN ? say_between(r, event, by)
                                             : say_trouble(r, trouble, by, node),
        .event = event,
        .by = trouble == TROUBLE_BETWEEN ? 0 : by, /* it is taken back as well */
        .object = node && node->thing ? node->thing->object : 0,
    };
    if (!c.path || !c.reason || plan_conflict(r->plan, &c) < 0)
        return no_memory(err);
    return 0;
}

int trouble_with(struct rewind *r, struct node *node, const struct event *e, enum trouble trouble,
                 uint64_t by, struct error *err)
{
    if (node && node->troubled)
        return 0;
    if (node)
        node->troubled = true;
    return rewind_trouble(r, e->path, trouble, e->id, by, node, err);
}

int trouble_if_taken(struct rewind *r, const struct event *e, enum fate fate, struct error *err)
{
    if (fate != FATE_TAKEN)
        return 0;
    return rewind_trouble(r, e->path ? e->path : "", TROUBLE_UNKNOWN, e->id, 0, NULL, err);
}

/* ---- things ---- */

struct thing *thing_of(const struct rewind *r, uint64_t object)
{
    return object ? map_get(&r->things, object, 0) : NULL;
}

struct thing *thing_make(struct rewind *r, uint64_t object)
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

bool thing_is_inode(const struct attr *a, const struct attr *b)
{
    return a->ino == b->ino && ((a->mode ^ b->mode) & S_IFMT) == 0 &&
           (a->born == b->born || !a->born || !b->born);
}

void thing_join(struct thing *t, struct node *node)
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

/* Many editors save a file by putting another one in its place. */
static bool stands_in(const struct rewind *r, const struct node *node, const struct attr *known)
{
    return (r->how & UNDO_FORCE) && S_ISREG(node->attr.mode) && S_ISREG(known->mode);
}

struct node *thing_node(const struct rewind *r, struct thing *t, const struct slot *slot,
                        const struct attr *known)
{
    if (t->node)
        return t->node;
    struct link *link = slot ? slot->in[VIEW_PAST] : NULL;
    if (t->last.mode)
        known = &t->last;
    if (!link || link->node->thing)
        return NULL;
    if (!thing_is_inode(&link->node->attr, known) && !stands_in(r, link->node, known))
        return NULL;
    thing_join(t, link->node);
    return link->node;
}

const struct attr *thing_known(const struct event *e)
{
    return e->after.mode ? &e->after : &e->before;
}

bool changes_content(enum op op)
{
    return op == OP_WRITE || op == OP_TRUNCATE;
}

/* Newest first: the first state that is told is the last one seen.  Write sessions overlap, so the
 * change time decides between the events of one inode. */
void thing_see(struct thing *t, const struct attr *attr, enum op op)
{
    if (!attr->mode) {
        t->unclear |= !t->last.mode && changes_content(op);
        return;
    }
    bool later = t->last.ctime && attr->ctime > t->last.ctime && thing_is_inode(attr, &t->last);
    if (!t->last.mode || later)
        t->last = *attr;
}

/* Of objects whose state an event does not tell itself: the change time has moved since. */
void thing_see_before(struct thing *t, struct attr attr)
{
    attr.ctime = 0;
    if (!t->last.mode && attr.mode)
        t->last = attr;
}

void thing_see_first(struct thing *t, const struct attr *attr, uint64_t event)
{
    if (!attr->mode)
        return;
    t->first = *attr;
    t->first_event = event;
}

bool thing_is_as_last_seen(const struct node *node)
{
    const struct thing *t = node->thing;
    const struct attr *now = &node->attr;
    if (node->origin != ORIGIN_DISK || S_ISDIR(now->mode))
        return true;
    if (!t || t->unclear)
        return false;
    if (!t->last.mode)
        return true; /* only its name was ever recorded, and that was found */
    if (!thing_is_inode(now, &t->last))
        return false;
    if (t->last.ctime && now->ctime != t->last.ctime)
        return false;
    return !S_ISREG(now->mode) || (now->size == t->last.size && now->mtime == t->last.mtime);
}

/* What write sessions left, and changes that failed when they had moved the change time already. */
static const char left_last[] =
    "SELECT a_ino, a_born, a_mode, a_size, a_mtime, a_ctime FROM event"
    " WHERE object = ?1 AND a_ino = ?2 AND a_mode IS NOT NULL"
    " AND (op = 10 AND outcome IN (0, 3) OR outcome = 2)"
    " UNION ALL "
    "SELECT a_ino, a_born, a_mode, a_size, a_mtime, a_ctime FROM event"
    " WHERE replaced = ?1 AND outcome = 2 AND a_ino = ?2 AND a_mode IS NOT NULL"
    " ORDER BY a_ctime DESC LIMIT 1";

int thing_catch_up(struct db *db, struct thing *t, struct error *err)
{
    if (!db || !t || !t->last.mode)
        return 0;
    CLEANUP(stmt_done) struct stmt s = db_query(db, left_last);
    stmt_bind_int(&s, 1, (int64_t)t->object);
    stmt_bind_int(&s, 2, (int64_t)t->last.ino);
    int r = stmt_step(&s, err);
    if (r != 1)
        return r;
    const struct attr left = {
        .ino = (uint64_t)stmt_int(&s, 0),
        .born = stmt_int(&s, 1),
        .mode = (uint32_t)stmt_int(&s, 2),
        .size = (uint64_t)stmt_int(&s, 3),
        .mtime = stmt_int(&s, 4),
        .ctime = stmt_int(&s, 5),
    };
    if (thing_is_inode(&left, &t->last) && left.ctime > t->last.ctime)
        t->last = left;
    return 0;
}

static int note_outside(struct rewind *r, const struct node *node, const struct event *e,
                        struct error *err)
{
    struct undo_outside outside = {.found = node->attr};
    if (!node->thing || !node->thing->last.mode || node->thing->unclear)
        return 0;
    outside.known = node->thing->last;
    outside.path = arena_copy_text(&r->plan->memory, e->op == OP_RENAME ? e->path2 : e->path);
    if (!outside.path || plan_outside(r->plan, &outside) < 0)
        return no_memory(err);
    return 0;
}

int thing_verify(struct rewind *r, struct node *node, const struct event *e, struct error *err)
{
    if (node->verified)
        return !node->troubled;
    node->verified = true;
    if (thing_is_as_last_seen(node))
        return 1;
    TRY(thing_catch_up(r->db, node->thing, err));
    if (thing_is_as_last_seen(node))
        return 1;
    TRY(note_outside(r, node, e, err));
    if (r->how & UNDO_FORCE) {
        node->forced = true;
        return 1;
    }
    TRY(trouble_with(r, node, e, TROUBLE_OUTSIDE, 0, err));
    return 0;
}

int thing_found_outside(struct rewind *r, struct thing *t, const struct event *e, struct error *err)
{
    if (!r->db || t->swapped || !t->node || S_ISDIR(t->node->attr.mode) || (r->how & UNDO_FORCE))
        return 0;
    if (!t->looked_outside)
        TRY(outside_found_by(r->db, t->object, 0, UINT64_MAX, &t->found_by, err));
    t->looked_outside = true;
    if (e->id >= t->found_by)
        return 0;
    TRY(trouble_with(r, t->node, e, TROUBLE_BETWEEN, t->found_by, err));
    return 1;
}

int thing_note_gone(struct rewind *r, struct node *node, const struct event *e, uint64_t by,
                    struct error *err)
{
    bool replaced = e->op == OP_RENAME && e->before2.mode; /* that comes back all the same */
    if (!replaced && ids_add(&r->plan->idle, e->id) < 0)
        return no_memory(err);
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

static int find_owner(struct rewind *r, const struct link *there, uint64_t *by, struct error *err)
{
    *by = rewind_staying(there);
    if (*by)
        return 0;
    const char *path = tree_path_text(r->tree, VIEW_TARGET, there->at[VIEW_TARGET]);
    return path ? r->newest(r->newest_context, path, by, err) : no_memory(err);
}

int thing_make_room(struct rewind *r, struct node *node, const struct event *e, struct link *there,
                    struct error *err)
{
    uint64_t by = 0;
    TRY(find_owner(r, there, &by, err));
    if (by <= e->id)
        by = 0; /* of what stood there before */
    if (by || !(r->how & UNDO_FORCE))
        return trouble_with(r, node, e, TROUBLE_EXISTS, by, err);
    TRY(link_target(r, there, NULL, e, err));
    return 1;
}

uint64_t node_removed_by(const struct node *node)
{
    uint64_t by = 0;
    for (const struct link *link = node->links; link; link = link->of_node)
        if (!link->at[VIEW_TARGET] && link->stays > by)
            by = link->stays;
    return by;
}

int link_target(struct rewind *r, struct link *link, struct slot *slot, const struct event *e,
                struct error *err)
{
    TRY(effect_note_name(r, link, slot, e, err));
    link_move(link, VIEW_TARGET, slot);
    if (!link->event)
        link->event = e->id;
    return 0;
}

void link_stays(struct link *link, const struct event *e, enum fate fate)
{
    if (link && fate == FATE_STAYS && !link->stays)
        link->stays = e->id;
}

size_t node_names_left(const struct node *node)
{
    size_t known = node_count_in(node, VIEW_DISK);
    size_t unknown =
        node->origin == ORIGIN_DISK && !S_ISDIR(node->attr.mode) && node->attr.nlink > known
            ? node->attr.nlink - known
            : 0;
    return node_count_in(node, VIEW_TARGET) + unknown;
}

int thing_find_survivor(struct rewind *r, const struct attr *known, struct node **out,
                        struct error *err)
{
    bool expected = map_get(&r->inos, known->ino, 0) != NULL;
    *out = map_get(&r->tree->inodes, known->ino, (uint64_t)known->born);
    if (*out || (r->searched && expected))
        return 0;
    if (!expected && map_put(&r->inos, known->ino, 0, r) < 0)
        return no_memory(err);
    r->searched = true;
    TRY(tree_search(r->tree, &r->inos, err));
    *out = map_get(&r->tree->inodes, known->ino, (uint64_t)known->born);
    return 0;
}
