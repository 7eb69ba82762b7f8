/* meta.h - private to journal/: numbers that the journal keeps under a name (FORMAT.md: meta). */
#ifndef JOURNAL_META_H
#define JOURNAL_META_H

#include "journal/db.h"

/* 0 where there is none. */
MUST_USE int meta_get(struct db *db, const char *key, int64_t *out, struct error *err);
/* Also over an earlier one. */
MUST_USE int meta_set(struct db *db, const char *key, int64_t value, struct error *err);

#endif
