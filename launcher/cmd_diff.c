/* cmd_diff.c - `ccfs diff`: what a choice of events changed, thing by thing.
 *
 * A line "# …" says what happened to a thing, in words; texts follow as diff -u writes them, so
 * that patch(1) and git apply(1) read it.  On a terminal it goes through the pager, and whatever
 * would draw is escaped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/changes.h"
#include "launcher/commands.h"
#include "launcher/json.h"
#include "launcher/look.h"
#include "launcher/pager.h"
#include "launcher/render.h"
#include "launcher/unified.h"

static const struct cli_verb verb = {
    .name = "diff",
    .usage = "[EVENT] [PATH] [OPTION…]",
    .about =
        "Shows what changed: of an event ('#4711', or a range '#4711-4720'), a session, or since\n"
        "a time, without a choice of what was done last in one go; PATH: only there and\n"
        "below.  Texts line by line, of other files their size.  On a terminal through $PAGER.\n",
    .examples = "  ccfs diff\n"
                "  ccfs diff '#4513'\n"
                "  ccfs diff --session 7 Projects/site\n"
                "  ccfs diff --since 10m --json\n",
    .operands_max = 2,
};

struct diff {
    const char *session;
    const char *since;
    bool json;
    struct look look;
    struct history_filter filter;
    char *path;
    struct pager pager;
    struct screen screen; /* where it ends */
    struct strbuf line;
    struct strbuf text; /* what differs, as diff(1) says it */
    uint64_t shown;
    int worst; /* exit code */
    struct error *err;
};

static void diff_release(struct diff *d)
{
    pager_close(&d->pager);
    look_close(&d->look);
    strbuf_release(&d->line);
    strbuf_release(&d->text);
    free(d->path);
}

/* ---- comparing ---- */

enum kind {
    KIND_NOTHING,
    KIND_MADE,
    KIND_GONE,
    KIND_RENAMED,
    KIND_CHANGED,
};

static const char *const words[] = {
    [KIND_MADE] = "created",
    [KIND_GONE] = "deleted",
    [KIND_RENAMED] = "renamed",
    [KIND_CHANGED] = "changed",
};

static bool same_target(const struct difference *d)
{
    return strcmp(strbuf_text(&d->before.target), strbuf_text(&d->after.target)) == 0;
}

/* Of both sides, or of the one that is there; names are escaped. */
static int compare_texts(struct diff *diff, const struct difference *d)
{
    CLEANUP(strbuf_release) struct strbuf from = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf to = STRBUF_EMPTY;
    strbuf_add_text(&from, d->before.there ? "a/" : "/dev/null");
    strbuf_add_text(&to, d->after.there ? "b/" : "/dev/null");
    render_name(&from, d->before.there ? d->before.path : NULL);
    render_name(&to, d->after.there ? d->after.path : NULL);
    return unified_diff(d->before.content, strbuf_text(&from), d->after.content, strbuf_text(&to),
                        &diff->text, diff->err);
}

static bool is_text(const struct difference *d)
{
    return unified_is_text(d->before.content) && unified_is_text(d->after.content);
}

/* 1: their contents differ, 0: they do not, or there is only one. */
static int contents_differ(struct diff *diff, const struct difference *d)
{
    if (d->before.content < 0 || d->after.content < 0)
        return 0;
    int same = unified_is_same(d->before.content, d->after.content, diff->err);
    return same < 0 ? same : !same;
}

static enum kind kind_of(const struct difference *d, bool differ)
{
    const struct side *a = &d->before;
    const struct side *b = &d->after;
    if (!a->there || !b->there)
        return b->there ? KIND_MADE : a->there ? KIND_GONE : KIND_NOTHING;
    if (strcmp(a->path, b->path) != 0)
        return KIND_RENAMED;
    return differ || a->attr.mode != b->attr.mode || a->attr.uid != b->attr.uid ||
                   a->attr.gid != b->attr.gid || !same_target(d)
               ? KIND_CHANGED
               : KIND_NOTHING;
}

/* ---- for programs ---- */

