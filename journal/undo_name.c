/* undo_name.c - see undo_name.h.
 *
 * "#12 write by /usr/bin/node came later, stands on #10 create, and is not part of this undo" */
#include "journal/undo_name.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "journal/base/text.h"

struct namer {
    struct undo_plan *plan;
    struct history *history;
    struct map names; /* event -> "#12 write", and "#12 write by /usr/bin/node" */
    bool actor;       /* of the event that is looked up */
    const char *name; /* what it is called */
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

static int name_event(const struct event *e, void *context)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    struct namer *n = context;
    strbuf_add_format(&text, "#%" PRIu64 " %s", e->id, op_name(e->op));
    if (n->actor && e->actor.exe) {
        strbuf_add_text(&text, " by ");
        text_escape(&text, e->actor.exe, strlen(e->actor.exe));
    }
    char *name = arena_copy(&n->plan->memory, text.data, text.bytes);
    if (text.failed || !name || map_put(&n->names, e->id, n->actor, name) < 0)
        return no_memory(n->err);
    return 0;
}

static int name_of(struct namer *n, uint64_t event, bool actor, const char **out)
{
    *out = map_get(&n->names, event, actor);
    if (*out)
        return 0;
    n->actor = actor;
    TRY(history_event(n->history, event, name_event, n, n->err));
    *out = map_get(&n->names, event, actor);
    return 0;
}

/* What the reason says already stands in front. */
static int name_one(struct namer *n, struct undo_conflict *c)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    const char *later = NULL;
    const char *taken = NULL;
    TRY(name_of(n, c->by, true, &later));
    if (c->event)
        TRY(name_of(n, c->event, false, &taken));
    strbuf_add_format(&text, "%s%s%s came later", c->reason, c->reason[0] ? ": " : "", later);
    if (taken)
        strbuf_add_format(&text, ", stands on %s,", taken);
    strbuf_add_text(&text, " and is not part of this undo");
    c->reason = text.failed ? NULL : arena_copy(&n->plan->memory, text.data, text.bytes);
    return c->reason ? 0 : no_memory(n->err);
}

int name_conflicts(struct undo_plan *plan, struct history *h, struct error *err)
{
    struct namer n = {.plan = plan, .history = h, .err = err};
    int r = 0;
    map_init(&n.names);
    for (size_t i = 0; r == 0 && i < plan->conflict_count; i++)
        if (plan->conflicts[i].by)
            r = name_one(&n, &plan->conflicts[i]);
    map_release(&n.names);
    return r;
}
