/* image_scan.h - ccfs image scan: what a scanner found, for people and for programs. */
#ifndef LAUNCHER_IMAGE_SCAN_H
#define LAUNCHER_IMAGE_SCAN_H

#include "launcher/docker/scan.h"

/* What --fail-on says; NULL: SEVERITY_COUNT. */
MUST_USE int image_scan_level(const char *word, enum severity *out, struct error *err);

/* level: from this on a finding is an error, and it is also one that something could not be looked
 * at; SEVERITY_COUNT: no finding is. */
MUST_USE int image_scan(const struct engine *e, const struct scan_wish *wish, enum severity level,
                        bool json, struct error *err);

#endif
