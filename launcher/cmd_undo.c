/* cmd_undo.c - `ccfs undo`: takes changes back.
 *
 * What is chosen becomes event numbers; the plan is shown before anything is touched.  Where a
 * daemon runs it applies the plan, so that the kernel hears of it; else this process does, under
 * the workspace's lock, with a plan made anew there. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/log.h"
#include "journal/undo.h"
#include "launcher/commands.h"
#include "launcher/look.h"
#include "launcher/plan.h"

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
                "  ccfs undo 4711\n",
    .operands_max = -1,
};

struct wishes {
    const char *session;
    const char *since;
    const char *until;
    const char *path;
    bool last;
    bool dry_run;
    bool yes;
    bool json;
};

struct id_range {
    uint64_t first;
    uint64_t last;
};

struct undo {
    const struct wishes *wishes;
    struct look look;
    struct history_filter filter;
    char *glob;
    struct id_range *ranges; /* the EVENT operands */
    size_t range_count;
    bool one_session; /* --last: exactly this one, which may be none (0) */
    uint64_t last_session;
    uint64_t *ids; /* what is chosen */
    size_t count;
    size_t room;
    int64_t first_time;
    int64_t last_time;
    struct undo_plan *plan;
    struct undo_result result;
    struct screen screen; /* stdout */
};

static void undo_release(struct undo *undo)
{
    undo_plan_free(&undo->plan);
    look_close(&undo->look);
    free(undo->glob);
    free(undo->ranges);
    free(undo->ids);
}

/* ---- what is chosen ---- */

static bool chooses_something(const struct cli *cli, const struct wishes *wishes)
{
    return cli->operand_count || wishes->session || wishes->since || wishes->until ||
           wishes->path || wishes->last;
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
        return "belongs to an undo, which cannot be undone yet";
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
            TRY(history_event(undo->look.history, range->first, check_one, err, err));
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
    TRY(history_last_burst(undo->look.history, &first, &last, err));
    if (first > undo->filter.first_id)
        undo->filter.first_id = first;
    if (!undo->filter.last_id || last < undo->filter.last_id)
        undo->filter.last_id = last;
    if (last)
        return history_event(undo->look.history, last, keep_session_of, undo, err);
    undo->filter.first_id = undo->filter.last_id = UINT64_MAX >> 1; /* no event is there */
    return 0;
}

static int read_wishes(struct undo *undo, const struct cli *cli, struct error *err)
{
    const struct wishes *wishes = undo->wishes;
    undo->filter = HISTORY_ALL;
    undo->filter.changes_only = true;
    TRY(look_time("--since", wishes->since, &undo->filter.since, err));
    TRY(look_time("--until", wishes->until, &undo->filter.until, err));
    TRY(read_ranges(undo, cli, err));
    TRY(look_open(cli, &undo->look, err));
    if (wishes->session)
        TRY(look_session(&undo->look, wishes->session, &undo->filter.session, err));
    if (wishes->path)
        TRY(look_path(&undo->look, wishes->path, &undo->glob, err));
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
    if (undo->count == undo->room) {
        size_t room = undo->room ? undo->room * 2 : 256;
        uint64_t *ids = realloc(undo->ids, room * sizeof *ids);
        if (!ids)
            return -ENOMEM;
        undo->ids = ids;
        undo->room = room;
    }
    if (undo->count == 0 || e->time < undo->first_time)
        undo->first_time = e->time;
    if (undo->count == 0 || e->time > undo->last_time)
        undo->last_time = e->time;
    undo->ids[undo->count++] = e->id;
    return 0;
}

