/* list.h - an array that grows. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

#include "journal/base/compiler.h"

/* The array (NULL: none yet) with room for at least one more of `bytes` each: in place of the old one,
 * which is no longer valid; free() it.  NULL: no memory, and the array is as it was. */
MUST_USE void *list_grown(void *list, size_t count, size_t *room, size_t bytes);

#endif