static void put_side(struct json *j, const char *key, const struct side *side)
{
    char mode[8];
    if (!side->there) {
        json_null(j, key);
        return;
    }
    snprintf(mode, sizeof mode, "%04o", side->attr.mode & 07777);
    json_begin_object(j, key);
    json_text(j, "path", side->path);
    json_text(j, "type", type_name(side->attr.mode));
    json_text(j, "mode", mode);
    json_uint(j, "size", side->attr.size);
    json_text(j, "target", side->target.bytes ? strbuf_text(&side->target) : NULL);
    json_end(j);
}

static int print_json(struct diff *diff, const struct difference *d, enum kind kind, bool text)
{
    CLEANUP(json_free) struct json *j = json_new();
    bool unknown = d->trouble.code != 0;
    json_text(j, "change", unknown ? "unknown" : words[kind]);
    json_uint(j, "first", d->first);
    json_uint(j, "last", d->last);
    put_side(j, "before", &d->before);
    put_side(j, "after", &d->after);
    json_bool(j, "binary", !text);
    if (diff->text.bytes)
        json_bytes(j, "diff", diff->text.data, diff->text.bytes);
    else
        json_null(j, "diff");
    json_text(j, "error", unknown ? d->trouble.message : NULL);
    return json_print(j, diff->pager.out, diff->err);
}

/* ---- for people ---- */

static void say_sizes(struct strbuf *out, const struct difference *d)
{
    strbuf_add_text(out, "  ");
    if (d->before.there)
        render_size(out, d->before.attr.size);
    if (d->before.there && d->after.there)
        strbuf_add_text(out, " → ");
    if (d->after.there)
        render_size(out, d->after.attr.size);
}

static void say_target(struct strbuf *out, const struct side *side)
{
    if (side->target.bytes) {
        strbuf_add_text(out, "  symlink to ");
        render_name(out, strbuf_text(&side->target));
    }
}

static void say_modes(struct strbuf *out, const struct difference *d)
{
    const struct attr *a = &d->before.attr;
    const struct attr *b = &d->after.attr;
    if (!d->before.there || !d->after.there)
        return;
    if (a->mode != b->mode)
        strbuf_add_format(out, "  mode %04o → %04o", a->mode & 07777, b->mode & 07777);
    if (a->uid != b->uid || a->gid != b->gid)
        strbuf_add_format(out, "  owner %u:%u → %u:%u", a->uid, a->gid, b->uid, b->gid);
}

static void say_path(struct strbuf *out, const struct side *side)
{
    render_name(out, *side->path ? side->path : ".");
    if (S_ISDIR(side->attr.mode))
        strbuf_add_text(out, "/");
}

static void say_what(struct strbuf *out, const struct difference *d, enum kind kind, bool text)
{
    strbuf_add_format(out, "# %s ", words[kind]);
    if (kind == KIND_RENAMED) {
        say_path(out, &d->before);
        strbuf_add_text(out, " → ");
    }
    say_path(out, d->after.there ? &d->after : &d->before);
    if (!text) {
        strbuf_add_text(out, "  not text");
        say_sizes(out, d);
    }
    say_modes(out, d);
    say_target(out, d->after.there ? &d->after : &d->before);
}

static enum tone tone_of(char first)
{
    return first == '+'                   ? TONE_GREEN
           : first == '-'                 ? TONE_RED
           : first == '@' || first == '#' ? TONE_DIM
                                          : TONE_PLAIN;
}

/* What is no terminal gets the bytes. */
static void print_texts(struct diff *diff)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *at = diff->text.data;
    const char *end = at ? at + diff->text.bytes : NULL;
    if (!diff->screen.terminal && at) {
        fwrite(diff->text.data, 1, diff->text.bytes, diff->pager.out);
        return;
    }
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = stop ? (size_t)(stop - at) : (size_t)(end - at);
        strbuf_clear(&safe);
        text_escape_content(&safe, at, bytes);
        render_toned(&diff->screen, tone_of(*at), strbuf_text(&safe));
        fputc('\n', diff->screen.out);
        at += bytes + 1;
    }
}

