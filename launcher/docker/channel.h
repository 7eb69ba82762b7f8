/* channel.h - our stdin, stdout and stderr at one end, a connection of the Engine's at the other.
 */
#ifndef LAUNCHER_DOCKER_CHANNEL_H
#define LAUNCHER_DOCKER_CHANNEL_H

#include <stdbool.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

struct channel {
    int fd;              /* taken over */
    struct strbuf early; /* what came with its head */
    bool plain;          /* a terminal's: no frames */
    int signals;
    void (*resize)(void *context);
    void (*forward)(void *context, int signal);
    void *context;
};
#define CHANNEL_NONE ((struct channel){.fd = -1, .signals = -1})

/* From here on signals are for the command. */
MUST_USE int channel_signals(struct channel *c, struct error *err);
/* Until the other end has said all it had. */
MUST_USE int channel_relay(struct channel *c, struct error *err);
void channel_close(struct channel *c); /* CLEANUP(channel_close) */

#endif
