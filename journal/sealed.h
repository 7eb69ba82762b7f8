/* sealed.h - private to journal/: before somebody relies on events, are they as they were sealed?
 *
 *   (1) Checked are the seals that cover an event, its end, its paths and its checksums; each once,
 * so that what many events rely on costs what one does. (2) What no seal covers yet passes: nothing
 * is known of it.
 *
 * Threads: one. */
#ifndef JOURNAL_SEALED_H
#define JOURNAL_SEALED_H

#include <stdint.h>

#include "journal/base/error.h"

struct sealed;

/* Over a connection of its own to the workspace's journal; *out is yours: sealed_close() it. */
MUST_USE int sealed_open(int root, struct sealed **out, struct error *err);
void sealed_close(struct sealed **s);
/* -EBADMSG: a seal that covers it does not fit. */
MUST_USE int sealed_check(struct sealed *s, uint64_t event, struct error *err);

#endif
