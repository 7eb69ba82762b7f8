/* lost_proxy.h - whether a session with an allowlist went on without its proxy, by the journal. */
#ifndef LAUNCHER_LOST_PROXY_H
#define LAUNCHER_LOST_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/history.h"

MUST_USE int lost_proxy(struct history *h, uint64_t session, bool *out, struct error *err);

#endif
