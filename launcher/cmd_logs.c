/* cmd_logs.c - ccfs logs: what a session's container said, also after it ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/commands.h"
#include "launcher/docker/demux.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"

static const struct cli_verb verb = {
    .name = "logs",
    .usage = "[--name NAME] [--follow] [--tail N]",
    .about =
        "What a session's container said: commands that exec --detach left running, and what "
        "writes to\n"
        "/proc/1/fd/1 in there.  On a terminal, control characters are shown and not obeyed.\n",
    .examples = "  ccfs logs --follow\n  ccfs logs --tail 20 --timestamps\n",
};

struct logs {
    struct target_wish wish;
    bool follow;
    bool timestamps;
    uint64_t tail;
};

/* What comes from inside must not steer the person's terminal. */
static bool show(void *context, int fd, const char *data, size_t bytes)
{
    const bool *escaped = context;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    if (!escaped[fd - 1])
        return fd_write_all(fd, data, bytes) == 0;
    text_escape_content(&safe, data, bytes);
    return !safe.failed && fd_write_all(fd, strbuf_text(&safe), safe.bytes) == 0;
}

static int print(struct cli *cli, const struct logs *logs, struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    struct pod_state state;
    char tail[24] = "all";
    bool escaped[2] = {isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1};
    struct demux demux = {.sink = show, .context = escaped};
    struct http_request request = {.method = "GET", .sink = demux_take, .sink_context = &demux};
    TRY(target_open(cli, &logs->wish, &t, err));
    TRY(pod_look(&t.engine, &t.names, &state, err));
    if (!state.there || !pod_is_of(&state, &t.workspace))
        return error_say(err, ENOENT, "there is no %s on this workspace", t.names.agent);
    if (logs->tail)
        snprintf(tail, sizeof tail, "%llu", (unsigned long long)logs->tail);
    return engine_stream(&t.engine, &request, err,
                         "/containers/%s/logs?stdout=1&stderr=1&tail=%s&follow=%d&timestamps=%d",
                         t.names.agent, tail, logs->follow, logs->timestamps);
}

int cmd_logs(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct logs logs = {.tail = 0};
    const struct cli_option options[] = {
        TARGET_OPTIONS(logs.wish),
        {"follow", 'f', OPTION_FLAG, &logs.follow, NULL, "go on with what comes"},
        {"tail", 0, OPTION_NUMBER, &logs.tail, "N", "only the last N lines"},
        {"timestamps", 't', OPTION_FLAG, &logs.timestamps, NULL, "with the time of each line"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    return print(cli, &logs, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
