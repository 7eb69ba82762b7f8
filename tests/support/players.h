/* players.h - processes that do deeds in turns: each has its own handles and its own number, and
 * whoever directs them knows the order. */
#ifndef TESTS_SUPPORT_PLAYERS_H
#define TESTS_SUPPORT_PLAYERS_H

#include <sys/types.h>

#include "tests/support/deeds.h"

#define PLAYERS 4

struct players {
    pid_t pid[PLAYERS];
    int line[PLAYERS];
};

/* deeds: borrowed, as they are now.  folder: where they play. */
void players_start(struct players *p, const char *folder, const struct deed *deeds);
/* The one that deed number `at` names does it.  Fails the test where the player died of it. */
void players_do(struct players *p, const struct deed *deeds, size_t at);
/* All handles are closed when it returns. */
void players_let_go(struct players *p);
void players_end(struct players *p);

#endif
