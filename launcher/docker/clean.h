/* clean.h - takes away what sessions of a workspace left in the Engine. */
#ifndef LAUNCHER_DOCKER_CLEAN_H
#define LAUNCHER_DOCKER_CLEAN_H

#include "launcher/docker/target.h"

struct cleaned {
    unsigned containers;
    bool shared; /* network and images too */
};
/* Ends its sessions first. */
MUST_USE int clean_workspace(struct target *t, struct cleaned *out, struct error *err);

#endif
