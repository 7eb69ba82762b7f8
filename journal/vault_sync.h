/* vault_sync.h - private to journal/: versions reach the disk, and after a power loss it can be told
 * whether they did.
 *
 * A copy carries the checksum of what it was meant to hold (an extended attribute) until it is known
 * to be on the disk; then its mode says so (VAULT_ON_DISK), and its bytes are taken as they are. */
#ifndef JOURNAL_VAULT_SYNC_H
#define JOURNAL_VAULT_SYNC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "journal/vault.h"

/* What the vault made itself (copies, clones, blocks) wears the sticky bit, which users' files do
 * not; what is on the disk and does not change any more has lost the right to write. */
#define VAULT_MADE_HERE (S_ISVTX | 0600)
#define VAULT_ON_DISK (S_ISVTX | 0400)

/* A fresh copy or clone, made with the mode VAULT_MADE_HERE: its sum is noted; a copy that is large
 * or cannot carry one is brought to the disk at once.  0 or -errno. */
MUST_USE int vault_finish(int fd, enum kept kept, int64_t size);

struct vault_touched {
    uint64_t version;
    bool whole; /* it does not change any more */
};
/* Bytes and names of these versions are on the disk when it returns.  Those that are gone need
 * nothing.  Sorts the list. */
MUST_USE int vault_sync(struct vault *v, struct vault_touched *list, size_t count,
                        struct error *err);

/* Is all there that was kept?  before: how long the file was, changed: which of its bytes changed.
 * 1: yes, 0: no, -errno. */
struct vault_claim {
    uint64_t version;
    enum kept kept;
    int64_t before;
    const struct range *changed;
    size_t count;
};
int vault_is_whole(struct vault *v, const struct vault_claim *claim);
/* A copy that carries a sum of what it was meant to hold, and holds something else. */
bool vault_sum_breaks(struct vault *v, uint64_t version);
#define VAULT_ASIDE ".torn"
/* Out of use, but not thrown away: it gets another name (NUMBER.torn, or NUMBER.torn1 and so on where
 * there is one), which means no version. */
void vault_set_aside(struct vault *v, uint64_t version);

#endif
