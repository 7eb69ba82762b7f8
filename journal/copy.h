/* copy.h - the database as a file of its own, as it is at one instant, while others write it. */
#ifndef JOURNAL_COPY_H
#define JOURNAL_COPY_H

#include "journal/base/error.h"

/* root: the workspace's descriptor.  *out: the copy, without a name any more, yours; it was made in
 * the folder `dir`.  What waits in the queue is not in it: have it drained before. */
MUST_USE int journal_copy(int root, int dir, int *out, struct error *err);

#endif
