/* cmd_stats.c - ccfs stats: what a session's container uses of what it may. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"
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
    bool follow;
    bool json;
    bool headed;
    struct error error; /* of a line that could not be printed */
};

struct sample {
    double cpu_percent; /* of one processor */
    uint64_t memory;
    uint64_t memory_limit;
    uint64_t processes;
    uint64_t received;
    uint64_t sent;
};

static double part(const struct cJSON *v, const char *path, const char *before)
{
    double now = (double)json_at_number(v, path);
    double then = (double)json_at_number(v, before);
    return now > then ? now - then : 0;
}

/* The Engine gives counters; a share is their growth since its sample before. */
static double cpu_of(const struct cJSON *v)
{
    double used = part(v, "cpu_stats/cpu_usage/total_usage", "precpu_stats/cpu_usage/total_usage");
    double all = part(v, "cpu_stats/system_cpu_usage", "precpu_stats/system_cpu_usage");
    double cpus = (double)json_at_number(v, "cpu_stats/online_cpus");
    return all > 0 ? used / all * (cpus > 0 ? cpus : 1) * 100 : 0;
}

/* Without what is only cached: cgroup v1 calls it total_inactive_file, v2 inactive_file. */
static uint64_t memory_of(const struct cJSON *v)
{
    uint64_t usage = json_at_number(v, "memory_stats/usage");
    uint64_t cached = json_at_number(v, "memory_stats/stats/total_inactive_file");
    if (!cached)
        cached = json_at_number(v, "memory_stats/stats/inactive_file");
    return cached < usage ? usage - cached : usage;
}

static void sample_of(const struct cJSON *v, struct sample *out)
{
    *out = (struct sample){
        .cpu_percent = cpu_of(v),
        .memory = memory_of(v),
        .memory_limit = json_at_number(v, "memory_stats/limit"),
        .processes = json_at_number(v, "pids_stats/current"),
    };
    for (const struct cJSON *n = json_first(json_at(v, "networks")); n; n = json_next(n)) {
        out->received += json_at_number(n, "rx_bytes");
        out->sent += json_at_number(n, "tx_bytes");
    }
}

static int print_json(const struct sample *s, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(json_free) struct json *j = json_new();
    json_uint(j, "cpu_percent", (uint64_t)(s->cpu_percent + 0.5));
    json_uint(j, "memory", s->memory);
    json_uint(j, "memory_limit", s->memory_limit);
    json_uint(j, "processes", s->processes);
    json_uint(j, "received", s->received);
    json_uint(j, "sent", s->sent);
    TRY(json_line(j, &line, err));
    fputs(strbuf_text(&line), stdout);
    return 0;
}

static void print_row(struct stats *stats, const struct sample *s)
{
    if (!stats->headed)
        puts("    CPU            MEMORY  PROCESSES    RECEIVED        SENT");
    stats->headed = true;
    printf("%5.1f %%  %6" PRIu64 " of %5" PRIu64 " MiB  %9" PRIu64 "  %6" PRIu64 " KiB  %6" PRIu64
           " KiB\n",
           s->cpu_percent, s->memory >> 20, s->memory_limit >> 20, s->processes, s->received >> 10,
           s->sent >> 10);
}

static bool print(void *context, const struct cJSON *value)
{
    struct stats *stats = context;
    struct sample sample;
    sample_of(value, &sample);
    if (stats->json)
        (void)!print_json(&sample, &stats->error);
    else
        print_row(stats, &sample);
    return !stats->error.code && fflush(stdout) == 0;
}

/* The network belongs to the holder, the rest to the agent: each tells its own. */
static int run(struct cli *cli, struct stats *stats, struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    struct pod_state state;
    struct engine_lines lines = {.line = print, .context = stats};
    struct http_request request = {
        .method = "GET", .sink = engine_lines_take, .sink_context = &lines};
    TRY(target_open(cli, &stats->wish, &t, err));
    TRY(target_running(&t, &state, err));
    int r = engine_stream(&t.engine, &request, err, "/containers/%s/stats?stream=%s", t.names.agent,
                          stats->follow ? "true" : "false");
    strbuf_release(&lines.partial);
    if (stats->error.code)
        return error_say(err, stats->error.code, "%s", stats->error.message);
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
