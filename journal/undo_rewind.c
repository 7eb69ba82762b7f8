/* undo_rewind.c - see undo_rewind.h.
 *
 * (1) In doubt it is a conflict: nothing is guessed.
 * (2) A thing is known by its object, not by its name; on the disk by its inode and birth.
 * (3) Only what has the state that the journal last saw is changed. */
#include "journal/undo_rewind.h"

#include <errno.h>

#include "journal/undo_change.h"
#include "journal/undo_loss.h"
#include "journal/undo_place.h"
#include "journal/undo_thing.h"

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

/* ---- what an event says about a folder ---- */

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
    struct node *node = t ? thing_node(r, t, slot, known) : NULL;
    *out = link_of(slot, node);
    return *out ? orphans_settle(r, t, err) : 0;
}

/* Undoing a creation removes; what stays must not need it. */
static int take_made(struct rewind *r, const struct event *e, struct link *link, struct error *err)
{
    struct node *node = link->node;
    bool is_link = e->op == OP_LINK;
    size_t names = node_names_left(node);
    node->unmade |= !is_link && !(e->flags & EVENT_BY_UNDO);
    if (!link->at[VIEW_TARGET] && is_link)
        return thing_note_gone(r, node, e, link->stays, err);
    if (!link->at[VIEW_TARGET]) /* removed, and stays so */
        return ids_add(&r->plan->idle, e->id) < 0 ? no_memory(err) : 0;
    int sound = thing_verify(r, node, e, err);
    if (sound <= 0)
        return sound;
    int found = is_link || !node->thing ? 0 : thing_found_outside(r, node->thing, e, err);
    if (found != 0)
        return found < 0 ? found : 0;
    uint64_t later = is_link || !node->thing ? 0 : change_newest(node->thing, ~0u);
    if (!later && (is_link ? names == 1 : names > 1)) {
        for (const struct link *l = node->links; l; l = l->of_node)
            if (l != link && l->stays > later)
                later = l->stays;
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    }
    if (later)
        return trouble_with(r, node, e, TROUBLE_LATER, later, err);
    return link_target(r, link, NULL, e, err);
}

static int rewind_made(struct rewind *r, const struct event *e, const struct ends *at,
                       enum fate fate, struct error *err)
{
    struct link *link = NULL;
    TRY(find_link(r, e->object, at->from, thing_known(e), &link, err));
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
        return loss_take_back(r, &loss, fate, err);
    return fate == FATE_TAKEN ? rewind_trouble(r, e->path, TROUBLE_FOLDER, e->id, 0, NULL, err) : 0;
}

/* Has a later event that stays moved or removed it? */
static int is_elsewhere(struct rewind *r, const struct event *e, struct link *link,
                        const struct slot *slot, struct error *err)
{
    if (link->at[VIEW_TARGET] == slot)
        return 0;
    if (!link->at[VIEW_TARGET])
        TRY(thing_note_gone(r, link->node, e, link->stays, err));
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
    int sound = thing_verify(r, link->node, e, err);
    if (sound <= 0)
        return sound;
    if (!at->from)
        return trouble_with(r, link->node, e, TROUBLE_FOLDER, 0, err);
    struct link *there = at->from->in[VIEW_TARGET];
    int room = there ? thing_make_room(r, link->node, e, there, err) : 1;
    if (room > 0)
        room = link_target(r, link, at->from, e, err);
    return room < 0 ? room : 0;
}

static int rewind_rename(struct rewind *r, const struct event *e, const struct ends *at,
                         enum fate fate, struct error *err)
{
    struct link *link = NULL;
    TRY(find_link(r, e->object, at->to, thing_known(e), &link, err));
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
    return loss_take_back(r, &loss, fate, err);
}

static int take_exchange(struct rewind *r, const struct event *e, struct link *first,
                         struct link *second, const struct ends *at, struct error *err)
{
    int elsewhere = is_elsewhere(r, e, first, at->to, err);
    if (elsewhere == 0)
        elsewhere = is_elsewhere(r, e, second, at->from, err);
    if (elsewhere != 0)
        return elsewhere < 0 ? elsewhere : 0;
    int sound = thing_verify(r, first->node, e, err);
    if (sound > 0)
        sound = thing_verify(r, second->node, e, err);
    if (sound <= 0)
        return sound;
    TRY(link_target(r, second, NULL, e, err));
    TRY(link_target(r, first, at->from, e, err));
    return link_target(r, second, at->to, e, err);
}

