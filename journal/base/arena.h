/* arena.h - memory that is given back all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
};
#define ARENA_EMPTY ((struct arena){0})

void arena_release(struct arena *a); /* CLEANUP(arena_release) */
/* Zeroed and aligned for anything; NULL: no memory left. */
void *arena_take(struct arena *a, size_t bytes);
/* A copy with a NUL behind it; data may be NULL when bytes is 0. */
char *arena_copy(struct arena *a, const void *data, size_t bytes);
/* NULL stays NULL. */
char *arena_copy_text(struct arena *a, const char *text);

#endif
