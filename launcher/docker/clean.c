/* clean.c - see clean.h. */
#include "launcher/docker/clean.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/docker/image.h"
#include "launcher/docker/network.h"

/* Everything with a label of ours, running or not. */
static int list_all(const struct engine *e, struct cJSON **out, struct error *err)
{
    return engine_call(e, "GET", NULL, out, err,
                       "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22" LABEL_SESSION
                       "%%22%%5D%%7D");
}

static bool is_of(const struct cJSON *container, const struct workspace *w)
{
    struct pod_state state = {0};
    const char *workspace = json_at_text(json_at(container, "Labels"), LABEL_WORKSPACE);
    snprintf(state.workspace, sizeof state.workspace, "%s", workspace ? workspace : "");
    return pod_is_of(&state, w);
}

/* "claude-code-env-night" is the session night. */
static bool names_of(const struct cJSON *container, struct spec_names *out)
{
    const char *session = json_at_text(json_at(container, "Labels"), LABEL_SESSION);
    size_t n = strlen(DOCKER_CONTAINER);
    if (!session || strncmp(session, DOCKER_CONTAINER, n) != 0)
        return false;
    return spec_names_make(session[n] == '-' ? session + n + 1 : "", out, NULL) == 0;
}

int clean_workspace(struct target *t, struct cleaned *out, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *all = NULL;
    unsigned images = 0;
    bool others = false;
    *out = (struct cleaned){0};
    TRY(list_all(&t->engine, &all, err));
    for (const struct cJSON *c = json_first(all); c; c = json_next(c)) {
        bool was = false;
        if (!is_of(c, &t->workspace)) {
            others = true;
            continue;
        }
        if (!names_of(c, &t->names))
            continue;
        const char *part = json_at_text(json_at(c, "Labels"), LABEL_PART);
        TRY(target_stop(t, &was, err));
        TRY(pod_sweep(&t->engine, &t->names, err));
        TRY(pod_drop_home(&t->engine, &t->names, err));
        out->containers += part && strcmp(part, "agent") == 0;
    }
    if (others)
        return 0;
    TRY(network_remove(&t->engine, err));
    TRY(image_remove(&t->engine, &images, err));
    out->shared = true;
    return 0;
}
