/* timeline.c - see timeline.h. */
#include "launcher/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/text.h"
#include "launcher/burst.h"
#include "launcher/render.h"

#define LINES_AT_ONCE 500 /* columns are measured over so many lines */

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

struct timeline {
    struct history *history;
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
    struct error *err;
};

static int flush_lines(struct timeline *t)
{
    return table_print(t->table, &t->screen, 2);
}

struct heading {
    struct strbuf text;
    const struct timeline *view;
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

static int print_heading(struct timeline *t, const struct burst *burst)
{
    struct heading heading = {.view = t, .time = burst->first_time};
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, burst->session);
    int r = -ENOENT;
    if (burst->session)
        r = history_sessions(t->history, number, write_heading, &heading, t->err);
    if (r == -ENOENT) {
        strbuf_add_text(&heading.text, "outside a session · ");
        render_moment(&heading.text, burst->first_time, t->now);
        r = 0;
    }
    fprintf(t->screen.out, "%s\n", strbuf_text(&heading.text));
    strbuf_release(&heading.text);
    return r;
}

static void say_moment(struct strbuf *out, const struct timeline *t, int64_t ns)
{
    render_day(out, ns, t->now);
    strbuf_add_text(out, " ");
    render_clock(out, ns);
}

static void print_gap(struct timeline *t)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    strbuf_add_text(&text, "nothing was recorded from ");
    say_moment(&text, t, t->gap_from);
    strbuf_add_text(&text, " to ");
    if (render_same_day(t->gap_from, t->gap_to))
        render_clock(&text, t->gap_to);
    else
        say_moment(&text, t, t->gap_to);
    strbuf_add_text(&text, ": no mount");
    render_toned(&t->screen, TONE_DIM, strbuf_text(&text));
    fputc('\n', t->screen.out);
}

/* A heading for each session and day; before it the time that is missing, from a second on. */
static int head(struct timeline *t, const struct burst *burst)
{
    bool gap = t->gap_to - t->gap_from >= NS_PER_S;
    bool same = t->headed && !gap && t->session == burst->session &&
                render_same_day(t->day, burst->first_time);
    if (!same)
        TRY(flush_lines(t));
    if (gap)
        print_gap(t);
    t->gap_from = t->gap_to = 0;
    t->headed = true;
    t->session = burst->session;
    t->day = burst->first_time;
    return same ? 0 : print_heading(t, burst);
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

static void say_times(struct strbuf *out, const struct burst *burst)
{
    if (burst->events > 1) {
        strbuf_add_text(out, "×");
        render_count(out, burst->events);
    }
}

static void say_refusal(struct strbuf *out, const struct burst *burst)
{
    char text[128];
    strbuf_add_format(out, "%s: ", op_name(burst->op));
    if (burst->reason)
        render_name(out, burst->reason);
    else
        strbuf_add_text(out, error_text(burst->error_code, text, sizeof text));
    if (burst->events > 1)
        strbuf_add_text(out, " ");
    say_times(out, burst);
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

static void say_external(struct strbuf *out, const struct burst *burst)
{
    strbuf_add_text(out, "changed outside ccfs  ");
    say_sizes(out, burst);
}

static void say_detail(struct strbuf *out, const struct burst *burst)
{
    if (burst->kind == BURST_REFUSED || burst->kind == BURST_FAILED)
        say_refusal(out, burst);
    else if (burst->op == OP_NETWORK)
        say_times(out, burst);
    else if (burst->op == OP_EXTERNAL)
        say_external(out, burst);
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

static void add_line(struct timeline *t, const struct burst *burst)
{
    struct strbuf texts[TABLE_COLUMNS] = {0};
    CLEANUP(strbuf_release) struct strbuf to = STRBUF_EMPTY;
    bool other = burst->kind == BURST_OTHER;
    render_clock(&texts[TIME], burst->first_time);
    strbuf_add_text(&texts[VERB], burst->op == OP_NETWORK && other ? "contacted"
                                  : other                          ? op_name(burst->op)
                                                                   : verbs[burst->kind].word);
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
    table_add(t->table, cells);
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        strbuf_release(&texts[i]);
}

/* Consecutive gaps are one; a gap that nothing follows is not worth a line. */
static void remember_gap(struct timeline *t, const struct event *event)
{
    if (!t->gap_to)
        t->gap_from = event->before.mtime > 0 ? event->before.mtime : event->time;
    t->gap_to = event->time;
}

static int show_burst(const struct burst *burst, void *context)
{
    struct timeline *t = context;
    TRY(head(t, burst));
    add_line(t, burst);
    return table_lines(t->table) < LINES_AT_ONCE ? 0 : flush_lines(t);
}

static bool is_shown(const struct timeline *t, const struct event *event)
{
    return t->everything || burst_kind_of(event) != BURST_OTHER || event->op == OP_UNDO ||
           event->op == OP_NETWORK || event->op == OP_EXTERNAL;
}

int timeline_event(struct timeline *t, const struct event *event)
{
    if (event->op == OP_GAP && !t->everything) {
        TRY(bursts_end(t->bursts));
        remember_gap(t, event);
        return 0;
    }
    return is_shown(t, event) ? bursts_add(t->bursts, event, t->err) : 0;
}

int timeline_flush(struct timeline *t)
{
    int r = bursts_end(t->bursts);
    if (r == 0)
        r = flush_lines(t);
    return r == -ENOMEM ? error_set(t->err, ENOMEM, "show the history") : r;
}

bool timeline_is_empty(const struct timeline *t)
{
    return !t->headed;
}

void timeline_free(struct timeline **t)
{
    if (!*t)
        return;
    table_free(&(*t)->table);
    bursts_free(&(*t)->bursts);
    free(*t);
    *t = NULL;
}

int timeline_new(struct history *h, bool singly, bool everything, struct timeline **out,
                 struct error *err)
{
    CLEANUP(timeline_free) struct timeline *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, ENOMEM, "show the history");
    *t = (struct timeline){.history = h,
                           .screen = screen_of(stdout),
                           .table = table_new(columns),
                           .bursts = bursts_new(!singly, show_burst, t),
                           .now = clock_now_ns(),
                           .everything = everything,
                           .err = err};
    if (!t->table || !t->bursts)
        return error_set(err, ENOMEM, "show the history");
    *out = t;
    t = NULL;
    return 0;
}
