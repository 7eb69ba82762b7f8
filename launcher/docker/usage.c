/* usage.c - see usage.h. */
#include "launcher/docker/usage.h"

static double growth(const struct cJSON *v, const char *path, const char *before)
{
    double now = (double)json_at_number(v, path);
    double then = (double)json_at_number(v, before);
    return now > then ? now - then : 0;
}

/* The Engine gives counters; a share is their growth since its sample before. */
static double cpu_of(const struct cJSON *v)
{
    double used =
        growth(v, "cpu_stats/cpu_usage/total_usage", "precpu_stats/cpu_usage/total_usage");
    double all = growth(v, "cpu_stats/system_cpu_usage", "precpu_stats/system_cpu_usage");
    double cpus = (double)json_at_number(v, "cpu_stats/online_cpus");
    return all > 0 ? used / all * (cpus > 0 ? cpus : 1) * 100 : 0;
}

/* cgroup v1 calls what is only cached total_inactive_file, v2 inactive_file. */
static uint64_t memory_of(const struct cJSON *v)
{
    uint64_t usage = json_at_number(v, "memory_stats/usage");
    uint64_t cached = json_at_number(v, "memory_stats/stats/total_inactive_file");
    if (!cached)
        cached = json_at_number(v, "memory_stats/stats/inactive_file");
    return cached < usage ? usage - cached : usage;
}

void usage_read(const struct cJSON *said, struct usage *out)
{
    *out = (struct usage){
        .cpu_percent = cpu_of(said),
        .memory = memory_of(said),
        .memory_limit = json_at_number(said, "memory_stats/limit"),
        .processes = json_at_number(said, "pids_stats/current"),
    };
    for (const struct cJSON *n = json_first(json_at(said, "networks")); n; n = json_next(n)) {
        out->received += json_at_number(n, "rx_bytes");
        out->sent += json_at_number(n, "tx_bytes");
    }
}
