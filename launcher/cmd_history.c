/* cmd_history.c - `ccfs history`: what happened, oldest first, so that the newest is beside the
 * prompt.
 *
 * People get a line for each burst under the heading of its session; programs get a line of JSON
 * for each event.  Both stream. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/burst.h"
#include "launcher/commands.h"
#include "launcher/event_json.h"
#include "launcher/look.h"
#include "launcher/render.h"

#define LIMIT_FOR_PEOPLE 10000 /* events; --limit 0 shows all */
#define LINES_AT_ONCE 500      /* columns are measured over so many lines */

static const struct cli_verb verb = {
    .name = "history",
    .usage = "[PATH] [OPTION…]",
    .about = "Shows what happened in the workspace, newest last.  PATH: only there and below.\n"
             "What one process did in one go is one line; --all opens it.\n",
    .examples = "  ccfs history --since 10m\n"
                "  ccfs history Projects/site --session 7\n"
                "  ccfs history --outcome denied --json\n",
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
    bool json;
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

/* ---- for programs ---- */

struct lines {
    struct strbuf line;
    struct error *err;
};

static int print_json(const struct event *event, void *context)
{
    struct lines *lines = context;
    strbuf_clear(&lines->line);
    TRY(event_json_line(event, &lines->line, lines->err));
    if (fwrite(lines->line.data, 1, lines->line.bytes, stdout) != lines->line.bytes)
        return error_set(lines->err, errno, "write the history");
    return 0;
}

static int history_json(struct look *look, const struct history_filter *filter, struct error *err)
{
    struct lines lines = {.err = err};
    int r = history_events(look->history, filter, print_json, &lines, err);
    strbuf_release(&lines.line);
    return r;
}

/* ---- for people ---- */

enum {
    TIME,
    VERB,
    WHAT,
    DETAIL,
    WHO,
    NUMBERS
};

static const struct table_column columns[TABLE_COLUMNS] = {
    [TIME] = {.tone = TONE_PLAIN},
    [WHAT] = {.flexible = true},
    [WHO] = {.drop = 1},
    [NUMBERS] = {.tone = TONE_DIM},
};

static const struct {
    const char *word;
    enum tone tone;
} verbs[] = {
    [BURST_CREATED] = {"created", TONE_PLAIN},      [BURST_CHANGED] = {"changed", TONE_PLAIN},
    [BURST_DELETED] = {"deleted", TONE_RED},        [BURST_RENAMED] = {"renamed", TONE_PLAIN},
    [BURST_RESTORED] = {"restored", TONE_GREEN},    [BURST_REMOVED] = {"removed", TONE_GREEN},
    [BURST_RENAMED_BACK] = {"renamed", TONE_GREEN}, [BURST_REFUSED] = {"refused", TONE_RED},
    [BURST_FAILED] = {"failed", TONE_RED},          [BURST_OTHER] = {"", TONE_PLAIN},
};

struct view {
    struct look *look;
    struct screen screen;
    struct table *table;
    struct bursts *bursts;
    int64_t now;
    bool everything; /* also mounts, reading the journal, … */
    bool headed;     /* a heading was printed; what for: */
    uint64_t session;
    int64_t day;
    int64_t gap_from; /* 0: nothing pending */
    int64_t gap_to;
    bool asked_for_older;
    uint64_t older; /* events that the limit hides are before this one; 0: none */
    const struct history_filter *filter;
    struct error *err;
};

static int flush_lines(struct view *view)
{
    return table_print(view->table, &view->screen, 2);
}

struct heading {
    struct strbuf text;
    const struct view *view;
    int64_t time;
};

/* "session 8 · sandbox · today 14:02 · bash": what is too long at its end is the command. */
static int write_heading(const struct session *session, void *context)
{
    struct heading *heading = context;
    struct strbuf *out = &heading->text;
    CLEANUP(strbuf_release) struct strbuf command = STRBUF_EMPTY;
    bool first_day = render_same_day(session->began, heading->time);
    strbuf_add_format(out, "session %" PRIu64 " · ", session->id);
    if (session->name) {
        render_name(out, session->name);
        strbuf_add_text(out, " · ");
    }
    render_name(out, session->backend);
    strbuf_add_text(out, " · ");
    render_moment(out, first_day ? session->began : heading->time, heading->view->now);
    render_name(&command, session->command);
    if (!command.bytes)
        return 0;
    strbuf_add_text(out, " · ");
    size_t used = text_columns(strbuf_text(out));
    size_t all = heading->view->screen.columns;
    render_shortened(out, strbuf_text(&command), all > used ? all - used : 0);
    return 0;
}

static int print_heading(struct view *view, const struct burst *burst)
{
    struct heading heading = {.view = view, .time = burst->first_time};
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, burst->session);
    int r = -ENOENT;
    if (burst->session)
        r = history_sessions(view->look->history, number, write_heading, &heading, view->err);
    if (r == -ENOENT) {
        strbuf_add_text(&heading.text, "outside a session · ");
        render_moment(&heading.text, burst->first_time, view->now);
        r = 0;
    }
    fprintf(view->screen.out, "%s\n", strbuf_text(&heading.text));
    strbuf_release(&heading.text);
    return r;
}

