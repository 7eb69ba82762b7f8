/* sidecar.h - the proxy of a session with an allowlist, in a container of its own beside the
 * agent's, in the same network namespace.
 *
 *   (1) It answers before sidecar_open() comes back, which is before the agent starts.
 *   (2) It alone may leave (its user id, which nobody else there has), and has no capability.
 *   (3) It ends with us, and when it ends by itself nobody leaves any more. */
#ifndef LAUNCHER_DOCKER_SIDECAR_H
#define LAUNCHER_DOCKER_SIDECAR_H

#include <sys/types.h>

#include "launcher/docker/spec.h"
#include "launcher/net/contacts.h"

struct sidecar {
    int life;  /* a connection: while it is open, the proxy lives */
    pid_t ear; /* a child of ours that hears what the proxy says; 0: none */
    int ended; /* pidfd of it: readable when the proxy has ended */
};
#define SIDECAR_NONE ((struct sidecar){.life = -1, .ended = -1})

/* Who it is. */
uint32_t sidecar_user(const struct workspace *w);
/* The namespace and the policy are there; contacts: filled by the ear.  *out: sidecar_end(), also
 * after an error. */
MUST_USE int sidecar_open(const struct engine *e, const struct spec *spec,
                          const struct net_wish *wish, struct contacts *contacts,
                          struct sidecar *out, struct error *err);
/* Ends the proxy; the contacts are whole afterwards. */
void sidecar_end(struct sidecar *s);

#endif
