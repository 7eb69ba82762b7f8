/* container.h - one container of a session: made, started, fed and removed. */
#ifndef LAUNCHER_DOCKER_CONTAINER_H
#define LAUNCHER_DOCKER_CONTAINER_H

#include "launcher/docker/engine.h"

/* Says what the Engine warns of: limits that it cannot keep are never dropped silently. */
MUST_USE int container_create(const struct engine *e, const char *name, const struct strbuf *body,
                              struct error *err);

/* Its stdin, attached before it starts: it cannot run without us.  heard: its stdout and stderr
 * too, in frames, of which some may be there already; NULL: not wanted.  *life: fd_close(). */
MUST_USE int container_start(const struct engine *e, const char *name, int *life,
                             struct strbuf *heard, struct error *err);
/* All of it to its stdin, which stays open. */
MUST_USE int container_feed(int life, const struct strbuf *text, struct error *err);
MUST_USE int container_end_input(int life, struct error *err);

/* Kills and removes it; 0 when there is none. */
MUST_USE int container_drop(const struct engine *e, const char *name, struct error *err);

#endif
