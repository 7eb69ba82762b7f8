/* cmd_redo.c - `ccfs redo`: takes an undo back, so that what it undid is there again. */
#include <inttypes.h>
#include <stdlib.h>

#include "journal/base/clock.h"
#include "launcher/commands.h"
#include "launcher/takeback.h"

static const struct cli_verb verb = {
    .name = "redo",
    .usage = "[UNDO-EVENT] [OPTION…]",
    .about = "Takes an undo back: what it had undone is there again.  Without a number: the last "
             "undo.\n"
             "Shows what it is going to do, and asks.  A redo is an undo like any other, with a "
             "number\n"
             "of its own: ccfs redo NUMBER takes that back.\n",
    .examples = "  ccfs redo\n"
                "  ccfs redo 4711 --dry-run\n"
                "  ccfs history --op undo      which undos there were\n",
    .operands_max = 1,
};

static int misuse(struct error *err, const char *typed)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    render_name(&shown, typed);
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "\"%.60s\" is no number of an undo; see: ccfs history --op undo",
                     strbuf_text(&shown));
}

static int keep_time(const struct event *e, void *context)
{
    int64_t *time = context;
    *time = e->time;
    return 0;
}

/* "undo #4711 (today 14:05)" */
static int write_title(struct takeback *back, uint64_t undo, struct error *err)
{
    int64_t time = 0;
    TRY(history_event(back->look.history, undo, keep_time, &time, err));
    strbuf_add_format(&back->title, "undo #%" PRIu64 " (", undo);
    render_moment(&back->title, time, clock_now_ns());
    strbuf_add_text(&back->title, ")");
    return 0;
}

static int choose(struct takeback *back, const char *typed, struct error *err)
{
    int root = back->look.workspace.root;
    uint64_t undo = 0;
    if (typed && !look_event_number(typed, &undo, NULL))
        return misuse(err, typed);
    if (typed)
        back->nothing = "nothing to redo: that undo changed nothing, or was taken back before";
    else
        TRY(undo_last(root, &undo, err));
    if (!undo)
        return 0;
    TRY(undo_steps(root, undo, &back->ids, &back->count, err));
    back->room = back->count;
    return write_title(back, undo, err);
}

static int redo(struct takeback *back, const struct cli *cli, struct error *err)
{
    const char *typed = cli->operand_count ? cli->operands[0] : NULL;
    TRY(takeback_open(back, cli, err));
    TRY(choose(back, typed, err));
    return takeback_run(back, err);
}

int cmd_redo(struct cli *cli, int argc, char **argv)
{
    struct takeback back = {
        .verb = &verb,
        .nothing = "nothing to redo: there is no undo that was not taken back",
        .redo = true,
        .look = LOOK_NONE,
        .screen = screen_of(stdout),
    };
    const struct cli_option options[] = {
        TAKEBACK_OPTIONS(back),
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    struct error err = ERROR_NONE;
    int r = redo(&back, cli, &err);
    takeback_release(&back);
    return r < 0 ? cli_fail(&err) : r;
}
