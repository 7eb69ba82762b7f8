/* rules.h - rules of a network, loaded in a session's network namespace by a container that has the
 * right to, and ends. */
#ifndef LAUNCHER_DOCKER_RULES_H
#define LAUNCHER_DOCKER_RULES_H

#include "launcher/docker/spec.h"

/* The session's holder runs.  s: names and workspace of it, and its wish where its home is to be
 * made.  rules: for nft -f. */
MUST_USE int rules_load(const struct engine *e, const struct spec *s, const struct strbuf *rules,
                        struct error *err);

#endif
