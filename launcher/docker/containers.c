/* containers.c - see containers.h. */
#include "launcher/docker/containers.h"

#include <stdio.h>
#include <string.h>

int containers_list(const struct engine *e, struct cJSON **out, struct error *err)
{
    return engine_call(e, "GET", NULL, out, err,
                       "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22" LABEL_SESSION
                       "%%22%%5D%%7D");
}

bool container_is_of(const struct cJSON *container, const struct workspace *w)
{
    struct pod_state state = {0};
    const char *workspace = json_at_text(json_at(container, "Labels"), LABEL_WORKSPACE);
    snprintf(state.workspace, sizeof state.workspace, "%s", workspace ? workspace : "");
    return pod_is_of(&state, w);
}

bool container_names(const struct cJSON *container, struct spec_names *out)
{
    const char *session = json_at_text(json_at(container, "Labels"), LABEL_SESSION);
    size_t n = strlen(DOCKER_CONTAINER);
    if (!session || strncmp(session, DOCKER_CONTAINER, n) != 0)
        return false;
    return spec_names_make(session[n] == '-' ? session + n + 1 : "", out, NULL) == 0;
}

const char *container_part(const struct cJSON *container)
{
    return json_at_text(json_at(container, "Labels"), LABEL_PART);
}
