/* ids.h - private to journal/: numbers of events, or of whatever else is numbered. */
#ifndef JOURNAL_IDS_H
#define JOURNAL_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"

struct ids {
    uint64_t *list; /* owned */
    size_t count;
    size_t room;
};
void ids_release(struct ids *ids); /* CLEANUP(ids_release) */
/* 0 or -ENOMEM. */
MUST_USE int ids_add(struct ids *ids, uint64_t id);
void ids_sort(struct ids *ids);                    /* ascending, each once */
bool ids_have(const struct ids *ids, uint64_t id); /* of sorted ones */

#endif
