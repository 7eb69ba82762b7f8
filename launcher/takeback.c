/* takeback.c - see takeback.h. */
#include "launcher/takeback.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/list.h"
#include "journal/base/log.h"
#include "launcher/plan.h"
#include "launcher/unfinished.h"

void takeback_release(struct takeback *back)
{
    undo_plan_free(&back->plan);
    look_close(&back->look);
    strbuf_release(&back->title);
    free(back->ids);
}

int takeback_add(struct takeback *back, uint64_t event)
{
    uint64_t *ids = list_grown(back->ids, back->count, &back->room, sizeof *ids);
    if (!ids)
        return -ENOMEM;
    back->ids = ids;
    back->ids[back->count++] = event;
    return 0;
}

/* What was cut off comes first: there is no plan on half a tree. */
static int finish_earlier(struct takeback *back, struct error *err)
{
    struct undo_unfinished u = {0};
    unsigned finished = 0;
    TRY(undo_find_unfinished(back->look.workspace.root, &u, err));
    int r = u.id ? unfinished_resume(&back->look, &finished, err) : 0;
    if (r < 0)
        unfinished_tell(&back->look);
    if (finished)
        log_line("finished undo #%" PRIu64 ", which had been cut off", u.id);
    return r;
}

int takeback_open(struct takeback *back, const struct cli *cli, struct error *err)
{
    TRY(look_open(cli, &back->look, err));
    return finish_earlier(back, err);
}

unsigned takeback_how(const struct takeback *back)
{
    return (back->skip ? UNDO_SKIP : 0u) | (back->force ? UNDO_FORCE : 0u) |
           (back->dependents ? UNDO_DEPENDENTS : 0u);
}

static int make_plan(struct takeback *back, struct error *err)
{
    undo_plan_free(&back->plan);
    return undo_plan_make(back->look.history, back->look.workspace.root, back->ids, back->count,
                          takeback_how(back), &back->plan, err);
}

/* ---- showing ---- */

static int say_nothing_to_do(const struct takeback *back)
{
    if (back->json)
        printf("{\"events\":[],\"items\":[],\"conflicts\":[],\"skipped\":[],\"applied\":false,"
               "\"result\":null}\n");
    else
        puts(back->nothing);
    return EXIT_DONE;
}

static int print_json(const struct takeback *back, bool applied, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    plan_json(back->plan, j);
    json_bool(j, "applied", applied);
    if (applied) {
        json_begin_object(j, "result");
        json_uint(j, "undo", back->result.undo);
        json_uint(j, "brought_back", back->result.brought_back);
        json_uint(j, "put_back", back->result.put_back);
        json_uint(j, "renamed", back->result.renamed);
        json_uint(j, "removed", back->result.removed);
        json_uint(j, "reset", back->result.reset);
        json_end(j);
    } else {
        json_null(j, "result");
    }
    return json_print(j, stdout, err);
}

static int print_plan(const struct takeback *back, struct error *err)
{
    if (back->title.failed)
        return error_set(err, ENOMEM, "show the plan");
    printf("This takes back %s:\n", strbuf_text(&back->title));
    if (plan_print(back->plan, &back->screen, back->redo) < 0)
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

/* Is it the one that redo takes back when it is told no number? */
static bool is_last(const struct takeback *back)
{
    uint64_t last = 0;
    return undo_last(back->look.workspace.root, &last, NULL) == 0 && last == back->result.undo;
}

/* An undo that had nothing to change leaves nothing to take back. */
static bool has_way_back(const struct takeback *back)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    uint64_t undo = back->result.undo;
    bool found = undo && undo_steps(back->look.workspace.root, undo, &ids, &count, NULL) == 0;
    free(ids);
    return found && count > 0;
}

static void print_result(const struct takeback *back)
{
    CLEANUP(strbuf_release) struct strbuf parts = STRBUF_EMPTY;
    const struct undo_result *r = &back->result;
    add_part(&parts, r->brought_back, "brought back");
    add_part(&parts, r->put_back, "put back");
    add_part(&parts, r->renamed, "renamed");
    add_part(&parts, r->removed, "removed");
    add_part(&parts, r->reset, "reset");
    printf("done: %s.", parts.bytes ? strbuf_text(&parts) : "nothing had to change");
    if (has_way_back(back) && is_last(back))
        printf(" The way back: ccfs redo");
    else if (has_way_back(back))
        printf(" The way back: ccfs redo %" PRIu64, r->undo);
    putchar('\n');
}

/* ---- asking ---- */