static void say_moment(struct strbuf *out, const struct view *view, int64_t ns)
{
    render_day(out, ns, view->now);
    strbuf_add_text(out, " ");
    render_clock(out, ns);
}

static void print_gap(struct view *view)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    strbuf_add_text(&text, "nothing was recorded from ");
    say_moment(&text, view, view->gap_from);
    strbuf_add_text(&text, " to ");
    if (render_same_day(view->gap_from, view->gap_to))
        render_clock(&text, view->gap_to);
    else
        say_moment(&text, view, view->gap_to);
    strbuf_add_text(&text, ": no mount");
    render_toned(&view->screen, TONE_DIM, strbuf_text(&text));
    fputc('\n', view->screen.out);
}

/* A heading for each session and day; before it the time that is missing, from a second on. */
static int head(struct view *view, const struct burst *burst)
{
    bool gap = view->gap_to - view->gap_from >= NS_PER_S;
    bool same = view->headed && !gap && view->session == burst->session &&
                render_same_day(view->day, burst->first_time);
    if (!same)
        TRY(flush_lines(view));
    if (gap)
        print_gap(view);
    view->gap_from = view->gap_to = 0;
    view->headed = true;
    view->session = burst->session;
    view->day = burst->first_time;
    return same ? 0 : print_heading(view, burst);
}

static void say_sizes(struct strbuf *out, const struct burst *burst)
{
    bool were = S_ISREG(burst->before.mode);
    bool is = S_ISREG(burst->after.mode);
    if (were)
        render_size(out, burst->before.size);
    if (were && is)
        strbuf_add_text(out, " → ");
    if (is)
        render_size(out, burst->after.size);
}

static void say_change(struct strbuf *out, const struct burst *burst)
{
    const struct attr *before = &burst->before;
    const struct attr *after = &burst->after;
    if (burst->op == OP_WRITE || burst->op == OP_TRUNCATE)
        say_sizes(out, burst);
    else if (burst->op == OP_CHMOD)
        strbuf_add_format(out, "mode %04o → %04o", before->mode & 07777, after->mode & 07777);
    else if (burst->op == OP_CHOWN)
        strbuf_add_format(out, "owner %u:%u → %u:%u", before->uid, before->gid, after->uid,
                          after->gid);
    else
        strbuf_add_text(out, burst->op == OP_UTIMENS ? "times" : "attributes");
}

static void say_refusal(struct strbuf *out, const struct burst *burst)
{
    char text[128];
    strbuf_add_format(out, "%s: ", op_name(burst->op));
    if (burst->reason)
        render_name(out, burst->reason);
    else
        strbuf_add_text(out, error_text(burst->error_code, text, sizeof text));
    if (burst->events > 1) {
        strbuf_add_text(out, " ×");
        render_count(out, burst->events);
    }
}

static void say_many(struct strbuf *out, const struct burst *burst)
{
    if (burst->files)
        render_plural(out, burst->files, "file", "files");
    else
        render_plural(out, burst->folders, "folder", "folders");
    if (burst->bytes && burst->kind != BURST_RENAMED) {
        strbuf_add_text(out, "  ");
        render_size(out, burst->bytes);
    }
}

