/* image_scan.h - ccfs image scan: what a scanner found, for people and for programs. */
#ifndef LAUNCHER_IMAGE_SCAN_H
#define LAUNCHER_IMAGE_SCAN_H

#include "launcher/docker/scan.h"

/* fail_on: a severity, from which on a finding is an error; NULL: none is.  Then it is also one
 * that something could not be looked at. */
MUST_USE int image_scan(const struct engine *e, const struct scan_wish *wish, const char *fail_on,
                        bool json, struct error *err);

#endif
