/* unfinished.h - an undo that was cut off: finished, or what it had done taken back.
 *
 * Who works on the tree next (a mount, another undo) finishes it first; who only looks leaves it.
 */
#ifndef LAUNCHER_UNFINISHED_H
#define LAUNCHER_UNFINISHED_H

#include "journal/undo.h"
#include "launcher/look.h"

enum unfinished_wish {
    UNFINISHED_RESUME,
    UNFINISHED_ABORT,
};

/* Finishes what is there. */
MUST_USE int unfinished_resume(struct look *look, unsigned *finished, struct error *err);
/* A line on stderr where one is unfinished: what to do. */
void unfinished_tell(const struct look *look);
/* `ccfs undo --resume | --abort`; how: bits of enum undo_how.  Exit code, or -errno. */
MUST_USE int unfinished_settle(struct look *look, enum unfinished_wish wish, unsigned how,
                               bool json, struct error *err);

#endif
