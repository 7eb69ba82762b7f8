/* undo_effect.c - see undo_effect.h. */
#include "journal/undo_effect.h"

#include <errno.h>

/* One thing that an event is about, by a name of it or itself. */
struct noted {
    struct noted *next;
    uint64_t event;
    struct node *node;
    const struct link *link;     /* NULL: itself */
    const struct node *later[2]; /* its folders that an event which came later and stays changed */
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* The steps of an undo count whatever comes of them: that undo is taken back as a whole. */
static int note(struct rewind *r, const struct event *e, const struct noted *what,
                struct error *err)
{
    if (e->flags & EVENT_BY_UNDO)
        return 0;
    struct noted *n = arena_take(&r->plan->memory, sizeof *n);
    if (!n)
        return no_memory(err);
    *n = *what;
    n->event = e->id;
    n->next = r->noted;
    r->noted = n;
    return 0;
}

static const struct node *changed_later(const struct slot *place)
{
    return place && place->folder->touched_by ? place->folder : NULL;
}

int effect_note_name(struct rewind *r, const struct link *link, const struct slot *place,
                     const struct event *e, struct error *err)
{
    const struct noted n = {.node = link->node,
                            .link = link,
                            .later = {changed_later(link->at[VIEW_TARGET]), changed_later(place)}};
    return note(r, e, &n, err);
}

int effect_note_change(struct rewind *r, struct node *node, const struct event *e,
                       struct error *err)
{
    return note(r, e, &(struct noted){.node = node}, err);
}

static bool moves(const struct link *link)
{
    return link->at[VIEW_DISK] != link->at[VIEW_TARGET];
}

/* Is the time of a folder still to be given back, when what came later is undone? */
static bool tells_time(const struct rewind *r, const struct noted *n)
{
    for (size_t i = 0; i < COUNT_OF(n->later); i++)
        if (n->later[i] && tree_has_in_target(r->tree, n->later[i]))
            return true;
    return false;
}

static int find_moved(const struct rewind *r, struct ids *out)
{
    for (const struct noted *n = r->noted; n; n = n->next)
        if (n->link && moves(n->link))
            TRY(ids_add(out, n->event));
    ids_sort(out);
    return 0;
}

static int leave_names(struct rewind *r, const struct ids *moved, bool changes)
{
    for (const struct noted *n = r->noted; n; n = n->next) {
        if (!n->link || ids_have(moved, n->event) || (changes && !tells_time(r, n)))
            continue;
        TRY(ids_add(&r->plan->idle, n->event));
        n->node->left = true;
    }
    return 0;
}

/* What was done to a thing that came and went is undone with its names. */
static int leave_changes(struct rewind *r)
{
    for (const struct noted *n = r->noted; n; n = n->next) {
        bool here = node_link_in(n->node, VIEW_DISK) || node_link_in(n->node, VIEW_TARGET);
        if (!n->link && n->node->left && !here && ids_have(&r->plan->events, n->event))
            TRY(ids_add(&r->plan->idle, n->event));
    }
    return 0;
}

int effect_settle(struct rewind *r, bool changes, struct error *err)
{
    CLEANUP(ids_release) struct ids moved = {0};
    bool failed =
        find_moved(r, &moved) < 0 || leave_names(r, &moved, changes) < 0 || leave_changes(r) < 0;
    return failed ? no_memory(err) : 0;
}
