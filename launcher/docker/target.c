/* target.c - see target.h. */
#include "launcher/docker/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/base/fd.h"
#include "launcher/docker/keeper.h"

#define WAITS 300
#define PAUSE_NS (100 * 1000 * 1000)

void target_close(struct target *t)
{
    engine_close(&t->engine);
    config_release(&t->config);
    workspace_close(&t->workspace);
}

int target_open(struct cli *cli, const struct target_wish *wish, struct target *out,
                struct error *err)
{
    TRY(spec_names_make(wish->name, &out->names, err));
    TRY(workspace_open_as_is(cli, &out->workspace, err));
    TRY(config_load(&out->workspace, &out->config, err));
    return engine_open(wish->host ? wish->host : out->config.container.host, &out->engine, err);
}

int target_running(const struct target *t, struct pod_state *out, struct error *err)
{
    TRY(pod_look(&t->engine, &t->names, out, err));
    if (out->running && pod_is_of(out, &t->workspace))
        return 0;
    return error_say(err, ENOENT, "%s does not run%s; first: ccfs start", t->names.agent,
                     out->running ? " on this workspace" : "");
}

/* The last thing that a keeper takes away is the holder. */
static int wait_for_keeper(const struct target *t, struct error *err)
{
    const struct timespec moment = {.tv_nsec = PAUSE_NS};
    for (int i = 0; i < WAITS; i++) {
        int r =
            engine_call(&t->engine, "GET", NULL, NULL, err, "/containers/%s/json", t->names.holder);
        if (r == -ENOENT)
            return 0;
        TRY(r);
        nanosleep(&moment, NULL);
    }
    return error_say(err, EBUSY, "%s does not end; see .ccfs/daemon.log", t->names.agent);
}

int target_stop(const struct target *t, bool *was, struct error *err)
{
    struct pod_state state;
    CLEANUP(fd_close) int lock = -1;
    TRY(session_lock(&t->workspace, &lock, err)); /* one that is starting is let start first */
    TRY(pod_look(&t->engine, &t->names, &state, err));
    if (state.there && !pod_is_of(&state, &t->workspace))
        return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT), "%s belongs to another workspace, %s",
                         t->names.agent, state.workspace);
    *was = state.running;
    if (state.paused)
        TRY(engine_call(&t->engine, "POST", NULL, NULL, err, "/containers/%s/unpause",
                        t->names.agent));
    if (state.running) {
        int r = engine_call(&t->engine, "POST", NULL, NULL, err, "/containers/%s/stop?t=5",
                            t->names.agent);
        if (r < 0 && r != -EALREADY && r != -ENOENT)
            return r;
        TRY(wait_for_keeper(t, err));
    }
    return pod_sweep_rest(&t->engine, &t->names, err);
}