static int collect(struct undo *undo, struct error *err)
{
    int r = history_events(undo->look.history, &undo->filter, choose, undo, err);
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

/* "This takes back session 8 (bash, today 14:02 to today 14:05):" */
static int print_title(struct undo *undo, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf title = STRBUF_EMPTY;
    const struct wishes *w = undo->wishes;
    int64_t now = clock_now_ns();
    bool whole = undo->filter.session && !w->since && !w->until && !w->path && !w->last &&
                 !undo->range_count;
    if (whole)
        strbuf_add_format(&title, "session %" PRIu64, undo->filter.session);
    else
        render_plural(&title, undo->count, "event", "events");
    strbuf_add_text(&title, " (");
    if (whole)
        TRY(history_sessions(undo->look.history, w->session, keep_command, &title, err));
    render_moment(&title, undo->first_time, now);
    if (undo->last_time - undo->first_time >= 60 * NS_PER_S) {
        strbuf_add_text(&title, " to ");
        render_moment(&title, undo->last_time, now);
    }
    printf("This takes back %s):\n", strbuf_text(&title));
    return 0;
}

static int say_nothing_to_do(const struct undo *undo)
{
    if (undo->wishes->json)
        printf("{\"events\":[],\"items\":[],\"conflicts\":[],\"applied\":false,\"result\":null}\n");
    else
        puts("nothing to undo: nothing that was chosen changed anything, or it was undone before");
    return 0;
}

static int print_json(const struct undo *undo, bool applied, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    plan_json(undo->plan, j);
    json_bool(j, "applied", applied);
    if (applied) {
        json_begin_object(j, "result");
        json_uint(j, "undo", undo->result.undo);
        json_uint(j, "brought_back", undo->result.brought_back);
        json_uint(j, "put_back", undo->result.put_back);
        json_uint(j, "renamed", undo->result.renamed);
        json_uint(j, "removed", undo->result.removed);
        json_uint(j, "reset", undo->result.reset);
        json_end(j);
    } else {
        json_null(j, "result");
    }
    TRY(json_line(j, &line, err));
    fputs(strbuf_text(&line), stdout);
    return 0;
}

static int print_plan(struct undo *undo, struct error *err)
{
    TRY(print_title(undo, err));
    if (plan_print(undo->plan, &undo->screen) < 0)
        return error_set(err, ENOMEM, "show the plan");
    return 0;
}

static void add_part(struct strbuf *out, size_t count, const char *what)
{
    if (!count)
        return;
    strbuf_add_text(out, out->bytes ? ", " : "");
    render_count(out, count);
    strbuf_add_format(out, " %s", what);
}

static void print_result(const struct undo *undo)
{
    CLEANUP(strbuf_release) struct strbuf parts = STRBUF_EMPTY;
    const struct undo_result *r = &undo->result;
    add_part(&parts, r->brought_back, "brought back");
    add_part(&parts, r->put_back, "put back");
    add_part(&parts, r->renamed, "renamed");
    add_part(&parts, r->removed, "removed");
    add_part(&parts, r->reset, "reset");
    printf("done: %s.", parts.bytes ? strbuf_text(&parts) : "nothing was left to do");
    if (r->undo)
        printf("  What it did: ccfs show %" PRIu64, r->undo);
    putchar('\n');
}

/* ---- asking ---- */

static bool may_ask(const struct wishes *wishes)
{
    return !wishes->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool agrees(void)
{
    char answer[16] = "";
    fputs("Go on? [y/N] ", stdout);
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && tolower((unsigned char)answer[0]) == 'y';
}

/* ---- doing ---- */

static bool has_conflicts(const struct undo *undo)
{
    const struct undo_conflict *conflicts = NULL;
    return undo_plan_conflicts(undo->plan, &conflicts) > 0;
}

static void daemon_progress(void *context, uint64_t done, uint64_t total)
{
    render_progress(context, done, total);
}

static void own_progress(void *context, size_t done, size_t total)
{
    render_progress(context, done, total);
}

static int apply_by_daemon(struct undo *undo, struct screen *bar, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    struct control *daemon = &undo->look.daemon;
    const uint64_t *ids = NULL;
    size_t count = undo_plan_events(undo->plan, &ids);
    strbuf_add_text(&request, "undo ids=");
    for (size_t i = 0; i < count; i++)
        strbuf_add_format(&request, "%s%" PRIu64, i ? "," : "", ids[i]);
    if (request.failed)
        return error_set(err, ENOMEM, "ask the daemon to undo");
    TRY(control_ask(daemon, strbuf_text(&request), daemon_progress, bar, err));
    undo->result = (struct undo_result){
        .undo = control_number(daemon, "undo"),
        .brought_back = control_number(daemon, "brought_back"),
        .put_back = control_number(daemon, "put_back"),
        .renamed = control_number(daemon, "renamed"),
        .removed = control_number(daemon, "removed"),
        .reset = control_number(daemon, "reset"),
    };
    return 0;
}

/* Under the lock nothing moves any more: the plan that counts is made here. */
static int plan_again(struct undo *undo, struct journal *journal, struct error *err)
{
    TRY(journal_drain(journal, err));
    undo_plan_free(&undo->plan);
    TRY(undo_plan_make(undo->look.history, undo->look.workspace.root, undo->ids, undo->count,
                       &undo->plan, err));
    if (has_conflicts(undo))
        return error_say(err, EEXIST,
                         "nothing was undone: something changed meanwhile; look again with "
                         "--dry-run");
    return 0;
}

static int apply_here(struct undo *undo, struct journal *journal, struct screen *bar,
                      struct error *err)
{
    struct undo_hooks hooks = {.progress = own_progress, .context = bar};
    TRY(plan_again(undo, journal, err));
    return undo_apply(journal, undo->look.workspace.root, undo->plan,
                      journal_actor(journal, getpid(), getuid(), getgid()), &hooks, &undo->result,
                      err);
}

static int apply(struct undo *undo, struct error *err)
{
    struct screen bar = screen_of(stderr);
    CLEANUP(journal_close) struct journal *journal = NULL;
    TRY(look_take_journal(&undo->look, &journal, err));
    return journal ? apply_here(undo, journal, &bar, err) : apply_by_daemon(undo, &bar, err);
}

/* ---- the verb ---- */

/* Exit code, or -errno. */
static int finish(struct undo *undo, struct error *err)
{
    const struct wishes *wishes = undo->wishes;
    TRY(apply(undo, err));
    if (wishes->json)
        TRY(print_json(undo, true, err));
    else
        print_result(undo);
    return EXIT_DONE;
}

static int decide(struct undo *undo, struct error *err)
{
    const struct wishes *wishes = undo->wishes;
    bool conflicts = has_conflicts(undo);
    bool ends_here = conflicts || wishes->dry_run;
    if (wishes->json && ends_here)
        TRY(print_json(undo, false, err));
    if (!wishes->json && !conflicts)
        TRY(print_plan(undo, err));
    if (conflicts) {
        struct screen screen = screen_of(stderr);
        if (plan_print_conflicts(undo->plan, &screen) < 0)
            return error_set(err, ENOMEM, "show what is in the way");
        return EXIT_CONFLICT;
    }
    if (wishes->dry_run)
        return EXIT_DONE;
    if (!wishes->yes && !may_ask(wishes))
        return cli_misuse(&verb, "it asks first, and there is no terminal: say --yes");
    if (wishes->yes || agrees())
        return finish(undo, err);
    puts("nothing was undone");
    return EXIT_CONFLICT;
}

/* Where no daemon runs, look_open() has done it. */
static int finish_earlier(struct undo *undo, struct error *err)
{
    struct control *daemon = &undo->look.daemon;
    return daemon->fd < 0 ? 0 : control_ask(daemon, "undo-resume", NULL, NULL, err);
}

static int take_back(struct undo *undo, const struct cli *cli, struct error *err)
{
    const struct undo_item *items = NULL;
    TRY(read_wishes(undo, cli, err));
    TRY(finish_earlier(undo, err));
    TRY(collect(undo, err));
    if (undo->count == 0)
        return say_nothing_to_do(undo);
    TRY(undo_plan_make(undo->look.history, undo->look.workspace.root, undo->ids, undo->count,
                       &undo->plan, err));
    if (undo_plan_items(undo->plan, &items) == 0 && !has_conflicts(undo))
        return say_nothing_to_do(undo);
    return decide(undo, err);
}

int cmd_undo(struct cli *cli, int argc, char **argv)
{
    struct wishes wishes = {0};
    const struct cli_option options[] = {
        {"last", 'l', OPTION_FLAG, &wishes.last, NULL, "the last thing that was done in one go"},
        {"session", 's', OPTION_TEXT, &wishes.session, "S", "what a session did (number or name)"},
        {"since", 0, OPTION_TEXT, &wishes.since, "T", "from T on: 10m, today, 2026-01-02T10:00"},
        {"until", 0, OPTION_TEXT, &wishes.until, "T", "before T"},
        {"path", 'p', OPTION_TEXT, &wishes.path, "GLOB", "only there: a path or a pattern"},
        {"dry-run", 'n', OPTION_FLAG, &wishes.dry_run, NULL, "show the plan, change nothing"},
        {"yes", 'y', OPTION_FLAG, &wishes.yes, NULL, "do not ask"},
        {"json", 'j', OPTION_FLAG, &wishes.json, NULL, "plan and result as one JSON object"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (!chooses_something(cli, &wishes))
        return cli_misuse(&verb, "say what: --last, --session S, --since T, --path GLOB or events");
    struct error err = ERROR_NONE;
    struct undo undo = {.wishes = &wishes, .look = LOOK_NONE, .screen = screen_of(stdout)};
    int r = take_back(&undo, cli, &err);
    undo_release(&undo);
    return r < 0 ? cli_fail(&err) : r;
}
