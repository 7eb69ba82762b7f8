/* verify_part.h - private to verify*.c: what the parts of a verification share. */
#ifndef JOURNAL_VERIFY_PART_H
#define JOURNAL_VERIFY_PART_H

#include "journal/db.h"
#include "journal/seal.h"
#include "journal/vault.h"
#include "journal/verify.h"

struct verify {
    struct db *db;
    struct vault *vault;
    struct sha256 *sha;
    const struct verify_wish *wish;
    verify_found *found;
    void *context;
    struct verify_result *result;
};

void verify_tell(struct verify *v, int64_t event, const char *format, ...) PRINTF_LIKE(3, 4);

/* verify_row.c: which row of a seal that does not fit was changed, is missing, or was added.
 * before: the seal in front of it. */
MUST_USE int verify_blame(struct verify *v, const struct seal *before, const struct seal *s,
                          const struct seal_rows *rows, struct error *err);

/* verify_vault.c */
MUST_USE int verify_vault(struct verify *v, struct error *err);

#endif
