/* cmd_show.c - `ccfs show EVENT`: all that is known about one event. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "launcher/commands.h"
#include "launcher/event_json.h"
#include "launcher/look.h"
#include "launcher/render.h"

#define ANCESTORS_MOST 64
#define RANGES_SHOWN 12

static const struct cli_verb verb = {
    .name = "show",
    .usage = "EVENT [--json]",
    .about = "Shows one event in full: who did it, what was there before and after, what is kept,\n"
             "and how to take it back.  EVENT is a number of the history: 4711 or '#4711'.\n",
    .examples = "  ccfs show 4711\n"
                "  ccfs show 4711 --json\n",
    .operands_min = 1,
    .operands_max = 1,
};

struct show {
    struct look *look;
    struct screen screen;
    struct strbuf line; /* the one that is being written */
    struct error *err;
};

/* ---- lines ---- */

static void begin_line(struct show *show, const char *label)
{
    strbuf_clear(&show->line);
    strbuf_add_format(&show->line, "  %-9s ", label);
}

static void end_line(struct show *show)
{
    fprintf(show->screen.out, "%s\n", strbuf_text(&show->line));
}

static void show_name(struct show *show, const char *label, const char *bytes)
{
    if (!bytes)
        return;
    begin_line(show, label);
    render_name(&show->line, *bytes ? bytes : ".");
    end_line(show);
}

static void show_outcome(struct show *show, const struct event *e)
{
    char text[128];
    begin_line(show, "outcome");
    strbuf_add_text(&show->line, e->outcome == OUTCOME_OPEN
                                     ? "still open: the file is being written"
                                     : outcome_name(e->outcome));
    if (e->reason) {
        strbuf_add_text(&show->line, ": ");
        render_name(&show->line, e->reason);
    }
    if (e->error_code > 0)
        strbuf_add_format(&show->line, " (the caller got: %s)",
                          error_text(e->error_code, text, sizeof text));
    if (e->count > 1) {
        strbuf_add_text(&show->line, ", ");
        render_plural(&show->line, e->count, "time", "times");
    }
    if (e->flags & EVENT_SETTLED)
        strbuf_add_text(&show->line, ", found out by recovery after a crash");
    end_line(show);
}

/* ---- who ---- */

static int keep_session(const struct session *session, void *context)
{
    struct strbuf *line = context;
    strbuf_add_format(line, "%" PRIu64, session->id);
    const char *const words[] = {session->name, session->backend, session->command};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!words[i] || !*words[i])
            continue;
        strbuf_add_text(line, " · ");
        render_name(line, words[i]);
    }
    return 0;
}

static int show_session(struct show *show, const struct event *e)
{
    char number[24];
    if (!e->session)
        return 0;
    snprintf(number, sizeof number, "%" PRIu64, e->session);
    begin_line(show, "session");
    int r = history_sessions(show->look->history, number, keep_session, &show->line, show->err);
    if (r == -ENOENT)
        strbuf_add_text(&show->line, number);
    else
        TRY(r);
    end_line(show);
    return 0;
}

/* Ancestors may have command lines of pages: a line each, --json has them whole. */
static void shorten_line(struct show *show)
{
    CLEANUP(strbuf_release) struct strbuf whole = show->line;
    show->line = STRBUF_EMPTY;
    render_shortened(&show->line, strbuf_text(&whole), show->screen.columns);
}

static void show_process(struct show *show, const char *label, const struct actor *actor,
                         bool shortened)
{
    begin_line(show, label);
    strbuf_add_format(&show->line, "%d  ", (int)actor->pid);
    render_name(&show->line, actor->cmdline && *actor->cmdline ? actor->cmdline : actor->exe);
    if (shortened)
        shorten_line(show);
    end_line(show);
}

static void show_actor(struct show *show, const struct event *e)
{
    const struct actor *actor = &e->actor;
    if (!actor->id) {
        begin_line(show, "by");
        strbuf_add_text(&show->line, "an unknown process");
        end_line(show);
        return;
    }
    show_process(show, "by", actor, false);
    show_name(show, "program", actor->exe);
    begin_line(show, "user");
    strbuf_add_format(&show->line, "%u, group %u", actor->uid, actor->gid);
    if (e->tid && e->tid != actor->pid)
        strbuf_add_format(&show->line, ", thread %d", (int)e->tid);
    if (e->flags & EVENT_INFERRED)
        strbuf_add_text(&show->line, "; inferred: the kernel named no process");
    end_line(show);
    show_name(show, "container", actor->container);
}

/* A damaged journal may hold a ring of parents: bounded. */
static int show_ancestors(struct show *show, const struct event *e)
{
    uint64_t parent = e->actor.parent;
    for (int i = 0; i < ANCESTORS_MOST && parent; i++) {
        struct actor actor;
        int r = history_actor(show->look->history, parent, &actor, show->err);
        if (r == -ENOENT)
            return 0;
        TRY(r);
        show_process(show, "child of", &actor, true);
        parent = actor.parent;
    }
    return 0;
}

