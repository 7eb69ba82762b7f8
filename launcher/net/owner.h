/* owner.h - a user namespace in which there is one user: whoever we are now. */
#ifndef LAUNCHER_NET_OWNER_H
#define LAUNCHER_NET_OWNER_H

#include <sys/types.h>

#include "journal/base/error.h"

/* From now on we have this number, all capabilities within, none outside; as anybody but root they
 * are gone with the next exec. */
MUST_USE int owner_become(uid_t number, struct error *err);

#endif
