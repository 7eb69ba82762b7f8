/* sound.h - what ccfs verify says of a workspace, for tests. */
#ifndef TESTS_SUPPORT_SOUND_H
#define TESTS_SUPPORT_SOUND_H

#include <stdint.h>

struct told {
    uint64_t count; /* of what is wrong */
    char says[512]; /* the first of it */
};

struct told told_by_verify(int root);
void assert_journal_sound(int root);

#endif
