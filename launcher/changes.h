/* changes.h - what a selection of events did to each thing: as it was before the first of them, and
 * after the last.
 *
 * A file that took the place of another one (saved by a rename, or removed and made anew) is one
 * thing with it. */
#ifndef LAUNCHER_CHANGES_H
#define LAUNCHER_CHANGES_H

#include "journal/past.h"

struct side {
    bool there;
    char *path; /* owned */
    struct attr attr;
    int content;          /* of a file: open, from its start; -1: none */
    struct strbuf target; /* of a symlink */
};

struct difference {
    uint64_t object;
    uint64_t first; /* the first event about it */
    uint64_t last;
    struct side before;
    struct side after;
    struct error trouble; /* code 0, or why a side is not known */
};

/* Changes that count: applied ones, in the filter.  each() once for every thing; it returns 0, or a number that ends the walk and is returned. */
typedef int changes_each(struct difference *difference, void *context);
MUST_USE int changes_walk(struct history *h, int root, const struct history_filter *filter,
                          changes_each *each, void *context, struct error *err);

#endif
