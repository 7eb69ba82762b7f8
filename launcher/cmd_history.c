/* cmd_history.c - `ccfs history`: what happened, oldest first, so that the newest is beside the
 * prompt.
 *
 * People get a line for each burst under the heading of its session (timeline.c); programs get a
 * line of JSON or CSV for each event.  All stream; --follow goes on with what comes (follow.c). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fusefs/zone.h"
#include "journal/base/log.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/event_csv.h"
#include "launcher/event_json.h"
#include "launcher/follow.h"
#include "launcher/look.h"
#include "launcher/render.h"
#include "launcher/timeline.h"

#define LIMIT_FOR_PEOPLE 10000 /* events; --limit 0 shows all */
#define LIMIT_BEFORE_MORE 10   /* of --follow */

static const struct cli_verb verb = {
    .name = "history",
    .usage = "[PATH] [OPTION…]",
    .about = "Shows what happened in the workspace, newest last.  PATH: only there and below.\n"
             "What one process did in one go is one line; --all opens it.\n",
    .examples = "  ccfs history --since 10m\n"
                "  ccfs history Projects/site --session 7\n"
                "  ccfs history --actor npm --zone Projects\n"
                "  ccfs history --outcome denied --json --follow\n",
    .operands_max = 1,
};

struct wishes {
    const char *session;
    const char *since;
    const char *until;
    const char *op;
    const char *outcome;
    uint64_t limit;
    bool all;
    const char *actor;
    const char *zone;
    bool json;
    bool csv;
    bool follow;
};

/* ---- what was asked for ---- */

static int outcome_from_name(const char *name)
{
    for (int i = OUTCOME_OK; i <= OUTCOME_OPEN; i++)
        if (strcmp(outcome_name((enum outcome)i), name) == 0)
            return i;
    return -1;
}

static int read_words(const struct wishes *wishes, struct history_filter *filter, struct error *err)
{
    if (wishes->op && (filter->op = op_from_name(wishes->op)) == OP_NONE)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "\"%.40s\" is no operation; such are: create mkdir symlink link unlink "
                         "rmdir rename write truncate chmod chown utimens setxattr open",
                         wishes->op);
    if (wishes->outcome && (filter->outcome = outcome_from_name(wishes->outcome)) < 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "\"%.40s\" is no outcome; such are: ok denied failed open",
                         wishes->outcome);
    return 0;
}

/* ---- one zone ---- */

struct zone_wish {
    struct zones *zones;
    const struct zone *zone;
};

static void zone_wish_release(struct zone_wish *w)
{
    zones_free(&w->zones);
}

static bool lies_in_zone(void *context, const char *path)
{
    const struct zone_wish *w = context;
    return zone_of(w->zones, path) == w->zone;
}

/* As the configuration is now: a zone within another one is not part of it. */
static int choose_zone(struct look *look, const char *typed, struct zone_wish *out,
                       struct history_filter *filter, struct error *err)
{
    CLEANUP(config_release) struct config config = {0};
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    char *folder = NULL;
    TRY(config_load(&look->workspace, &config, err));
    TRY(zones_make(config.zones, config.zone_count, &out->zones, err));
    TRY(look_path(look, typed, &folder, err));
    out->zone = zone_of(out->zones, folder);
    bool is_zone = strcmp(out->zone->path, folder) == 0;
    free(folder);
    render_name(&shown, typed);
    if (!is_zone)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "\"%.100s\" is no zone; zones are folders like Projects, see \"zones\" in "
                         "config.json",
                         strbuf_text(&shown));
    filter->fits = lies_in_zone;
    filter->fits_context = out;
    if (!filter->path)
        filter->path = out->zone->path;
    return 0;
}

/* ---- the ways to show it ---- */

struct view {
    struct look *look;
    const struct history_filter *filter;
    struct timeline *timeline; /* for people */
    struct strbuf line;        /* for programs */
    bool csv;
    bool asked_for_older;
    uint64_t older; /* events that the limit hides are before this one; 0: none */
    struct error *err;
};

static void view_release(struct view *view)
{
    timeline_free(&view->timeline);
    strbuf_release(&view->line);
}

static int write_line(struct view *view)
{
    if (view->line.failed)
        return error_set(view->err, ENOMEM, "show the history");
    if (fwrite(view->line.data, 1, view->line.bytes, stdout) != view->line.bytes)
        return error_set(view->err, errno, "write the history");
    return 0;
}

static int print_line(const struct event *event, void *context)
{
    struct view *view = context;
    strbuf_clear(&view->line);
    if (view->csv)
        event_csv_line(event, &view->line);
    else
        TRY(event_json_line(event, &view->line, view->err));
    return write_line(view);
}

static int is_older(const struct event *event, void *context)
{
    *(uint64_t *)context = event->id;
    return 1;
}

/* Is there more than the limit lets through?  Asked once, below the first event that is shown. */
static int ask_for_older(struct view *view, uint64_t first)
{
    struct history_filter older = *view->filter;
    view->asked_for_older = true;
    if (!view->filter->limit || first < 2)
        return 0;
    older.last_id = first - 1;
    older.limit = 1;
    int r = history_events(view->look->history, &older, is_older, &view->older, view->err);
    return r < 0 ? r : 0;
}