/* ---- what ---- */

enum {
    LABEL,
    BEFORE,
    AFTER
};
static const struct table_column columns[TABLE_COLUMNS] = {{0}};

static void add_row(struct table *table, const char *label, const struct strbuf *before,
                    const struct strbuf *after)
{
    struct cell cells[TABLE_COLUMNS] = {0};
    cells[LABEL].text = label;
    cells[BEFORE].text = strbuf_text(before);
    cells[AFTER].text = strbuf_text(after);
    table_add(table, cells);
}

static void say_type(struct strbuf *out, const struct attr *a)
{
    strbuf_add_text(out, type_name(a->mode));
}

static void say_mode(struct strbuf *out, const struct attr *a)
{
    strbuf_add_format(out, "%04o", a->mode & 07777);
}

static void say_owner(struct strbuf *out, const struct attr *a)
{
    strbuf_add_format(out, "%u:%u", a->uid, a->gid);
}

static void say_size(struct strbuf *out, const struct attr *a)
{
    render_size(out, a->size);
    if (a->size < 1024)
        return;
    strbuf_add_text(out, " (");
    render_count(out, a->size);
    strbuf_add_text(out, ")");
}

static void say_mtime(struct strbuf *out, const struct attr *a)
{
    render_stamp(out, a->mtime);
}

static void say_links(struct strbuf *out, const struct attr *a)
{
    strbuf_add_format(out, "%u", a->nlink);
}

static const struct {
    const char *label;
    void (*say)(struct strbuf *out, const struct attr *attr);
} facts[] = {
    {"type", say_type},   {"size", say_size},   {"mode", say_mode},
    {"owner", say_owner}, {"links", say_links}, {"modified", say_mtime},
};

static void add_fact(struct table *table, size_t at, const struct attr *before,
                     const struct attr *after)
{
    CLEANUP(strbuf_release) struct strbuf was = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf is = STRBUF_EMPTY;
    if (before->mode)
        facts[at].say(&was, before);
    if (after->mode)
        facts[at].say(&is, after);
    add_row(table, facts[at].label, &was, &is);
}

static void say_sum(struct strbuf *out, const unsigned char *sum)
{
    for (size_t i = 0; sum && i < 32; i++)
        strbuf_add_format(out, "%02x", sum[i]);
}

static void add_sums(struct table *table, const struct event *e)
{
    CLEANUP(strbuf_release) struct strbuf was = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf is = STRBUF_EMPTY;
    say_sum(&was, e->sha256_before);
    say_sum(&is, e->sha256_after);
    if (was.bytes || is.bytes)
        add_row(table, "sha256", &was, &is);
}

static int show_attrs(struct show *show, const struct event *e)
{
    if (!e->before.mode && !e->after.mode)
        return 0;
    CLEANUP(table_free) struct table *table = table_new(columns);
    if (!table)
        return error_set(show->err, ENOMEM, "show the event");
    struct cell heads[TABLE_COLUMNS] = {[LABEL] = {.text = "        "}};
    heads[BEFORE].text = e->before.mode ? "before" : "before: nothing";
    heads[AFTER].text = e->after.mode ? "after" : "after: nothing";
    table_add(table, heads);
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        add_fact(table, i, &e->before, &e->after);
    add_sums(table, e);
    if (table_print(table, &show->screen, 2) < 0)
        return error_set(show->err, ENOMEM, "show the event");
    return 0;
}

static void show_replaced(struct show *show, const struct event *e)
{
    if (!e->before2.mode)
        return;
    begin_line(show, e->op == OP_EXCHANGE ? "exchanged" : "replaced");
    strbuf_add_format(&show->line, "a %s of ", type_name(e->before2.mode));
    render_size(&show->line, e->before2.size);
    strbuf_add_format(&show->line, ", mode %04o", e->before2.mode & 07777);
    end_line(show);
}

static void show_ranges(struct show *show, const struct event *e)
{
    if (!e->range_count)
        return;
    begin_line(show, "bytes");
    for (size_t i = 0; i < e->range_count && i < RANGES_SHOWN; i++)
        strbuf_add_format(&show->line, "%s%" PRId64 "+%" PRId64, i ? ", " : "", e->ranges[i].offset,
                          e->ranges[i].length);
    if (e->range_count > RANGES_SHOWN) {
        strbuf_add_text(&show->line, " … and ");
        render_plural(&show->line, e->range_count - RANGES_SHOWN, "range", "ranges");
    }
    end_line(show);
}

/* ---- and back ---- */

