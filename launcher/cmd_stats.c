/* cmd_stats.c - ccfs stats: what a session's container uses of what it may. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"
#include "launcher/docker/usage.h"
#include "launcher/json.h"

static const struct cli_verb verb = {
    .name = "stats",
    .usage = "[--name NAME] [--follow] [--json]",
    .about = "How much processor, memory and network a session's container uses, once or, with "
             "--follow,\n"
             "every second until it ends.\n",
    .examples = "  ccfs stats\n  ccfs stats --follow --json\n",
};

struct stats {
    struct target_wish wish;
    const struct target *target;
    bool follow;
    bool json;
    bool headed;
    struct error error; /* of a line that could not be printed */
};

static int print_json(const struct usage *s, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_uint(j, "cpu_percent", (uint64_t)(s->cpu_percent + 0.5));
    json_uint(j, "memory", s->memory);
    json_uint(j, "memory_limit", s->memory_limit);
    json_uint(j, "processes", s->processes);
    json_uint(j, "received", s->received);
    json_uint(j, "sent", s->sent);
    return json_print(j, stdout, err);
}

static void print_row(struct stats *stats, const struct usage *s)
{
    if (!stats->headed)
        puts("    CPU            MEMORY  PROCESSES    RECEIVED        SENT");
    stats->headed = true;
    printf("%5.1f %%  %6" PRIu64 " of %5" PRIu64 " MiB  %9" PRIu64 "  %6" PRIu64 " KiB  %6" PRIu64
           " KiB\n",
           s->cpu_percent, s->memory >> 20, s->memory_limit >> 20, s->processes, s->received >> 10,
           s->sent >> 10);
}

/* The network is the holder's, which tells of it; with none there is nothing to tell. */
static bool add_network(struct stats *stats, struct usage *sample)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    struct usage holder;
    if (engine_call(&stats->target->engine, "GET", NULL, &said, &stats->error,
                    "/containers/%s/stats?stream=false&one-shot=true",
                    stats->target->names.holder) < 0)
        return false;
    usage_read(said, &holder);
    sample->received = holder.received;
    sample->sent = holder.sent;
    return true;
}

static bool print(void *context, const struct cJSON *value)
{
    struct stats *stats = context;
    struct usage sample;
    usage_read(value, &sample);
    if (!add_network(stats, &sample))
        return false;
    if (stats->json)
        (void)!print_json(&sample, &stats->error);
    else
        print_row(stats, &sample);
    return !stats->error.code && fflush(stdout) == 0;
}

static int run(struct cli *cli, struct stats *stats, struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    struct pod_state state;
    struct engine_lines lines = {.line = print, .context = stats};
    struct http_request request = {
        .method = "GET", .sink = engine_lines_take, .sink_context = &lines};
    TRY(target_open(cli, &stats->wish, &t, err));
    TRY(target_running(&t, &state, err));
    stats->target = &t;
    int r = engine_stream(&t.engine, &request, err, "/containers/%s/stats?stream=%s", t.names.agent,
                          stats->follow ? "true" : "false");
    strbuf_release(&lines.partial);
    TRY(error_pass(err, &stats->error));
    return r;
}

int cmd_stats(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct stats stats = {.json = false};
    const struct cli_option options[] = {
        TARGET_OPTIONS(stats.wish),
        {"follow", 'f', OPTION_FLAG, &stats.follow, NULL, "a line every second"},
        {"json", 0, OPTION_FLAG, &stats.json, NULL, "JSON Lines"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    return run(cli, &stats, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
