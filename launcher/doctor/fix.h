/* fix.h - what ccfs doctor may mend by itself: each of it safe, and none of it the user's files. */
#ifndef LAUNCHER_DOCTOR_FIX_H
#define LAUNCHER_DOCTOR_FIX_H

#include <sys/types.h>

#include "launcher/cli.h"

/* EXIT_USAGE: there is none of this name. */
MUST_USE int doctor_fix(const struct cli *cli, const char *name, struct error *err);

/* The folders that init makes, and their modes; false: no more. */
bool made_folder(size_t i, const char **name, mode_t *mode);

/* The kernel's switch: 'Y', 'N', 0: it has none. */
char uring_switch(void);

#endif
