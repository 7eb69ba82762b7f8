/* scan_files.h - files of the image, read by the Engine without anything of it being run. */
#ifndef LAUNCHER_DOCKER_SCAN_FILES_H
#define LAUNCHER_DOCKER_SCAN_FILES_H

#include "launcher/docker/engine.h"

/* Two files of Debian's: which packages are installed, and which release that is (a code name). */
struct scan_packages {
    struct strbuf status;
    char release[32];
};
void scan_packages_release(struct scan_packages *p); /* CLEANUP(scan_packages_release) */
MUST_USE int scan_packages_read(const struct engine *e, const char *image,
                                struct scan_packages *out, struct error *err);

#endif
