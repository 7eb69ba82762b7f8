/* node_table.c - see node_table.h. */
#include "fusefs/node_table.h"

#include <stdlib.h>

static size_t bucket_of(const struct nodes *nodes, uint64_t ino, int64_t born)
{
    uint64_t h = (ino ^ ((uint64_t)born * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
    return (size_t)(h >> 32) & (nodes->bucket_count - 1);
}

void table_insert(struct nodes *nodes, struct node *node)
{
    struct node **bucket = &nodes->buckets[bucket_of(nodes, node->ino, node->born)];
    node->hash_next = *bucket;
    *bucket = node;
}

void table_remove(struct nodes *nodes, struct node *node)
{
    struct node **link = &nodes->buckets[bucket_of(nodes, node->ino, node->born)];
    while (*link && *link != node)
        link = &(*link)->hash_next;
    if (*link)
        *link = node->hash_next;
}

void table_grow(struct nodes *nodes)
{
    size_t count = nodes->bucket_count * 2;
    struct node **buckets = calloc(count, sizeof(struct node *));
    if (!buckets)
        return; /* longer chains, nothing worse */
    struct node **old = nodes->buckets;
    size_t old_count = nodes->bucket_count;
    nodes->buckets = buckets;
    nodes->bucket_count = count;
    for (size_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct node *node = old[i];
            old[i] = node->hash_next;
            table_insert(nodes, node);
        }
    free(old);
}

struct node *table_find(struct nodes *nodes, uint64_t ino, int64_t born, const struct zone *zone)
{
    struct node *node = nodes->buckets[bucket_of(nodes, ino, born)];
    while (node && (node->ino != ino || node->born != born || (zone && node->zone != zone)))
        node = node->hash_next;
    return node;
}

/* Grown as one, so that a failure leaves the table as it was. */
bool slots_grow(struct nodes *nodes)
{
    size_t room = nodes->slot_room ? nodes->slot_room * 2 : 256;
    struct node **slots = realloc(nodes->slots, room * sizeof(struct node *));
    if (slots)
        nodes->slots = slots;
    uint32_t *generations = realloc(nodes->generations, room * sizeof *generations);
    if (generations)
        nodes->generations = generations;
    uint32_t *free_slots = realloc(nodes->free_slots, room * sizeof *free_slots);
    if (free_slots)
        nodes->free_slots = free_slots;
    if (!slots || !generations || !free_slots)
        return false;
    nodes->slot_room = room;
    return true;
}

bool table_number(struct nodes *nodes, struct node *node)
{
    uint32_t slot;
    if (nodes->free_count > 0) {
        slot = nodes->free_slots[--nodes->free_count];
    } else {
        if (nodes->slot_count == nodes->slot_room && !slots_grow(nodes))
            return false;
        slot = (uint32_t)nodes->slot_count++;
        nodes->generations[slot] = 0;
    }
    nodes->slots[slot] = node;
    node->number = (uint64_t)nodes->generations[slot] << 32 | slot;
    return true;
}

void table_take_number_back(struct nodes *nodes, struct node *node)
{
    uint32_t slot = (uint32_t)node->number;
    nodes->slots[slot] = NULL;
    nodes->generations[slot]++;
    nodes->free_slots[nodes->free_count++] = slot;
}

struct node *node_get(struct nodes *nodes, uint64_t number)
{
    uint32_t slot = (uint32_t)number;
    pthread_mutex_lock(&nodes->lock);
    struct node *node = slot < nodes->slot_count ? nodes->slots[slot] : NULL;
    if (node && node->number != number)
        node = NULL;
    pthread_mutex_unlock(&nodes->lock);
    return node;
}
