/* verify_part.h - private to verify*.c: what the parts of a verification share. */
#ifndef JOURNAL_VERIFY_PART_H
#define JOURNAL_VERIFY_PART_H

#include "journal/db.h"
#include "journal/seal.h"
#include "journal/tombstone.h"
#include "journal/vault.h"
#include "journal/verify.h"

/* What retention has dropped, by its tombstones. */
struct verify_gone {
    struct tombstone *list; /* owned */
    size_t count;
    size_t room;
    int64_t unfinished; /* what this one names is still going; 0: none */
    int64_t sealed;     /* tombstones up to this one are; known when the chain was gone through */
    int64_t relied;     /* the newest one by which events are gone */
};

struct verify {
    struct db *db;
    struct vault *vault;
    struct sha256 *sha;
    const struct verify_wish *wish;
    verify_found *found;
    void *context;
    struct verify_result *result;
    struct verify_gone gone;
};

/* verify_tell.c.  event: that it is about, 0: none. */
void verify_tell(struct verify *v, int64_t event, const char *format, ...) PRINTF_LIKE(3, 4);

/* verify_row.c: which row of a seal that does not fit was changed, is missing, or was added.
 * before: the seal in front of it. */
MUST_USE int verify_blame(struct verify *v, const struct seal *before, const struct seal *s,
                          const struct seal_rows *rows, struct error *err);

/* verify_gone.c */
void verify_gone_release(struct verify_gone *g);
MUST_USE int verify_gone_load(struct verify *v, struct error *err);
/* Puts the digests of dropped rows into parts; *any: there are such. */
MUST_USE int verify_gone_parts(struct verify *v, const struct seal *s, const struct seal_rows *rows,
                               struct seal_parts *parts, bool *any, struct error *err);
/* The chain was gone through. */
void verify_gone_end(struct verify *v, const struct seal *last);
/* Is this version named by this tombstone, and that under a seal? */
bool verify_gone_version(const struct verify *v, uint64_t version, int64_t tombstone);
/* Should it be gone; may it be gone already? */
bool verify_gone_is_back(const struct verify *v, uint64_t version);
bool verify_gone_is_going(const struct verify *v, uint64_t version);

/* verify_taken.c: are undone and undo what the sealed rows of taken say?  last: the last seal. */
MUST_USE int verify_taken(struct verify *v, const struct seal *last, struct error *err);

/* verify_vault.c */
MUST_USE int verify_vault(struct verify *v, struct error *err);

#endif
