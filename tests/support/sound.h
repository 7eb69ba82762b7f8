/* sound.h - what ccfs verify says of a workspace, for tests. */
#ifndef TESTS_SUPPORT_SOUND_H
#define TESTS_SUPPORT_SOUND_H

#include <stdint.h>

#include "journal/verify.h"

struct told {
    uint64_t count; /* of what is wrong */
    int64_t event;  /* that the first of it is about */
    char says[512]; /* the first of it */
};

struct told told_by_verify(int root);
struct told told_by_verify_as(int root, const struct verify_wish *wish,
                              struct verify_result *result);
void assert_journal_sound(int root);
/* Something is found, and the first sentence has these words. */
void assert_journal_tells(int root, const char *words);

#endif
