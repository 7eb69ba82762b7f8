/* when.h - a point in time as a person types it.
 *
 *   10m 2h 3d 90s 1w        so long ago
 *   now today yesterday     today and yesterday: their midnight
 *   14:02 14:02:11          today
 *   2026-01-02              its midnight
 *   2026-01-02T10:00[:SS[.fraction]][Z|+HH:MM]   also with a space instead of the T
 *
 * Local time, unless it ends with Z or an offset. */
#ifndef LAUNCHER_WHEN_H
#define LAUNCHER_WHEN_H

#include <stdint.h>

#include "journal/base/error.h"

/* now: UTC ns.  *out: UTC ns, always above 0.  -EINVAL with a sentence. */
MUST_USE int when_parse(const char *text, int64_t now, int64_t *out, struct error *err);

#endif
