/* undo_name.c - see undo_name.h.
 *
 * "#12 write by /usr/bin/node came later, stands on #10 create, and is not part of this undo" */
#include "journal/undo_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "journal/base/clock.h"
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

/* ---- what retention dropped ---- */

static int take_version(const struct event *e, void *context)
{
    *(uint64_t *)context = e->version;
    return 0;
}

/* Where the bytes are missing because gc dropped them, it says so. */
static int name_dropped(struct namer *n, struct undo_conflict *c)
{
    uint64_t version = 0;
    uint64_t by = 0;
    int64_t time = 0;
    char text[160];
    char day[64];
    struct tm local;
    TRY(history_event(n->history, c->event, take_version, &version, n->err));
    int r = version ? history_dropped(n->history, version, &by, &time, n->err) : 0;
    if (r != 1)
        return r;
    const time_t seconds = clock_timespec(time).tv_sec;
    if (!localtime_r(&seconds, &local) || strftime(day, sizeof day, "%Y-%m-%d %H:%M", &local) == 0)
        day[0] = '\0';
    snprintf(text, sizeof text, "its old content was dropped by gc on %s (event #%" PRIu64 ")", day,
             by);
    c->reason = arena_copy_text(&n->plan->memory, text);
    return c->reason ? 0 : no_memory(n->err);
}

static int complete(struct namer *n, struct undo_conflict *c)
{
    if (c->by)
        return name_one(n, c);
    return c->event && c->obstacle == UNDO_IMPOSSIBLE ? name_dropped(n, c) : 0;
}

int name_conflicts(struct undo_plan *plan, struct history *h, struct error *err)
{
    struct namer n = {.plan = plan, .history = h, .err = err};
    int r = 0;
    map_init(&n.names);
    for (size_t i = 0; r == 0 && i < plan->conflict_count; i++)
        r = complete(&n, &plan->conflicts[i]);
    map_release(&n.names);
    return r;
}
