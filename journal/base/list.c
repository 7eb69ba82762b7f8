/* list.c - see list.h. */
#include "journal/base/list.h"

#include <stdlib.h>

#define ROOM_FIRST 64

void *list_grown(void *list, size_t count, size_t *room, size_t bytes)
{
    if (count < *room)
        return list;
    size_t more = *room ? 2 * *room : ROOM_FIRST;
    void *bigger = reallocarray(list, more, bytes);
    if (bigger)
        *room = more;
    return bigger;
}