static bool may_ask(const struct takeback *back)
{
    return !back->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool agrees(void)
{
    char answer[16] = "";
    fputs("Go on? [y/N] ", stdout);
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && tolower((unsigned char)answer[0]) == 'y';
}

/* ---- doing ---- */

static bool has_conflicts(const struct takeback *back)
{
    const struct undo_conflict *conflicts = NULL;
    return undo_plan_conflicts(back->plan, &conflicts) > 0;
}

static size_t count_skipped(const struct takeback *back)
{
    const struct undo_conflict *skipped = NULL;
    return undo_plan_skipped(back->plan, &skipped);
}

static void daemon_progress(void *context, uint64_t done, uint64_t total)
{
    render_progress(context, done, total);
}

static void own_progress(void *context, size_t done, size_t total)
{
    render_progress(context, done, total);
}

static void add_ids(struct strbuf *request, const char *before, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_add_format(request, "%s%" PRIu64, i ? "," : before, ids[i]);
}

static int apply_by_daemon(struct takeback *back, struct screen *bar, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    struct control *daemon = &back->look.daemon;
    const uint64_t *ids = NULL;
    size_t count = undo_plan_events(back->plan, &ids);
    add_ids(&request, "undo ids=", ids, count);
    size_t idle = undo_plan_idle(back->plan, &ids);
    add_ids(&request, count ? "," : "undo ids=", ids, idle);
    if (back->force)
        strbuf_add_text(&request, " force=1");
    if (request.failed)
        return error_set(err, ENOMEM, "ask the daemon to undo");
    TRY(control_ask(daemon, strbuf_text(&request), daemon_progress, bar, err));
    back->result = (struct undo_result){
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
static int plan_again(struct takeback *back, struct journal *journal, struct error *err)
{
    TRY(journal_drain(journal, err));
    TRY(make_plan(back, err));
    if (has_conflicts(back))
        return error_say(err, EEXIST,
                         "nothing was undone: something changed meanwhile; look again with "
                         "--dry-run");
    return 0;
}

static int apply_here(struct takeback *back, struct journal *journal, struct screen *bar,
                      struct error *err)
{
    struct undo_hooks hooks = {.progress = own_progress, .context = bar};
    const struct actor_ref who = journal_actor(journal, getpid(), getuid(), getgid());
    TRY(plan_again(back, journal, err));
    TRY(undo_note_outside(journal, back->look.workspace.root, back->plan, who, err));
    return undo_apply(journal, back->look.workspace.root, back->plan, who, &hooks, &back->result,
                      err);
}

static int apply(struct takeback *back, struct error *err)
{
    struct screen bar = screen_of(stderr);
    CLEANUP(journal_close) struct journal *journal = NULL;
    TRY(look_take_journal(&back->look, &journal, err));
    return journal ? apply_here(back, journal, &bar, err) : apply_by_daemon(back, &bar, err);
}

/* ---- what was met ---- */

static int note_by_daemon(struct takeback *back, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    add_ids(&request, "undo ids=", back->ids, back->count);
    strbuf_add_text(&request, " note=1");
    return request.failed ? -ENOMEM
                          : control_ask(&back->look.daemon, strbuf_text(&request), NULL, NULL, err);
}

/* What was changed outside is an event from when it is first met.  Without that event the conflict is
 * the same: an error here is no reason to say nothing of it. */
static void note_outside(struct takeback *back)
{
    CLEANUP(journal_close) struct journal *journal = NULL;
    struct error err = ERROR_NONE;
    if (undo_plan_outside(back->plan) == 0)
        return;
    int r = look_take_journal(&back->look, &journal, &err);
    if (r == 0 && journal)
        r = undo_note_outside(journal, back->look.workspace.root, back->plan,
                              journal_actor(journal, getpid(), getuid(), getgid()), &err);
    else if (r == 0)
        r = note_by_daemon(back, &err);
    if (r < 0)
        log_error(&err);
}

/* ---- the verb ---- */

/* Exit code, or -errno. */
static int finish(struct takeback *back, struct error *err)
{
    int r = apply(back, err);
    if (r < 0)
        unfinished_tell(&back->look);
    TRY(r);
    if (back->json)
        TRY(print_json(back, true, err));
    else
        print_result(back);
    return count_skipped(back) ? EXIT_CONFLICT : EXIT_DONE;
}

static int show_conflicts(const struct takeback *back, struct error *err)
{
    const struct screen screen = screen_of(stderr);
    int r = plan_print_conflicts(back->plan, &screen);
    return r < 0 ? error_set(err, ENOMEM, "show what is in the way") : 0;
}

/* Everything that was chosen is in conflict, and left as it is. */
static bool leaves_all(const struct takeback *back)
{
    const struct undo_item *items = NULL;
    return undo_plan_items(back->plan, &items) == 0;
}

static int decide(struct takeback *back, struct error *err)
{
    bool conflicts = has_conflicts(back) || leaves_all(back);
    note_outside(back);
    bool ends_here = conflicts || back->dry_run;
    if (back->json && ends_here)
        TRY(print_json(back, false, err));
    if (!back->json && !conflicts)
        TRY(print_plan(back, err));
    if (conflicts || count_skipped(back))
        TRY(show_conflicts(back, err));
    if (conflicts)
        return EXIT_CONFLICT;
    if (back->dry_run)
        return count_skipped(back) ? EXIT_CONFLICT : EXIT_DONE;
    if (!back->yes && !may_ask(back))
        return cli_misuse(back->verb, "it asks first, and there is no terminal: say --yes");
    if (back->yes || agrees())
        return finish(back, err);
    puts("nothing was changed");
    return EXIT_CONFLICT;
}

/* What was chosen cancels itself out: it counts as undone, and there is nothing to ask about. */
static int settle_without_change(struct takeback *back, struct error *err)
{
    if (!back->dry_run)
        return finish(back, err);
    if (back->json)
        TRY(print_json(back, false, err));
    else
        puts("nothing has to change: what was chosen left all as it was before");
    return EXIT_DONE;
}

int takeback_run(struct takeback *back, struct error *err)
{
    const uint64_t *events = NULL;
    if (back->count == 0)
        return say_nothing_to_do(back);
    TRY(make_plan(back, err));
    if (!leaves_all(back) || has_conflicts(back) || count_skipped(back) > 0)
        return decide(back, err);
    return undo_plan_events(back->plan, &events) ? settle_without_change(back, err)
                                                 : say_nothing_to_do(back);
}
