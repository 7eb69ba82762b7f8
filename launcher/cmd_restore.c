/* cmd_restore.c - `ccfs restore`: a file or a folder as it was, in place or beside.
 *
 * In place it is an undo of what happened to it since, with all that an undo promises (takeback.c).
 */
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "launcher/commands.h"
#include "launcher/json.h"
#include "launcher/putback.h"
#include "launcher/takeback.h"
#include "launcher/then.h"

static const struct cli_verb verb = {
    .name = "restore",
    .usage = "PATH --at WHEN [--to DEST] [OPTION…]",
    .about =
        "Puts a file or a folder back as it was at WHEN: a time (10m, today, 14:02), or an\n"
        "event: '#4711' is just before it.  In place it is an undo of what happened to it\n"
        "since: it shows what it is going to do, and asks; what it replaces or removes is kept,\n"
        "and ccfs redo takes it back.  --to DEST writes it to a new place, and touches nothing.\n",
    .examples = "  ccfs restore Projects/site --at 14:02 --dry-run\n"
                "  ccfs restore Documentation/plan.md --at '#4711' --yes\n"
                "  ccfs restore Projects/site --at yesterday --to /tmp/site\n",
    .operands_min = 1,
    .operands_max = 1,
};

/* ---- in place ---- */

static int write_title(struct takeback *back, const struct then *then, const char *path)
{
    strbuf_add_text(&back->title, "what happened to ");
    render_name(&back->title, path);
    strbuf_add_text(&back->title, " since ");
    render_moment(&back->title, then->at.time, clock_now_ns());
    strbuf_add_text(&back->title, " (");
    render_plural(&back->title, back->count, "event", "events");
    strbuf_add_text(&back->title, ")");
    return 0;
}

static int choose(struct takeback *back, const char *typed, const char *at, struct error *err)
{
    struct then then = THEN_NONE;
    char *path = NULL;
    then.look = back->look; /* borrowed */
    TRY(then_instant(&then, at, err));
    TRY(look_path(&back->look, typed, &path, err));
    int r = *path ? past_events_to_undo(back->look.history, back->look.workspace.root, path,
                                        &then.at, &back->ids, &back->count, err)
                  : error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                              "restore: name a file or folder; of everything: ccfs undo --since T");
    back->room = back->count;
    if (r == 0)
        r = write_title(back, &then, path);
    free(path);
    return r;
}

static int in_place(struct takeback *back, const struct cli *cli, const char *at, struct error *err)
{
    TRY(takeback_open(back, cli, err));
    TRY(choose(back, cli->operands[0], at, err));
    return takeback_run(back, err);
}

/* ---- beside ---- */

static int print_result(const struct putback *result, const char *to, bool as_json,
                        struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    if (!as_json) {
        strbuf_add_text(&line, "done: ");
        render_plural(&line, result->restored, "thing", "things");
        strbuf_add_text(&line, " written to ");
        render_name(&line, to);
        printf("%s\n", strbuf_text(&line));
        return 0;
    }
    CLEANUP(json_free) struct json *j = json_new();
    json_bytes(j, "to", to, strlen(to));
    json_uint(j, "restored", result->restored);
    json_uint(j, "failed", result->failed);
    return json_print(j, stdout, err);
}

/* Exit code, or -errno. */
static int beside(const struct cli *cli, const char *at, const char *to, bool as_json,
                  struct error *err)
{
    CLEANUP(then_close) struct then then = THEN_NONE;
    struct putback result = {0};
    struct past_thing thing;
    char *path = NULL;
    TRY(then_open(cli, at, &then, err));
    int r = then_find(&then, cli->operands[0], &path, &thing, err);
    free(path);
    TRY(r);
    TRY(put_beside(&then, &thing, to, &result, err));
    TRY(print_result(&result, to, as_json, err));
    return result.failed ? EXIT_CONFLICT : EXIT_DONE;
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
    const char *at = NULL;
    const char *to = NULL;
    struct takeback back = {.verb = &verb,
                            .nothing = "nothing to restore: it is as it was then, as far as the "
                                       "journal knows",
                            .look = LOOK_NONE,
                            .screen = screen_of(stdout)};
    const struct cli_option options[] = {
        {"at", 0, OPTION_TEXT, &at, "WHEN", "a time, or '#N': before event N"},
        {"to", 0, OPTION_TEXT, &to, "DEST", "write it there; nothing may be there yet"},
        TAKEBACK_OPTIONS(back),
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (!at)
        return cli_misuse(&verb, "say when: --at 10m, --at 14:02, --at '#4711'");
    if (to && (back.dry_run || back.force || back.skip || back.dependents))
        return cli_misuse(&verb, "--to only writes what is not there: that option is for restoring "
                                 "in place");
    struct error err = ERROR_NONE;
    int r = to ? beside(cli, at, to, back.json, &err) : in_place(&back, cli, at, &err);
    takeback_release(&back);
    return r < 0 ? cli_fail(&err) : r;
}
