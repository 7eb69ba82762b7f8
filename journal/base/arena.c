/* arena.c - see arena.h. */
#include "journal/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)
#define ALIGN_TO (sizeof(max_align_t))

struct arena_block {
    struct arena_block *next;
    size_t room;
    size_t used;
    max_align_t data[];
};

void arena_release(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
}

static struct arena_block *block_add(struct arena *a, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof *block + room);
    if (!block)
        return NULL;
    block->room = room;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_take(struct arena *a, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 2)
        return NULL;
    bytes = (bytes + ALIGN_TO - 1) / ALIGN_TO * ALIGN_TO;
    struct arena_block *block = a->blocks;
    if (!block || block->room - block->used < bytes)
        block = block_add(a, bytes);
    if (!block)
        return NULL;
    void *taken = (char *)block->data + block->used;
    block->used += bytes;
    return taken;
}

char *arena_copy(struct arena *a, const void *data, size_t bytes)
{
    char *copy = arena_take(a, bytes + 1);
    if (copy && bytes)
        memcpy(copy, data, bytes);
    return copy;
}

char *arena_copy_text(struct arena *a, const char *text)
{
    return text ? arena_copy(a, text, strlen(text)) : NULL;
}
