/* socket.h - where the Engine listens: as its own command line would find it. */
#ifndef LAUNCHER_DOCKER_SOCKET_H
#define LAUNCHER_DOCKER_SOCKET_H

#include "journal/base/error.h"

/* given (--docker-host), DOCKER_HOST, the context that DOCKER_CONTEXT or ~/.docker/config.json
 * names, the system's socket, the user's own (rootless).  *out: free().  Refused: an Engine on
 * another machine, which cannot have the mount. */
MUST_USE int docker_socket_find(const char *given, char **out, struct error *err);

#endif
