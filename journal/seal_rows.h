/* seal_rows.h - private to journal/: the canonical form of the rows that a seal covers.
 *
 * A row's canonical form is one byte for its part, then each column: one byte for what it holds
 * (enum value_kind), integers as 8 bytes little endian, everything else as its length (8 bytes) and
 * its bytes.  Its digest is the SHA-256 of that. */
#ifndef JOURNAL_SEAL_ROWS_H
#define JOURNAL_SEAL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"
#include "journal/db.h"
#include "journal/sha256.h"

/* In the order in which a seal takes them; the numbers are part of the format. */
enum seal_part {
    PART_SESSION = 0, /* how it began */
    PART_PROC = 1,
    PART_PATH = 2,
    PART_EVENT = 3, /* with its version */
    PART_HASH = 4,
    PART_TOMBSTONE = 5,
    PART_TAKEN = 6,
    PART_RANGES = 7,    /* the parts above are ranges of numbers */
    PART_EVENT_END = 7, /* an event that was open when its number was covered */
    PART_SESSION_END = 8,
    PART_COUNT = 9,
};

struct seal_row {
    enum seal_part part;
    int64_t id;
    unsigned char digest[SHA256_BYTES];
};

struct seal_rows {
    struct seal_row *list; /* owned */
    size_t count;
    size_t room;
};
void seal_rows_release(struct seal_rows *rows); /* CLEANUP(seal_rows_release) */

/* Numbers, ascending. */
struct seal_ids {
    int64_t *list; /* owned */
    size_t count;
    size_t room;
};
void seal_ids_release(struct seal_ids *ids);                 /* CLEANUP(seal_ids_release) */
MUST_USE int seal_ids_add(struct seal_ids *ids, int64_t id); /* behind the last one; -ENOMEM */
bool seal_ids_have(const struct seal_ids *ids, int64_t id);
/* *ids becomes ids + add - remove (both ascending).  -ENOMEM. */
MUST_USE int seal_ids_change(struct seal_ids *ids, const struct seal_ids *add,
                             const struct seal_ids *remove);

struct seal_reader {
    struct db *db;      /* borrowed */
    struct sha256 *sha; /* borrowed */
    struct strbuf form;
};
void seal_reader_release(struct seal_reader *r);

/* Rows of a part behind number `behind` up to `last`, `most` of them at most, onto out.
 * Those that are still open (a write session, a session) go to open; the open events' rows are left
 * out.  whole: stop at the first number that is missing. */
struct seal_range {
    enum seal_part part;
    int64_t behind;
    int64_t last;
    size_t most;
    bool whole;
};
MUST_USE int seal_rows_read(struct seal_reader *r, const struct seal_range *range,
                            struct seal_rows *out, struct seal_ids *open, int64_t *reached,
                            struct error *err);
/* The same for what was sealed: skip names the events that were open then. */
MUST_USE int seal_rows_read_again(struct seal_reader *r, const struct seal_range *range,
                                  const struct seal_ids *skip, struct seal_rows *out,
                                  struct error *err);
/* One row: an end.  Where there is none, nothing is added. */
MUST_USE int seal_row_read(struct seal_reader *r, enum seal_part part, int64_t id,
                           struct seal_rows *out, struct error *err);

#endif
