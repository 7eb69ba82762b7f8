/* undo_intact.h - private to journal/: is what the vault keeps still what was kept?
 *
 * A SHA-256 is compared where one was recorded; else a copy's own sum, the checksums of blocks, and
 * of inodes and clones the times: whoever altered them has left a younger one.  Contents over
 * INTACT_READ_MOST are told by size and times alone: to look at them would take longer than to
 * bring them back (`ccfs verify` does). */
#ifndef JOURNAL_UNDO_INTACT_H
#define JOURNAL_UNDO_INTACT_H

#include "journal/db.h"
#include "journal/undo_tree.h"
#include "journal/vault.h"

#define INTACT_READ_MOST (UINT64_C(1) << 30)

struct sha256;
struct intact {
    struct db *db;       /* borrowed */
    struct vault *vault; /* borrowed */
    struct sha256 *sha;
};
MUST_USE int intact_open(struct intact *i, struct db *db, struct vault *vault, struct error *err);
void intact_close(struct intact *i);

/* TROUBLE_NONE: its bytes can be put back. */
MUST_USE int intact_check(struct intact *i, uint64_t version, enum trouble *out, struct error *err);
/* Of a version that is not there: TROUBLE_EXPIRED where retention dropped it, else TROUBLE_BYTES.
 */
MUST_USE int intact_why_gone(struct intact *i, uint64_t version, enum trouble *out,
                             struct error *err);

#endif
