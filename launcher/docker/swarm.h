/* swarm.h - Docker's own secrets, where the Engine manages a swarm, read for a session.
 *
 * The Engine tells nobody their values and gives them to services only, never to a container that
 * is started by itself.  So a service of one task, which does nothing, is made on this machine with
 * those that are wanted; a command in it says them, and it goes. */
#ifndef LAUNCHER_DOCKER_SWARM_H
#define LAUNCHER_DOCKER_SWARM_H

#include "launcher/docker/spec.h"
#include "launcher/secrets.h"

/* A secret of Docker's takes the place of ours of the same name; one that is to become a variable
 * need not be among ours.  s: names, workspace, secrets (NULL: no variables).  Where the Engine
 * manages no swarm, nothing is done. */
MUST_USE int swarm_take_secrets(const struct engine *e, const struct spec *s, struct secrets *all,
                                struct error *err);

#endif
