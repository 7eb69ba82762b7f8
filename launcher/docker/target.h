/* target.h - which session a verb is about: workspace, configuration, Engine and name. */
#ifndef LAUNCHER_DOCKER_TARGET_H
#define LAUNCHER_DOCKER_TARGET_H

#include "launcher/docker/pod.h"

struct target {
    struct workspace workspace;
    struct config config;
    struct engine engine;
    struct spec_names names;
};
#define TARGET_NONE ((struct target){.workspace = WORKSPACE_NONE})

/* Borrowed; NULL: not said. */
struct target_wish {
    const char *host;
    const char *name;
};
#define TARGET_OPTIONS(wish)                                                                       \
    DOCKER_HOST_OPTION((wish).host),                                                               \
    {                                                                                              \
        "name", 'n', OPTION_TEXT, &(wish).name, "NAME", "of the session (else the first one)"      \
    }

/* *out: target_close(), also after an error. */
MUST_USE int target_open(struct cli *cli, const struct target_wish *wish, struct target *out,
                         struct error *err);
void target_close(struct target *t); /* CLEANUP(target_close) */

/* Its session runs, and on this workspace; else says how to start it. */
MUST_USE int target_running(const struct target *t, struct pod_state *out, struct error *err);
/* Ends it and waits until its keeper has; *was: one ran. */
MUST_USE int target_stop(const struct target *t, bool *was, struct error *err);

#endif
