/* follow.h - what comes, as it comes. */
#ifndef LAUNCHER_FOLLOW_H
#define LAUNCHER_FOLLOW_H

#include "launcher/look.h"

/* Everything that fits the filter, then once a second what came since; each event once, by
 * ascending number, but that a write session is told when it has ended.  flush() follows whatever
 * each() was told.  A daemon may come and go meanwhile. Ends when nobody reads stdout any more (0),
 * or with an error. */
MUST_USE int follow(struct look *look, const struct history_filter *filter, history_each *each,
                    int (*flush)(void *context), void *context, struct error *err);

#endif
