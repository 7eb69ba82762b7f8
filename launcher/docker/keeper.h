/* keeper.h - the process that a session in a container lives by: ccfs start, in the background.
 *
 *   (1) It holds the containers' stdin and the daemon's connection: killed, it takes them along.
 *   (2) A daemon that died is started again, and the container gets the new mount; where that is
 *       not possible, the session ends. */
#ifndef LAUNCHER_DOCKER_KEEPER_H
#define LAUNCHER_DOCKER_KEEPER_H

#include "launcher/docker/pod.h"

/* All borrowed. */
struct keeper_order {
    const struct engine *engine;
    const struct workspace *workspace;
    const struct config *config;
    const struct spec_names *names;
    const struct cli_list *env;
    int ready; /* for daemon_tell_ready(); -1: nobody waits */
};
/* Until the session ends.  An error: it never began, or was lost. */
MUST_USE int session_keep(const struct keeper_order *order, struct error *err);

/* One at a time makes and removes a workspace's containers.  *out: fd_close(). */
MUST_USE int session_lock(const struct workspace *w, int *out, struct error *err);

#endif
