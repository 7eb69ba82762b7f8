/* retention.h - how long and how much is kept: the limits as they are configured, typed and shown.
 */
#ifndef LAUNCHER_RETENTION_H
#define LAUNCHER_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/strbuf.h"
#include "journal/gc.h"

/* 13 months of events, 20 GiB of old contents, packed after a week, and whatever the last session
 * did. */
#define RETENTION_DEFAULTS                                                                         \
    {                                                                                              \
        .events_age_s = UINT64_C(396) * 86400, .vault_bytes = UINT64_C(20) << 30,                  \
        .keep_sessions = 1, .pack_after_s = UINT64_C(7) * 86400,                                   \
    }

/* "90s", "30m", "12h", "30d", "8w", "13mo", "2y"; "none": 0. */
bool retention_parse_age(const char *text, uint64_t *seconds);

/* The limits as words of a request to the daemon ("vault_bytes=N …"). */
void retention_add(struct strbuf *request, const struct gc_limits *limits);

#endif
