/* shrink.h - a sequence that fails, made as short as it can be and fail still. */
#ifndef TESTS_SUPPORT_SHRINK_H
#define TESTS_SUPPORT_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

/* Does what is marked fail? */
typedef bool shrink_fails(void *context, const bool *kept);

/* kept: count marks, all true; on return those that are needed.  At most `tries` are made.  How
 * many are left. */
size_t shrink(bool *kept, size_t count, unsigned tries, shrink_fails *fails, void *context);

#endif
