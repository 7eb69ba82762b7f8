/* map.h - leads from a pair of numbers to a pointer.
 *
 * Keys may be chosen by somebody hostile: the hash is keyed with a random seed. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"

struct map_cell;
struct map {
    struct map_cell *cells;
    size_t room; /* a power of two */
    size_t used;
    uint64_t seed[2];
};

void map_init(struct map *m);
void map_release(struct map *m); /* CLEANUP(map_release) */
void *map_get(const struct map *m, uint64_t a, uint64_t b);
/* Puts or replaces; value is not NULL.  0 or -ENOMEM. */
MUST_USE int map_put(struct map *m, uint64_t a, uint64_t b, void *value);
/* SipHash-1-3 under the map's seed: makes a key of bytes. */
uint64_t map_hash(const struct map *m, const void *data, size_t bytes);

#endif
