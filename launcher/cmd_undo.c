/* cmd_undo.c - `ccfs undo`: what is chosen becomes event numbers; takeback.c does the rest. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/undo.h"
#include "launcher/commands.h"
#include "launcher/takeback.h"
#include "launcher/unfinished.h"

#define COMMAND_COLUMNS 40 /* of a title */

static const struct cli_verb verb = {
    .name = "undo",
    .usage = "[EVENT…] [OPTION…]",
    .about = "Takes changes back: shows what it is going to do, and asks.  What it replaces or\n"
             "removes is kept.  EVENT: a number of the history, or a range: 4711 4720-4730.\n"
             "Several choices narrow each other down: --session 7 --path 'Projects/*.c'.\n",
    .examples = "  ccfs undo --last\n"
                "  ccfs undo --session 7 --dry-run\n"
                "  ccfs undo --since 10m --path Projects/site --yes\n"
                "  ccfs undo --actor npm --since today\n"
                "  ccfs undo 4711\n"
                "  ccfs undo --abort    of one that was cut off\n",
    .operands_max = -1,
};

struct wishes {
    const char *session;
    const char *since;
    const char *until;
    const char *path;
    const char *actor;
    bool last;
    bool resume;
    bool abort;
};

struct id_range {
    uint64_t first;
    uint64_t last;
};

struct undo {
    const struct wishes *wishes;
    struct takeback back;
    struct history_filter filter;
    char *glob;
    struct id_range *ranges; /* the EVENT operands */
    size_t range_count;
    bool one_session; /* --last: exactly this one, which may be none (0) */
    uint64_t last_session;
    int64_t first_time;
    int64_t last_time;
};

static void undo_release(struct undo *undo)
{
    takeback_release(&undo->back);
    free(undo->glob);
    free(undo->ranges);
}

/* ---- what is chosen ---- */

static bool chooses_something(const struct cli *cli, const struct wishes *wishes)
{
    return cli->operand_count || wishes->session || wishes->since || wishes->until ||
           wishes->path || wishes->actor || wishes->last;
}

static int misuse(struct error *err, const char *typed)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    render_name(&shown, typed);
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "\"%.60s\" is no number of an event; say 4711, or 4711-4720 for a range",
                     strbuf_text(&shown));
}

/* The bounds of all ranges narrow the search; belongs() looks closer. */
static int read_ranges(struct undo *undo, const struct cli *cli, struct error *err)
{
    size_t count = (size_t)cli->operand_count;
    undo->ranges = calloc(count + 1, sizeof *undo->ranges);
    if (!undo->ranges)
        return error_set(err, ENOMEM, "choose events");
    for (size_t i = 0; i < count; i++) {
        struct id_range *range = &undo->ranges[i];
        if (!look_event_number(cli->operands[i], &range->first, &range->last))
            return misuse(err, cli->operands[i]);
        if (i == 0 || range->first < undo->filter.first_id)
            undo->filter.first_id = range->first;
        if (range->last > undo->filter.last_id)
            undo->filter.last_id = range->last;
    }
    undo->range_count = count;
    return 0;
}

static const char *why_not(const struct event *e)
{
    if (e->outcome == OUTCOME_DENIED)
        return "was refused: it changed nothing";
    if (e->outcome == OUTCOME_FAILED)
        return "failed: it changed nothing";
    if (e->op == OP_UNDO || (e->flags & EVENT_BY_UNDO))
        return "belongs to an undo: ccfs redo takes that back";
    return op_changes(e->op) ? NULL : "changed nothing";
}

static int check_one(const struct event *e, void *context)
{
    const char *why = why_not(e);
    if (why)
        return error_say(context, EINVAL, "event #%" PRIu64 " %s", e->id, why);
    return 0;
}

/* Whoever names an event is told why it cannot be taken back; in a range such are left out. */
static int check_named(struct undo *undo, struct error *err)
{
    for (size_t i = 0; i < undo->range_count; i++) {
        const struct id_range *range = &undo->ranges[i];
        if (range->first == range->last)
            TRY(history_event(undo->back.look.history, range->first, check_one, err, err));
    }
    return 0;
}

static int keep_session_of(const struct event *e, void *context)
{
    struct undo *undo = context;
    undo->one_session = true;
    undo->last_session = e->session;
    return 0;
}

static int narrow_to_last(struct undo *undo, struct error *err)
{
    uint64_t first = 0;
    uint64_t last = 0;
    TRY(history_last_burst(undo->back.look.history, &first, &last, err));
    if (first > undo->filter.first_id)
        undo->filter.first_id = first;
    if (!undo->filter.last_id || last < undo->filter.last_id)
        undo->filter.last_id = last;
    if (last)
        return history_event(undo->back.look.history, last, keep_session_of, undo, err);
    undo->filter.first_id = undo->filter.last_id = UINT64_MAX >> 1; /* no event is there */
    return 0;
}

static int read_wishes(struct undo *undo, const struct cli *cli, struct error *err)
{
    const struct wishes *wishes = undo->wishes;
    undo->filter = HISTORY_ALL;
    undo->filter.changes_only = true;
    undo->filter.actor = wishes->actor;
    TRY(look_time("--since", wishes->since, &undo->filter.since, err));
    TRY(look_time("--until", wishes->until, &undo->filter.until, err));
    TRY(read_ranges(undo, cli, err));
    TRY(takeback_open(&undo->back, cli, err));
    if (wishes->session)
        TRY(look_session(&undo->back.look, wishes->session, &undo->filter.session, err));
    if (wishes->path)
        TRY(look_path(&undo->back.look, wishes->path, &undo->glob, err));
    undo->filter.glob = undo->glob && *undo->glob ? undo->glob : NULL;
    TRY(check_named(undo, err));
    return wishes->last ? narrow_to_last(undo, err) : 0;
}

