/* network.h - the bridge that sessions in containers are on, made when it is not there. */
#ifndef LAUNCHER_DOCKER_NETWORK_H
#define LAUNCHER_DOCKER_NETWORK_H

#include <netinet/in.h>

#include "launcher/docker/engine.h"

/* 172.28.0.0/24, or the first one after it that is free, with a line that says so.  Refused: a
 * network of this name that is somebody else's.  gateway: this machine's own address there, from
 * which it asks those that are on it. */
MUST_USE int network_ensure(const struct engine *e, struct in_addr *gateway, struct error *err);
/* 0 when there is none. */
MUST_USE int network_remove(const struct engine *e, struct error *err);

#define NETWORK_SUBNET_LIMIT 32
/* The n-th subnet to try and its gateway, each 24 bytes. */
void network_subnet(unsigned n, char *subnet, char *gateway);

#endif