static void print_people(struct diff *diff, const struct difference *d, enum kind kind, bool text)
{
    strbuf_clear(&diff->line);
    if (d->trouble.code) {
        strbuf_add_text(&diff->line, "# not known: ");
        text_escape(&diff->line, d->trouble.message, strlen(d->trouble.message));
    } else {
        say_what(&diff->line, d, kind, text);
    }
    render_toned(&diff->screen, TONE_DIM, strbuf_text(&diff->line));
    fputc('\n', diff->screen.out);
    print_texts(diff);
}

/* ---- each thing ---- */

static int show_difference(struct difference *d, void *context)
{
    struct diff *diff = context;
    bool known = d->trouble.code == 0;
    bool text = is_text(d);
    int differ = known ? contents_differ(diff, d) : 0;
    TRY(differ);
    enum kind kind = kind_of(d, differ);
    strbuf_clear(&diff->text);
    if (!known)
        diff->worst = d->trouble.code == EBADMSG ? EXIT_INTEGRITY
                      : diff->worst              ? diff->worst
                                                 : EXIT_FAILED;
    if (known && kind == KIND_NOTHING)
        return 0;
    bool any = d->before.content >= 0 || d->after.content >= 0;
    if (known && text && any)
        TRY(compare_texts(diff, d));
    diff->shown++;
    if (diff->json)
        return print_json(diff, d, kind, text);
    print_people(diff, d, kind, text);
    return 0;
}

/* ---- the verb ---- */

static int choose_last(struct diff *diff, struct error *err)
{
    uint64_t first = 0;
    uint64_t last = 0;
    TRY(history_last_burst(diff->look.history, &first, &last, err));
    diff->filter.first_id = first ? first : UINT64_MAX >> 1;
    diff->filter.last_id = first ? last : UINT64_MAX >> 1;
    return 0;
}

static int is_there(const struct event *e, void *context)
{
    (void)e;
    (void)context;
    return 0;
}

static int choose(struct diff *diff, struct cli *cli, struct error *err)
{
    int at = cli->operand_count > 0 &&
             look_event_number(cli->operands[0], &diff->filter.first_id, &diff->filter.last_id);
    bool one = at && diff->filter.first_id == diff->filter.last_id;
    if (cli->operand_count > at + 1)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "diff: say an event and a path, as in: ccfs diff '#4711' Projects");
    TRY(look_time("--since", diff->since, &diff->filter.since, err));
    TRY(look_open(cli, &diff->look, err));
    if (one)
        TRY(history_event(diff->look.history, diff->filter.first_id, is_there, NULL, err));
    if (diff->session)
        TRY(look_session(&diff->look, diff->session, &diff->filter.session, err));
    if (cli->operand_count > at)
        TRY(look_path(&diff->look, cli->operands[at], &diff->path, err));
    diff->filter.path = diff->path;
    bool chosen = at || diff->session || diff->since;
    return chosen ? 0 : choose_last(diff, err);
}

static int show(struct diff *diff, struct cli *cli, struct error *err)
{
    TRY(choose(diff, cli, err));
    diff->screen = screen_of(stdout);
    TRY(pager_open(&diff->pager, err));
    diff->screen.out = diff->pager.out;
    TRY(changes_walk(diff->look.history, diff->look.workspace.root, &diff->filter, show_difference,
                     diff, err));
    if (!diff->shown && screen_of(stderr).terminal)
        log_line("nothing that was chosen changed anything");
    return diff->worst;
}

int cmd_diff(struct cli *cli, int argc, char **argv)
{
    struct diff diff = {.look = LOOK_NONE, .filter = HISTORY_ALL};
    const struct cli_option options[] = {
        {"session", 's', OPTION_TEXT, &diff.session, "S", "what a session did (number or name)"},
        {"since", 0, OPTION_TEXT, &diff.since, "T", "from T on: 10m, today, 2026-01-02T10:00"},
        {"json", 'j', OPTION_FLAG, &diff.json, NULL, "JSON, a line for each thing"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    struct error err = ERROR_NONE;
    diff.err = &err;
    int r = show(&diff, cli, &err);
    diff_release(&diff);
    return r < 0 ? cli_fail(&err) : r;
}
