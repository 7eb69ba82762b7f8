/* deeds.h - what programs do to files, as values: a sequence of them can be made from a seed, told,
 * shortened and done again.
 *
 * A deed that cannot be done (the name is not there, is a folder, …) fails as it would for anybody;
 * that is part of it.  Paths are relative to the current folder; nothing waits on a FIFO. */
#ifndef TESTS_SUPPORT_DEEDS_H
#define TESTS_SUPPORT_DEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DEED_PATH_BYTES 32
#define DEED_HANDLES 3 /* that one who does them can hold open */

struct deed {
    unsigned kind; /* a row of the table in deeds.c */
    unsigned who;  /* who does it: a process of several */
    char path[DEED_PATH_BYTES];
    char path2[DEED_PATH_BYTES];
    uint32_t offset;
    uint32_t bytes;
    uint32_t seed; /* of what is written */
};

struct dice {
    uint64_t state;
};
unsigned dice_roll(struct dice *dice, unsigned sides);

/* base: what all its paths begin with ("" or "folder/"). */
struct deed deed_random(struct dice *dice, const char *base);
/* Of that kind, without paths and numbers. */
struct deed deed_named(const char *kind);

/* In this process; handles are held between its deeds.  0 or -errno. */
int deed_do(const struct deed *deed);
bool deed_holds(void); /* is a handle held? */
void deed_release_all(void);

void deed_tell(const struct deed *deed, FILE *out);

#endif
