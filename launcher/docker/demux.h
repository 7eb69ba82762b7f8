/* demux.h - stdout and stderr out of the one stream in which the Engine sends them.
 *
 * A frame: one byte for the stream, three zeros, four for the length (big-endian), its bytes. */
#ifndef LAUNCHER_DOCKER_DEMUX_H
#define LAUNCHER_DOCKER_DEMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* fd: 1 or 2.  false: enough. */
typedef bool demux_sink(void *context, int fd, const char *data, size_t bytes);

struct demux {
    bool plain; /* a terminal's: no frames, all of it is 1 */
    unsigned char head[8];
    size_t have;   /* of head */
    uint32_t left; /* of the frame's bytes */
    demux_sink *sink;
    void *context;
};

/* In pieces as they come.  false: that is no such stream, or the sink had enough. */
bool demux_feed(struct demux *d, const char *data, size_t bytes);
/* The same as the sink of an answer, whose context is a struct demux. */
bool demux_take(void *demux, const char *data, size_t bytes);

#endif
