/* cmd_backup.c - `ccfs backup`: the workspace as one archive. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "launcher/backup.h"
#include "launcher/commands.h"
#include "launcher/json.h"

static const struct cli_verb verb = {
    .name = "backup",
    .usage = "[FILE] [OPTION…]",
    .about =
        "Packs the workspace as it is now into one archive (tar, gzip), with owners, times,\n"
        "extended attributes, links and holes; sessions may go on meanwhile.  FILE: where to;\n"
        "~/claude-workspace-YYYYMMDD-HHMMSS.tar.gz if none is named.  Never over a file that is\n"
        "there.  ccfs restore-backup unpacks it.\n",
    .examples = "  ccfs backup\n"
                "  ccfs backup /mnt/disk/work.tar.gz --with-journal\n"
                "  ccfs backup --exclude node_modules --exclude 'Projects/*/build'\n",
    .operands_max = 1,
};

static int print_json(const struct backup_result *result, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_bytes(j, "file", result->file, strlen(result->file));
    json_text(j, "sha256", result->sha256);
    json_uint(j, "entries", result->entries);
    json_uint(j, "bytes", result->bytes);
    json_uint(j, "rebuilt", result->rebuilt);
    json_uint(j, "as_is", result->as_is);
    json_uint(j, "left_out", result->left_out);
    return json_print(j, stdout, err);
}

static void print_as_is(const struct backup_result *result)
{
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    render_name(&name, result->first_as_is);
    fprintf(stderr,
            "ccfs: %" PRIu64 " of them %s being written, and packed as they were a moment later: "
            "%.300s%s\n",
            result->as_is, result->as_is == 1 ? "was" : "were", strbuf_text(&name),
            result->as_is == 1 ? "" : " …");
}

static void print_result(const struct backup_result *result)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    render_plural(&line, result->entries, "file and folder", "files and folders");
    strbuf_add_text(&line, "  ");
    render_size(&line, result->bytes);
    strbuf_add_text(&line, "  ");
    render_name(&line, result->file);
    if (result->rebuilt)
        strbuf_add_format(&line, "\n%" PRIu64 " changed meanwhile, and are in it as they were",
                          result->rebuilt);
    strbuf_add_format(&line, "\nsha256 %s\nback: ccfs restore-backup ", result->sha256);
    render_name(&line, result->file);
    strbuf_add_text(&line, " DIR");
    puts(strbuf_text(&line));
}

static int make(const struct cli *cli, const struct backup_wish *wish, bool as_json,
                struct error *err)
{
    CLEANUP(look_close) struct look look = LOOK_NONE;
    CLEANUP(backup_result_release) struct backup_result result = {0};
    TRY(look_open(cli, &look, err));
    int r = backup_make(&look, wish, &result, err);
    if (wish->screen->terminal)
        fputs("\r\033[K", wish->screen->out);
    TRY(r);
    if (result.as_is)
        print_as_is(&result);
    if (as_json)
        TRY(print_json(&result, err));
    else
        print_result(&result);
    return backup_is_whole(&result, err);
}

int cmd_backup(struct cli *cli, int argc, char **argv)
{
    struct cli_list exclude = {0};
    bool as_json = false;
    struct screen screen = screen_of(stderr);
    struct backup_wish wish = {.exclude = &exclude, .screen = &screen};
    const struct cli_option options[] = {
        {"exclude", 0, OPTION_LIST, &exclude, "GLOB",
         "leave out what matches, and what is below it (may be given several times)"},
        {"with-journal", 0, OPTION_FLAG, &wish.with_journal, NULL,
         "with the journal, the vault and the configuration"},
        {"json", 'j', OPTION_FLAG, &as_json, NULL, "the result as one JSON object"},
    };
    struct error err = ERROR_NONE;
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (cli->operand_count)
        wish.file = cli->operands[0];
    return make(cli, &wish, as_json, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