static int rewind_exchange(struct rewind *r, const struct event *e, const struct ends *at,
                           enum fate fate, struct error *err)
{
    struct link *first = NULL;
    struct link *second = NULL;
    TRY(find_link(r, e->object, at->to, thing_known(e), &first, err));
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

/* A write session that has not told anything yet: what it found is what is known. */
static bool has_begun(const struct event *e)
{
    return e->outcome == OUTCOME_OPEN && !e->after.mode;
}

static void note_folder_change(struct node *folder, const struct event *e, enum fate fate)
{
    if (e->after.mtime > folder->known_mtime)
        folder->known_mtime = e->after.mtime;
    bool sets = e->op == OP_UTIMENS && !change_is_none(e);
    if (fate == FATE_STAYS && sets && !folder->touched_by)
        folder->touched_by = e->id;
}

/* A content that was to be taken back, and was not, because the file was removed at once: what lies
 * in the vault is still what this event left. */
static bool still_holds(const struct node *node, const struct event *e)
{
    bool content = e->op == OP_WRITE || e->op == OP_TRUNCATE;
    bool kept = node && (node->origin == ORIGIN_INODE || node->origin == ORIGIN_CONTENT);
    return content && kept && !node->patches && e->after.mode && node->attr.size == e->after.size &&
           node->attr.mtime == e->after.mtime;
}

static int rewind_modified(struct rewind *r, const struct event *e, const struct ends *at,
                           enum fate fate, struct error *err)
{
    struct thing *t = thing_make(r, e->object);
    if (!t)
        return e->object ? no_memory(err) : trouble_if_taken(r, e, fate, err);
    struct node *node = thing_node(r, t, at->from, thing_known(e));
    if (!node && !e->path[0] && thing_is_inode(&r->tree->top->attr, thing_known(e)))
        thing_join(t, node = r->tree->top);
    if (node && S_ISDIR(node->attr.mode))
        note_folder_change(node, e, fate);
    if (change_is_none(e))
        return 0;
    if (fate == FATE_CANCELLED && still_holds(node, e))
        fate = FATE_PAST;
    bool idle = has_begun(e) && fate == FATE_STAYS; /* if it has changed anything, the disk tells */
    if (fate == FATE_CANCELLED || idle)
        return 0;
    if (!node || (!node_link_in(node, VIEW_PAST) && node != r->tree->top))
        return orphan_add(r, t, e, fate, err);
    TRY(orphans_settle(r, t, err));
    if (fate == FATE_PAST)
        return change_take_along(r, node, e, err);
    if (fate == FATE_TAKEN)
        return change_take(r, e, t, err);
    change_stays(t, e);
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
    return fate == FATE_TAKEN || fate == FATE_PAST || is_about_folder(e) ||
           thing_of(r, e->object) || thing_of(r, e->replaced);
}

/* A removal that was settled after a kill does not tell how what lives on was left. */
static bool has_names_left(const struct event *e)
{
    return e->op == OP_UNLINK && e->before.nlink > 1;
}

static int note_states(struct rewind *r, const struct event *e, struct error *err)
{
    struct thing *t = thing_make(r, e->object);
    if (e->object && !t)
        return no_memory(err);
    if (t)
        thing_see(t, has_begun(e) ? &e->before : &e->after, e->op);
    if (t)
        thing_see_first(t, &e->before, e->id);
    if (t && (has_two_ends(e->op) || has_names_left(e)))
        thing_see_before(t, e->before);
    t = has_two_ends(e->op) ? thing_make(r, e->replaced) : NULL; /* it may have other names */
    if (t)
        thing_see_before(t, e->before2);
    if (t)
        t->swapped = true;
    if (t)
        thing_see_first(t, &e->before2, e->id);
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
        return trouble_if_taken(r, e, fate, err);
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

/* What changes has a name to be reached by, if need be one that no event told. */
static int find_other_names(struct rewind *r, struct error *err)
{
    CLEANUP(map_release) struct map inos;
    map_init(&inos);
    for (struct node *n = r->tree->nodes; n; n = n->next) {
        bool hidden = n->origin == ORIGIN_DISK && n->wish.asked && n != r->tree->top &&
                      !node_link_in(n, VIEW_TARGET) && node_names_left(n) > 0;
        if (hidden && map_put(&inos, n->attr.ino, 0, n) < 0)
            return no_memory(err);
    }
    return inos.used ? tree_search(r->tree, &inos, err) : 0;
}

int rewind_end(struct rewind *r, rewind_was_nameless *ask, void *context, struct error *err)
{
    TRY(find_other_names(r, err));
    for (struct thing *t = r->all; t; t = t->next)
        TRY(orphans_end(r, t, ask, context, err));
    for (struct node *n = r->tree->nodes; n; n = n->next)
        if (n->gone_event && !n->unmade && !n->troubled)
            TRY(rewind_trouble(r, n->gone_path, n->gone_by ? TROUBLE_LATER : TROUBLE_OUTSIDE,
                               n->gone_event, n->gone_by, NULL, err));
    return 0;
}