static bool is_single(const struct burst *burst)
{
    return burst->files + burst->folders <= 1;
}

static void say_single(struct strbuf *out, const struct burst *burst)
{
    const struct attr *attr = burst->after.mode ? &burst->after : &burst->before;
    if (burst->kind == BURST_CHANGED)
        say_change(out, burst);
    else if (S_ISREG(attr->mode))
        render_size(out, burst->kind == BURST_DELETED || burst->kind == BURST_REMOVED
                             ? burst->before.size
                             : attr->size);
    else if (!S_ISDIR(attr->mode) && attr->mode)
        strbuf_add_text(out, type_name(attr->mode));
}

static void say_detail(struct strbuf *out, const struct burst *burst)
{
    if (burst->kind == BURST_REFUSED || burst->kind == BURST_FAILED)
        say_refusal(out, burst);
    else if (burst->kind == BURST_OTHER)
        return;
    else if (!is_single(burst))
        say_many(out, burst);
    else if (!burst->path2)
        say_single(out, burst);
}

static void say_what(struct strbuf *out, const struct burst *burst)
{
    bool single = is_single(burst);
    const char *path = single ? burst->path : burst->folder;
    bool folder = !single || S_ISDIR(burst->before.mode) || S_ISDIR(burst->after.mode);
    render_name(out, path && !*path ? "." : path);
    if (folder && path && *path && !(single && burst->path2))
        strbuf_add_text(out, "/");
}

static void say_who(struct strbuf *out, const struct burst *burst)
{
    if (!burst->actor)
        return;
    const char *slash = burst->exe ? strrchr(burst->exe, '/') : NULL;
    render_name(out, slash ? slash + 1 : burst->exe ? burst->exe : "process");
    strbuf_add_format(out, " %d", (int)burst->pid);
}

static void say_numbers(struct strbuf *out, const struct burst *burst)
{
    strbuf_add_format(out, "#%" PRIu64, burst->first_id);
    if (burst->last_id != burst->first_id)
        strbuf_add_format(out, "-%" PRIu64, burst->last_id);
    if (burst->undone_by)
        strbuf_add_text(out, " undone");
}

