/* demux.c - see demux.h. */
#include "launcher/docker/demux.h"

#include <string.h>

/* false: not the head of a frame. */
static bool take_head(struct demux *d)
{
    const unsigned char *h = d->head;
    d->have = 0;
    d->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    return h[0] <= 2 && h[1] == 0 && h[2] == 0 && h[3] == 0;
}

bool demux_feed(struct demux *d, const char *data, size_t bytes)
{
    if (d->plain)
        return d->sink(d->context, 1, data, bytes);
    while (bytes > 0) {
        size_t n = bytes;
        if (d->left == 0) {
            size_t want = sizeof d->head - d->have;
            n = n < want ? n : want;
            memcpy(d->head + d->have, data, n);
            d->have += n;
            if (d->have == sizeof d->head && !take_head(d))
                return false;
        } else {
            n = n < d->left ? n : d->left;
            d->left -= (uint32_t)n;
            if (!d->sink(d->context, d->head[0] == 2 ? 2 : 1, data, n))
                return false;
        }
        data += n;
        bytes -= n;
    }
    return true;
}

bool demux_take(void *demux, const char *data, size_t bytes)
{
    return demux_feed(demux, data, bytes);
}