static bool belongs(const struct undo *undo, const struct event *e)
{
    bool in_range = undo->range_count == 0;
    for (size_t i = 0; i < undo->range_count && !in_range; i++)
        in_range = e->id >= undo->ranges[i].first && e->id <= undo->ranges[i].last;
    return in_range && (!undo->one_session || e->session == undo->last_session);
}

static int choose(const struct event *e, void *context)
{
    struct undo *undo = context;
    if (e->undone_by || !belongs(undo, e))
        return 0;
    if (undo->back.count == 0 || e->time < undo->first_time)
        undo->first_time = e->time;
    if (undo->back.count == 0 || e->time > undo->last_time)
        undo->last_time = e->time;
    return takeback_add(&undo->back, e->id);
}

static int collect(struct undo *undo, struct error *err)
{
    int r = history_events(undo->back.look.history, &undo->filter, choose, undo, err);
    return r == -ENOMEM ? error_set(err, ENOMEM, "choose events") : r;
}

/* ---- showing ---- */

static int keep_command(const struct session *session, void *context)
{
    struct strbuf *out = context;
    const char *word = session->command && *session->command ? session->command : session->name;
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    render_name(&shown, word);
    if (shown.bytes) {
        render_shortened(out, strbuf_text(&shown), COMMAND_COLUMNS);
        strbuf_add_text(out, ", ");
    }
    return 0;
}

/* "session 8 (bash, today 14:02 to today 14:05)" */
static int write_title(struct undo *undo, struct error *err)
{
    struct strbuf *title = &undo->back.title;
    const struct wishes *w = undo->wishes;
    int64_t now = clock_now_ns();
    bool whole = undo->filter.session && !w->since && !w->until && !w->path && !w->actor &&
                 !w->last && !undo->range_count;
    if (whole)
        strbuf_add_format(title, "session %" PRIu64, undo->filter.session);
    else
        render_plural(title, undo->back.count, "event", "events");
    strbuf_add_text(title, " (");
    if (whole)
        TRY(history_sessions(undo->back.look.history, w->session, keep_command, title, err));
    render_moment(title, undo->first_time, now);
    if (undo->last_time - undo->first_time >= 60 * NS_PER_S) {
        strbuf_add_text(title, " to ");
        render_moment(title, undo->last_time, now);
    }
    strbuf_add_text(title, ")");
    return 0;
}

static int take_back(struct undo *undo, const struct cli *cli, struct error *err)
{
    TRY(read_wishes(undo, cli, err));
    TRY(collect(undo, err));
    if (undo->back.count)
        TRY(write_title(undo, err));
    return takeback_run(&undo->back, err);
}

/* --resume and --abort: there is nothing to choose. */
static int settle(struct undo *undo, const struct cli *cli, enum unfinished_wish wish,
                  struct error *err)
{
    struct takeback *back = &undo->back;
    TRY(look_open(cli, &back->look, err));
    return unfinished_settle(&back->look, wish, takeback_how(back), back->json, err);
}

int cmd_undo(struct cli *cli, int argc, char **argv)
{
    struct wishes wishes = {0};
    struct undo undo = {.wishes = &wishes,
                        .back = {.verb = &verb,
                                 .nothing = "nothing to undo: nothing that was chosen changed "
                                            "anything, or it was undone before",
                                 .look = LOOK_NONE,
                                 .screen = screen_of(stdout)}};
    const struct cli_option options[] = {
        {"last", 'l', OPTION_FLAG, &wishes.last, NULL, "the last thing that was done in one go"},
        {"session", 's', OPTION_TEXT, &wishes.session, "S", "what a session did (number or name)"},
        {"since", 0, OPTION_TEXT, &wishes.since, "T", "from T on: 10m, today, 2026-01-02T10:00"},
        {"until", 0, OPTION_TEXT, &wishes.until, "T", "before T"},
        {"path", 'p', OPTION_TEXT, &wishes.path, "GLOB", "only there: a path or a pattern"},
        {"actor", 0, OPTION_TEXT, &wishes.actor, "WHO",
         "a pid or a program (a pattern), with all that it started"},
        {"resume", 0, OPTION_FLAG, &wishes.resume, NULL, "finish an undo that was cut off"},
        {"abort", 0, OPTION_FLAG, &wishes.abort, NULL, "take back what such an undo has done"},
        TAKEBACK_OPTIONS(undo.back),
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    bool settles = wishes.resume || wishes.abort;
    if (settles && (chooses_something(cli, &wishes) || (wishes.resume && wishes.abort)))
        return cli_misuse(&verb, "--resume and --abort stand alone");
    if (!settles && !chooses_something(cli, &wishes))
        return cli_misuse(
            &verb, "say what: --last, --session S, --since T, --path GLOB, --actor WHO or events");
    struct error err = ERROR_NONE;
    enum unfinished_wish wish = wishes.abort ? UNFINISHED_ABORT : UNFINISHED_RESUME;
    int r = settles ? settle(&undo, cli, wish, &err) : take_back(&undo, cli, &err);
    undo_release(&undo);
    return r < 0 ? cli_fail(&err) : r;
}
