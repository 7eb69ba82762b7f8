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

/* ---- what is undone or left together ---- */

static struct node *head_of(struct node *node)
{
    for (; node->with; node = node->with)
        if (node->with->with)
            node->with = node->with->with;
    return node;
}

static void join(struct node *a, struct node *b)
{
    a = head_of(a);
    b = head_of(b);
    if (a == b)
        return;
    a->with = b;
    b->moves |= a->moves;
    b->tells |= a->tells;
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

/* Half of what a thing went through undone, and half not, would be no state that it ever had:
 * things that an event names together go together.  What is noted of one event lies together. */
static void group(struct rewind *r)
{
    const struct noted *before = NULL;
    for (const struct noted *n = r->noted; n; n = n->next) {
        if (!n->link)
            continue;
        struct node *head = head_of(n->node);
        head->moves |= moves(n->link);
        head->tells |= tells_time(r, n);
        if (before && before->event == n->event)
            join(before->node, n->node);
        before = n;
    }
}

/* What was done to a thing that came and went goes with its names. */
static bool is_left(const struct rewind *r, const struct noted *n, bool changes)
{
    const struct node *head = head_of(n->node);
    bool here = node_link_in(n->node, VIEW_DISK) || node_link_in(n->node, VIEW_TARGET);
    bool counts = !n->link && (here || !ids_have(&r->plan->events, n->event));
    return !counts && !head->moves && (!changes || head->tells);
}

int effect_settle(struct rewind *r, bool changes, struct error *err)
{
    group(r);
    for (const struct noted *n = r->noted; n; n = n->next)
        if (is_left(r, n, changes) && ids_add(&r->plan->idle, n->event) < 0)
            return no_memory(err);
    return 0;
}
