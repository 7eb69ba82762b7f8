/* verify.h - is everything as it was recorded?  Reads only, beside a running daemon and without
 * one.
 *
 *   (1) Each seal is computed again from the rows that it covers, and follows from the one before.
 *   (2) Every version that the journal names is in the vault, and is what was put there; whatever
 * is in the vault is named by the journal. (3) What counts as undone is what the undos took back,
 * under a seal or not (taken.h). (4) A seal that is not signed by the wished key, though it should
 * be, is found; so is a chain that ends before a seal which is known from elsewhere.
 *
 * What it cannot tell: whether the rows behind the last seal are genuine, and, without a key or a
 * seal known from elsewhere, whether the whole journal was replaced by another one. */
#ifndef JOURNAL_VERIFY_H
#define JOURNAL_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/sha256.h"
#include "journal/signature.h"

struct verify_wish {
    bool quick; /* the chain, and which versions there are; not their contents */
    const unsigned char (*keys)[PUBLIC_BYTES]; /* one of these signed it */
    size_t key_count;                          /* 0: whoever signed it */
    int64_t seal;                              /* must be there; 0: none is known */
    unsigned char seal_sha256[SHA256_BYTES];
    size_t seal_bytes; /* of seal_sha256: how many of its first bytes are known */
};

/* says: a sentence; event: the event it is about, 0: none. */
typedef void verify_found(void *context, int64_t event, const char *says);

struct verify_result {
    uint64_t problems;
    uint64_t seals;
    uint64_t events;     /* that are sealed */
    uint64_t unsealed;   /* that are not yet */
    uint64_t versions;   /* in the vault, as the journal says */
    uint64_t contents;   /* of those, found to have their recorded checksum */
    uint64_t unhashed;   /* of those, without a recorded checksum */
    uint64_t lost;       /* dropped, or torn by a power loss, as the journal says */
    uint64_t unrecorded; /* in the vault, of changes that are not in the journal yet */
    int64_t last_seal;
    int64_t last_time;
    unsigned char last_sha256[SHA256_BYTES];
    bool is_signed;
    unsigned char key[PUBLIC_BYTES]; /* of the last seal */
};

/* root: the workspace.  0, also when problems were found; -errno: it could not be looked at. */
MUST_USE int verify_journal(int root, const struct verify_wish *wish, verify_found *found,
                            void *context, struct verify_result *out, struct error *err);

#endif
