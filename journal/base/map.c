/* map.c - see map.h. */
#include "journal/base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "journal/base/error.h"

struct map_cell {
    uint64_t a;
    uint64_t b;
    void *value; /* NULL: free */
};

/* Without random numbers the map is still right, only no longer hard to attack. */
void map_init(struct map *m)
{
    *m = (struct map){0};
    if (getrandom(m->seed, sizeof m->seed, GRND_NONBLOCK) != (ssize_t)sizeof m->seed)
        m->seed[0] = (uint64_t)(uintptr_t)m;
}

void map_release(struct map *m)
{
    free(m->cells);
    m->cells = NULL;
    m->room = m->used = 0;
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t map_hash(const struct map *m, const void *data, size_t bytes)
{
    uint64_t v[4] = {m->seed[0] ^ 0x736f6d6570736575, m->seed[1] ^ 0x646f72616e646f6d,
                     m->seed[0] ^ 0x6c7967656e657261, m->seed[1] ^ 0x7465646279746573};
    const unsigned char *at = data;
    uint64_t word;
    size_t left = bytes;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(v, word);
    }
    word = 0;
    if (left)
        memcpy(&word, at, left);
    sip_word(v, word | (uint64_t)bytes << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct map_cell *cell_of(const struct map *m, uint64_t a, uint64_t b)
{
    uint64_t key[2] = {a, b};
    size_t at = (size_t)map_hash(m, key, sizeof key) & (m->room - 1);
    while (m->cells[at].value && (m->cells[at].a != a || m->cells[at].b != b))
        at = (at + 1) & (m->room - 1);
    return &m->cells[at];
}

void *map_get(const struct map *m, uint64_t a, uint64_t b)
{
    return m->room ? cell_of(m, a, b)->value : NULL;
}

static int grow(struct map *m)
{
    struct map bigger = *m;
    bigger.room = m->room ? 2 * m->room : 64;
    bigger.cells = calloc(bigger.room, sizeof *bigger.cells);
    if (!bigger.cells)
        return -ENOMEM;
    for (size_t i = 0; i < m->room; i++)
        if (m->cells[i].value)
            *cell_of(&bigger, m->cells[i].a, m->cells[i].b) = m->cells[i];
    free(m->cells);
    *m = bigger;
    return 0;
}

int map_put(struct map *m, uint64_t a, uint64_t b, void *value)
{
    if (m->used + 1 > m->room / 4 * 3)
        TRY(grow(m));
    struct map_cell *cell = cell_of(m, a, b);
    m->used += cell->value == NULL;
    *cell = (struct map_cell){a, b, value};
    return 0;
}
