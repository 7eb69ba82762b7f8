/* timeline.h - the reference model of undo: what the tree was at each moment, and what it must be
 * again once what came after is taken back.
 *
 * A mount is asked as a user's command asks it; each step that goes wrong fails the test, with the
 * lines in which the trees differ. */
#ifndef TESTS_SUPPORT_TIMELINE_H
#define TESTS_SUPPORT_TIMELINE_H

#include "tests/support/mount.h"

struct moment {
    char *tree;     /* tree_text() of the workspace */
    uint64_t event; /* the last one before it */
};

/* All handles must be closed: a write session has one event, at its end. */
struct moment moment_now(struct mount *m);
void moment_forget(struct moment *then);
void assert_is_as(struct mount *m, const char *tree, const char *what);

struct selection {
    uint64_t *ids; /* free() */
    size_t count;
};
struct selection selection_span(uint64_t first, uint64_t last);

/* The undo's number; 0: refused because of conflicts, or there was nothing to do. */
uint64_t take_back(struct mount *m, const struct selection *which);
/* What the undo did is taken back itself. */
void take_forth(struct mount *m, uint64_t undo);

/* Undone, the tree is `then`, redone it is `now`.  Must not be refused. */
void there_and_back(struct mount *m, const struct selection *which, const char *then,
                    const char *now, const char *what);

/* Nothing is wrong with the journal and the vault; the mount has ended. */
void assert_verified(struct mount *m);

#endif
