/* usage.h - what a container uses, out of what the Engine says of it under cgroup v1 and v2. */
#ifndef LAUNCHER_DOCKER_USAGE_H
#define LAUNCHER_DOCKER_USAGE_H

#include "launcher/json_read.h"

struct usage {
    double cpu_percent; /* of one processor, since the sample before */
    uint64_t memory;    /* without what is only cached */
    uint64_t memory_limit;
    uint64_t processes;
    uint64_t received;
    uint64_t sent;
};

/* What is not there is 0. */
void usage_read(const struct cJSON *said, struct usage *out);

#endif
