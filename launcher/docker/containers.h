/* containers.h - which containers in the Engine are ours, and whose. */
#ifndef LAUNCHER_DOCKER_CONTAINERS_H
#define LAUNCHER_DOCKER_CONTAINERS_H

#include "launcher/docker/pod.h"

/* Everything with a session's label of ours, running or not; *out: json_tree_free(). */
MUST_USE int containers_list(const struct engine *e, struct cJSON **out, struct error *err);
/* Of one in the list: */
bool container_is_of(const struct cJSON *container, const struct workspace *w);
const char *container_part(const struct cJSON *container); /* "agent" …; NULL: not said */
/* "claude-code-env-night" is the session night. */
bool container_names(const struct cJSON *container, struct spec_names *out);

#endif