static int show_to_people(const struct event *event, void *context)
{
    struct view *view = context;
    if (!view->asked_for_older)
        TRY(ask_for_older(view, event->id));
    return timeline_event(view->timeline, event);
}

static void say_hidden(const struct view *view)
{
    if (!view->older)
        return;
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    render_plural(&text, view->filter->limit, "event", "events");
    printf("only the newest %s were looked at, #%" PRIu64 " and older are not shown; "
           "all: --limit 0\n",
           strbuf_text(&text), view->older);
}

/* What came so far is out. */
static int flush_view(void *context)
{
    struct view *view = context;
    if (view->timeline)
        TRY(timeline_flush(view->timeline));
    return fflush(stdout) == 0 ? 0 : error_set(view->err, errno, "write the history");
}

static int show(struct look *look, const struct history_filter *filter, const struct wishes *wishes,
                struct error *err)
{
    CLEANUP(view_release)
    struct view view = {.look = look, .filter = filter, .csv = wishes->csv, .err = err};
    bool people = !wishes->json && !wishes->csv;
    history_each *each = people ? show_to_people : print_line;
    if (people)
        TRY(timeline_new(look->history, wishes->all, wishes->all || filter->op != OP_NONE,
                         &view.timeline, err));
    if (wishes->csv) {
        event_csv_heading(&view.line);
        TRY(write_line(&view));
    }
    if (wishes->follow) {
        view.asked_for_older = true; /* it shows the newest few only, and everybody knows */
        return follow(look, filter, each, flush_view, &view, err);
    }
    TRY(history_events(look->history, filter, each, &view, err));
    TRY(flush_view(&view));
    say_hidden(&view);
    if (people && timeline_is_empty(view.timeline) && screen_of(stderr).terminal)
        log_line("nothing happened that fits");
    return 0;
}

/* ---- the verb ---- */

static int look_back(struct cli *cli, const struct wishes *wishes, struct history_filter *filter,
                     struct error *err)
{
    CLEANUP(look_close) struct look look = LOOK_NONE;
    CLEANUP(zone_wish_release) struct zone_wish zone = {0};
    char *path = NULL;
    TRY(read_words(wishes, filter, err));
    TRY(look_time("--since", wishes->since, &filter->since, err));
    TRY(look_time("--until", wishes->until, &filter->until, err));
    TRY(look_open(cli, &look, err));
    if (wishes->session)
        TRY(look_session(&look, wishes->session, &filter->session, err));
    if (cli->operand_count)
        TRY(look_path(&look, cli->operands[0], &path, err));
    filter->path = path;
    int r = wishes->zone ? choose_zone(&look, wishes->zone, &zone, filter, err) : 0;
    if (r == 0)
        r = show(&look, filter, wishes, err);
    free(path);
    return r;
}

static void choose_limit(const struct wishes *wishes, struct history_filter *filter)
{
    bool programs = wishes->json || wishes->csv;
    filter->limit = wishes->limit;
    filter->limit_deeds = !programs && !wishes->all && !wishes->op;
    if (wishes->limit != UINT64_MAX)
        return;
    if (wishes->follow)
        filter->limit = wishes->since ? 0 : LIMIT_BEFORE_MORE;
    else
        filter->limit = programs ? 0 : LIMIT_FOR_PEOPLE;
}

int cmd_history(struct cli *cli, int argc, char **argv)
{
    struct wishes wishes = {.limit = UINT64_MAX};
    const struct cli_option options[] = {
        {"session", 's', OPTION_TEXT, &wishes.session, "S", "only this session (number or name)"},
        {"since", 0, OPTION_TEXT, &wishes.since, "T",
         "from T on: 10m, 2h, today, 2026-01-02T10:00"},
        {"until", 0, OPTION_TEXT, &wishes.until, "T", "before T"},
        {"actor", 0, OPTION_TEXT, &wishes.actor, "WHO",
         "a pid or a program (a pattern), with all that it started"},
        {"zone", 0, OPTION_TEXT, &wishes.zone, "FOLDER", "only in this zone"},
        {"op", 0, OPTION_TEXT, &wishes.op, "OP", "only this operation: write, unlink, rename …"},
        {"outcome", 0, OPTION_TEXT, &wishes.outcome, "O", "only ok, denied, failed or open"},
        {"limit", 'n', OPTION_NUMBER, &wishes.limit, "N", "the newest N events (0: all)"},
        {"all", 'a', OPTION_FLAG, &wishes.all, NULL, "every event by itself, mounts too"},
        {"follow", 'f', OPTION_FLAG, &wishes.follow, NULL,
         "the newest few, then what comes, until Ctrl-C"},
        {"json", 'j', OPTION_FLAG, &wishes.json, NULL, "JSON, a line for each event"},
        {"csv", 0, OPTION_FLAG, &wishes.csv, NULL, "CSV, for spreadsheets"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (wishes.json && wishes.csv)
        return cli_misuse(&verb, "say --json or --csv, not both");
    if (wishes.follow && wishes.until)
        return cli_misuse(&verb, "--follow shows what comes: it cannot end with --until");
    struct error err = ERROR_NONE;
    struct history_filter filter = HISTORY_ALL;
    filter.actor = wishes.actor;
    choose_limit(&wishes, &filter);
    int r = look_back(cli, &wishes, &filter, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