static const char *kept_words(const struct event *e)
{
    static const char *const words[] = {
        [KEPT_NONE] = "the old content",
        [KEPT_INODE] = "the file itself",
        [KEPT_CLONE] = "a clone of the old content",
        [KEPT_COPY] = "a copy of the old content",
        [KEPT_BLOCKS] = "the bytes that were overwritten",
    };
    size_t at = (size_t)e->kept;
    return words[at < COUNT_OF(words) ? at : 0];
}

static bool can_be_undone(const struct event *e)
{
    return op_changes(e->op) && (e->outcome == OUTCOME_OK || e->outcome == OUTCOME_OPEN) &&
           !(e->flags & EVENT_BY_UNDO) && !e->undone_by;
}

/* What is kept, or by which gc it went. */
static void show_kept(struct show *show, const struct event *e)
{
    uint64_t by = 0;
    int64_t time = 0;
    begin_line(show, "kept");
    if (history_dropped(show->look->history, e->version, &by, &time, NULL) == 1) {
        strbuf_add_text(&show->line, "no more: its old content was dropped by gc on ");
        render_moment(&show->line, time, clock_now_ns());
        strbuf_add_format(&show->line, " (event #%" PRIu64 ")", by);
    } else {
        strbuf_add_format(&show->line, "%s (vault %" PRIu64 ")", kept_words(e), e->version);
    }
    end_line(show);
}

static void show_back(struct show *show, const struct event *e)
{
    if (e->version)
        show_kept(show, e);
    if (e->undoes) {
        begin_line(show, "undoes");
        strbuf_add_format(&show->line, "#%" PRIu64, e->undoes);
        end_line(show);
    }
    begin_line(show, "undo");
    if (e->undone_by)
        strbuf_add_format(&show->line, "was undone by #%" PRIu64, e->undone_by);
    else if (can_be_undone(e))
        strbuf_add_format(&show->line, "ccfs undo %" PRIu64, e->id);
    else if (e->op == OP_UNDO)
        strbuf_add_format(&show->line, "ccfs redo %" PRIu64 " takes it back", e->id);
    else
        return;
    end_line(show);
}

static void show_title(struct show *show, const struct event *e)
{
    fprintf(show->screen.out, "event #%" PRIu64 "  %s%s\n", e->id, op_name(e->op),
            e->flags & EVENT_BY_UNDO ? " (by an undo)" : "");
    begin_line(show, "time");
    render_stamp(&show->line, e->time);
    end_line(show);
}

static int show_event(const struct event *e, void *context)
{
    struct show *show = context;
    show_title(show, e);
    show_name(show, "path", e->path);
    show_name(show, e->op == OP_LINK ? "link to" : "to", e->path2);
    show_outcome(show, e);
    TRY(show_session(show, e));
    show_actor(show, e);
    TRY(show_ancestors(show, e));
    TRY(show_attrs(show, e));
    show_replaced(show, e);
    show_ranges(show, e);
    show_back(show, e);
    if (show->line.failed)
        return error_set(show->err, ENOMEM, "show the event");
    return 0;
}

/* ---- for programs ---- */

static int put_ancestors(struct show *show, struct json *j, uint64_t parent)
{
    json_begin_array(j, "ancestors");
    for (int i = 0; i < ANCESTORS_MOST && parent; i++) {
        struct actor actor;
        int r = history_actor(show->look->history, parent, &actor, show->err);
        if (r == -ENOENT)
            break;
        TRY(r);
        json_begin_object(j, NULL);
        json_int(j, "tgid", actor.pid);
        json_text(j, "exe", actor.exe);
        json_text(j, "cmdline", actor.cmdline);
        json_end(j);
        parent = actor.parent;
    }
    json_end(j);
    return 0;
}

static int show_json(const struct event *e, void *context)
{
    struct show *show = context;
    CLEANUP(json_free) struct json *j = json_new();
    event_json_fill(j, e);
    TRY(put_ancestors(show, j, e->actor.parent));
    return json_print(j, stdout, show->err);
}

static int show_one(struct cli *cli, uint64_t id, bool json, struct error *err)
{
    CLEANUP(look_close) struct look look = LOOK_NONE;
    TRY(look_open(cli, &look, err));
    struct show show = {.look = &look, .screen = screen_of(stdout), .err = err};
    int r = history_event(look.history, id, json ? show_json : show_event, &show, err);
    strbuf_release(&show.line);
    return r;
}

int cmd_show(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    uint64_t id = 0;
    const struct cli_option options[] = {
        {"json", 'j', OPTION_FLAG, &json, NULL, "as one JSON object"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (!look_event_number(cli->operands[0], &id, NULL)) {
        CLEANUP(strbuf_release) struct strbuf typed = STRBUF_EMPTY;
        render_name(&typed, cli->operands[0]);
        return cli_misuse(&verb, "'%s' is no number of an event", strbuf_text(&typed));
    }
    struct error err = ERROR_NONE;
    int r = show_one(cli, id, json, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
