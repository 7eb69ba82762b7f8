/* seal.h - private to journal/: what was recorded cannot be changed unnoticed.
 *
 * A seal is a row that covers the rows which came since the last one: sessions, processes, paths,
 * events with their versions, checksums of contents, what undos took back, write sessions and
 * sessions that ended.  Its hash is taken over the last seal's hash, its own columns and
 * the digests of those rows (seal_rows.h), and may be signed.  Hence: (1) A sealed row is never
 * updated.  Rows that still change are listed as open, and are sealed when they have ended. (2)
 * Seals are numbered from 1 on without a gap; the meta row "sealed" names the last one. (3) Once a
 * seal is signed, all that follow are: without the key nothing is sealed. */
#ifndef JOURNAL_SEAL_H
#define JOURNAL_SEAL_H

#include "journal/db.h"
#include "journal/seal_rows.h"
#include "journal/signature.h"

#define SEAL_ROWS_MOST 4096 /* of any part */
#define SEAL_MARK_BYTES 2

struct seal {
    int64_t id; /* 0: there is none */
    int64_t time;
    int64_t last[PART_RANGES]; /* the highest number covered of each part, INT64_MIN: none */
    int64_t rows;
    int64_t open;           /* write sessions and sessions that are not sealed yet */
    struct seal_ids opened; /* of the events covered: those that are left out */
    struct seal_ids ended;  /* events left out by earlier seals, now covered */
    struct seal_ids begun;  /* of the sessions covered: those that have not ended */
    struct seal_ids finished;
    bool is_signed;
    unsigned char key[PUBLIC_BYTES];
    unsigned char sha256[SHA256_BYTES];
    unsigned char signature[SIGNATURE_BYTES];
    struct strbuf marks; /* the first bytes of each row's digest: they tell which row was changed */
};
#define SEAL_NONE                                                                                  \
    ((struct seal){                                                                                \
        .last = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN}})
void seal_release(struct seal *s); /* CLEANUP(seal_release) */

/* The seal behind number `behind` (1: read, 0: none); -EBADMSG: its columns are not those of a
 * seal; out->id is set nevertheless. */
MUST_USE int seal_next(struct db *db, int64_t behind, struct seal *out, struct error *err);
/* Seal `id` and the one in front of it (seal 1: SEAL_NONE).  1, 0: one of them is missing. */
MUST_USE int seal_pair(struct db *db, int64_t id, struct seal *before, struct seal *out,
                       struct error *err);
/* A list of numbers as a seal has it: onto out.  -EBADMSG, -ENOMEM. */
MUST_USE int seal_ids_read(struct stmt *q, int column, struct seal_ids *out);
MUST_USE int seal_last(struct db *db, struct seal *out, struct error *err);
MUST_USE int seal_store(struct db *db, const struct seal *s, struct error *err);
/* One digest for the rows of each part: it can stand for rows that retention has dropped. */
struct seal_parts {
    unsigned char sha256[PART_COUNT][SHA256_BYTES];
};
MUST_USE int seal_digest_parts(const struct seal_rows *rows, struct sha256 *sha,
                               struct seal_parts *out);
/* The hash that a seal must have. */
MUST_USE int seal_hash(const struct seal *s, const unsigned char before[SHA256_BYTES],
                       const struct seal_parts *parts, struct sha256 *sha,
                       unsigned char out[SHA256_BYTES]);
/* The rows that s covers, as they are now; before: the seal in front of it. */
MUST_USE int seal_read_rows(struct seal_reader *r, const struct seal *before, const struct seal *s,
                            struct seal_rows *rows, struct error *err);
/* Adds to rows, which hold the ranges that s covers, the ends that it covers. */
MUST_USE int seal_cover_ends(struct seal_reader *r, const struct seal *s, struct seal_rows *rows,
                             struct error *err);
/* The mark of a row. */
const unsigned char *seal_mark(const struct seal_row *row);

/* What is not sealed because it has not ended. */
struct seal_open {
    struct seal_ids events;
    struct seal_ids sessions;
};
void seal_open_release(struct seal_open *o); /* CLEANUP(seal_open_release) */
MUST_USE int seal_open_follow(struct seal_open *o, const struct seal *s); /* -ENOMEM */

#endif
