/* give.h - a session's secrets, brought into its container.
 *
 * By the stdin of a command that unpacks them in there: neither the request that makes the
 * container nor any other that the Engine shows or logs has a value in it. */
#ifndef LAUNCHER_DOCKER_GIVE_H
#define LAUNCHER_DOCKER_GIVE_H

#include "launcher/docker/spec.h"

/* The agent's container runs, and nothing of the agent's in it. */
MUST_USE int give_secrets(const struct engine *e, const struct spec *s, struct error *err);

#endif
