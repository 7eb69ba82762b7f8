/* ids.c - see ids.h. */
#include "journal/ids.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/base/list.h"

void ids_release(struct ids *ids)
{
    free(ids->list);
    *ids = (struct ids){0};
}

int ids_add(struct ids *ids, uint64_t id)
{
    uint64_t *list = list_grown(ids->list, ids->count, &ids->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    ids->list = list;
    ids->list[ids->count++] = id;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void ids_sort(struct ids *ids)
{
    size_t kept = 0;
    if (ids->count == 0)
        return;
    qsort(ids->list, ids->count, sizeof *ids->list, by_number);
    for (size_t i = 0; i < ids->count; i++)
        if (kept == 0 || ids->list[kept - 1] != ids->list[i])
            ids->list[kept++] = ids->list[i];
    ids->count = kept;
}

bool ids_have(const struct ids *ids, uint64_t id)
{
    return ids->count && bsearch(&id, ids->list, ids->count, sizeof id, by_number);
}
