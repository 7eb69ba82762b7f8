/* cmd_cat.c - `ccfs cat`: what a file held at an earlier time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/fd.h"
#include "launcher/commands.h"
#include "launcher/render.h"
#include "launcher/then.h"

static const struct cli_verb verb = {
    .name = "cat",
    .usage = "PATH --at WHEN",
    .about =
        "Prints what the file that had that path at WHEN held then; also when it was renamed,\n"
        "changed or deleted since.  WHEN: a time (10m, today, 14:02, 2026-01-02T10:00), or an\n"
        "event: '#4711' is just before it.  Prints the right bytes or none.\n"
        "On a terminal, what would draw on it is escaped.\n",
    .examples = "  ccfs cat Documentation/plan.md --at 10m\n"
                "  ccfs cat Projects/site/index.html --at '#4711' >index.html\n",
    .operands_min = 1,
    .operands_max = 1,
};

/* -errno: it is no file. */
static int refuse_kind(struct then *then, const struct past_thing *thing, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf target = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    render_name(&name, *thing->path ? thing->path : ".");
    if (S_ISLNK(thing->attr.mode)) {
        TRY(past_target(then->past, thing, &target, err));
        render_name(&shown, strbuf_text(&target));
        return error_say(err, EINVAL, "%.200s was a symlink to %.200s then", strbuf_text(&name),
                         strbuf_text(&shown));
    }
    return error_say(err, EISDIR, "%.300s was no file then, but a %s", strbuf_text(&name),
                     S_ISDIR(thing->attr.mode) ? "folder" : type_name(thing->attr.mode));
}

static int print_file(struct cli *cli, const char *at, struct error *err)
{
    CLEANUP(then_close) struct then then = THEN_NONE;
    CLEANUP(fd_close) int fd = -1;
    struct past_thing thing;
    char *path = NULL;
    TRY(then_open(cli, at, &then, err));
    int r = then_find(&then, cli->operands[0], &path, &thing, err);
    free(path);
    TRY(r);
    if (!S_ISREG(thing.attr.mode))
        return refuse_kind(&then, &thing, err);
    TRY(past_content(then.past, &thing, &fd, err));
    return then_print(fd, "the old content", err);
}

int cmd_cat(struct cli *cli, int argc, char **argv)
{
    const char *at = NULL;
    const struct cli_option options[] = {
        {"at", 0, OPTION_TEXT, &at, "WHEN", "a time, or '#N': before event N"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (!at)
        return cli_misuse(&verb, "say when: --at 10m, --at 14:02, --at '#4711'");
    struct error err = ERROR_NONE;
    int r = print_file(cli, at, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
