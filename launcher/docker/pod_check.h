/* pod_check.h - what must not be shown to a container, whatever the configuration says. */
#ifndef LAUNCHER_DOCKER_POD_CHECK_H
#define LAUNCHER_DOCKER_POD_CHECK_H

#include "launcher/config.h"
#include "launcher/docker/engine.h"

/* Each extra mount: there, and neither the Engine's socket, nor the workspace's own folder, nor the
 * kernel's, nor anything that holds one of them. */
MUST_USE int pod_check_mounts(const struct engine *e, const struct workspace *w,
                              const struct container_wish *wish, struct error *err);

/* A profile that the Engine would pass over without a word. */
MUST_USE int pod_check_profiles(const struct engine *e, const struct container_wish *wish,
                                struct error *err);

/* With an allowlist: nobody in there may take the proxy's user id. */
MUST_USE int pod_check_user(const struct container_wish *wish, struct error *err);

#endif
