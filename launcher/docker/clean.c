/* clean.c - see clean.h. */
#include "launcher/docker/clean.h"

#include <string.h>

#include "launcher/docker/containers.h"
#include "launcher/docker/image.h"
#include "launcher/docker/network.h"

int clean_workspace(struct target *t, struct cleaned *out, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *all = NULL;
    unsigned images = 0;
    bool others = false;
    *out = (struct cleaned){0};
    TRY(containers_list(&t->engine, &all, err));
    for (const struct cJSON *c = json_first(all); c; c = json_next(c)) {
        bool was = false;
        if (!container_is_of(c, &t->workspace)) {
            others = true;
            continue;
        }
        if (!container_names(c, &t->names))
            continue;
        const char *part = container_part(c);
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