static void add_line(struct view *view, const struct burst *burst)
{
    struct strbuf texts[TABLE_COLUMNS] = {0};
    CLEANUP(strbuf_release) struct strbuf to = STRBUF_EMPTY;
    bool other = burst->kind == BURST_OTHER;
    render_clock(&texts[TIME], burst->first_time);
    strbuf_add_text(&texts[VERB], other ? op_name(burst->op) : verbs[burst->kind].word);
    say_what(&texts[WHAT], burst);
    say_detail(&texts[DETAIL], burst);
    say_who(&texts[WHO], burst);
    say_numbers(&texts[NUMBERS], burst);
    if (burst->path2 && is_single(burst))
        render_name(&to, burst->path2);
    struct cell cells[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        cells[i].text = strbuf_text(&texts[i]);
    cells[WHAT].to = to.bytes ? strbuf_text(&to) : NULL;
    cells[VERB].tone = verbs[burst->kind].tone;
    table_add(view->table, cells);
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        strbuf_release(&texts[i]);
}

/* Consecutive gaps are one; a gap that nothing follows is not worth a line. */
static void remember_gap(struct view *view, const struct event *event)
{
    if (!view->gap_to)
        view->gap_from = event->before.mtime > 0 ? event->before.mtime : event->time;
    view->gap_to = event->time;
}

static int show_burst(const struct burst *burst, void *context)
{
    struct view *view = context;
    TRY(head(view, burst));
    add_line(view, burst);
    return table_lines(view->table) < LINES_AT_ONCE ? 0 : flush_lines(view);
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

static bool is_shown(const struct view *view, const struct event *event)
{
    return view->everything || burst_kind_of(event) != BURST_OTHER || event->op == OP_UNDO;
}

static int see_event(const struct event *event, void *context)
{
    struct view *view = context;
    if (!view->asked_for_older)
        TRY(ask_for_older(view, event->id));
    if (event->op == OP_GAP && !view->everything) {
        TRY(bursts_end(view->bursts));
        remember_gap(view, event);
        return 0;
    }
    return is_shown(view, event) ? bursts_add(view->bursts, event, view->err) : 0;
}

static void say_hidden(const struct view *view)
{
    if (!view->older)
        return;
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    render_plural(&text, view->filter->limit, "event", "events");
    fprintf(view->screen.out,
            "only the newest %s were looked at, #%" PRIu64 " and older are not shown; "
            "all: --limit 0\n",
            strbuf_text(&text), view->older);
}

static int walk(struct view *view)
{
    int r = history_events(view->look->history, view->filter, see_event, view, view->err);
    if (r == 0)
        r = bursts_end(view->bursts);
    if (r == 0)
        r = flush_lines(view);
    if (r == 0)
        say_hidden(view);
    if (r == -ENOMEM)
        error_set(view->err, ENOMEM, "show the history");
    return r;
}

static int history_people(struct look *look, const struct history_filter *filter, bool all,
                          struct error *err)
{
    struct view view = {
        .look = look,
        .screen = screen_of(stdout),
        .now = clock_now_ns(),
        .everything = all || filter->op != OP_NONE,
        .filter = filter,
        .err = err,
    };
    CLEANUP(table_free) struct table *table = table_new(columns);
    CLEANUP(bursts_free) struct bursts *bursts = bursts_new(!all, show_burst, &view);
    if (!table || !bursts)
        return error_set(err, ENOMEM, "show the history");
    view.table = table;
    view.bursts = bursts;
    TRY(walk(&view));
    if (!view.headed && screen_of(stderr).terminal)
        log_line("nothing happened that fits");
    return 0;
}

/* ---- the verb ---- */

static int look_back(struct cli *cli, const struct wishes *wishes, struct history_filter *filter,
                     struct error *err)
{
    CLEANUP(look_close) struct look look = LOOK_NONE;
    TRY(read_words(wishes, filter, err));
    TRY(look_time("--since", wishes->since, &filter->since, err));
    TRY(look_time("--until", wishes->until, &filter->until, err));
    TRY(look_open(cli, &look, err));
    if (wishes->session)
        TRY(look_session(&look, wishes->session, &filter->session, err));
    char *path = NULL;
    if (cli->operand_count)
        TRY(look_path(&look, cli->operands[0], &path, err));
    filter->path = path;
    int r = wishes->json ? history_json(&look, filter, err)
                         : history_people(&look, filter, wishes->all, err);
    free(path);
    if (fflush(stdout) != 0 && r == 0)
        return error_set(err, errno, "write the history");
    return r;
}

int cmd_history(struct cli *cli, int argc, char **argv)
{
    struct wishes wishes = {.limit = UINT64_MAX};
    const struct cli_option options[] = {
        {"session", 's', OPTION_TEXT, &wishes.session, "S", "only this session (number or name)"},
        {"since", 0, OPTION_TEXT, &wishes.since, "T",
         "from T on: 10m, 2h, today, 2026-01-02T10:00"},
        {"until", 0, OPTION_TEXT, &wishes.until, "T", "before T"},
        {"op", 0, OPTION_TEXT, &wishes.op, "OP", "only this operation: write, unlink, rename …"},
        {"outcome", 0, OPTION_TEXT, &wishes.outcome, "O", "only ok, denied, failed or open"},
        {"limit", 'n', OPTION_NUMBER, &wishes.limit, "N", "the newest N events (0: all)"},
        {"all", 'a', OPTION_FLAG, &wishes.all, NULL, "every event by itself, mounts too"},
        {"json", 'j', OPTION_FLAG, &wishes.json, NULL, "JSON, a line for each event"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    struct error err = ERROR_NONE;
    struct history_filter filter = HISTORY_ALL;
    filter.limit = wishes.limit;
    filter.limit_deeds = !wishes.json && !wishes.all && !wishes.op;
    if (wishes.limit == UINT64_MAX)
        filter.limit = wishes.json ? 0 : LIMIT_FOR_PEOPLE;
    int r = look_back(cli, &wishes, &filter, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
