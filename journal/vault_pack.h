/* vault_pack.h - private to journal/: cold versions, packed.
 *
 * A packed version is vault/XX/N.zst (pack.h) where vault/XX/N was, with N's mode and time of
 * change.
 *   (1) N goes only when N.zst is whole and on the disk under its name.
 *   (2) Where both are there, packing was cut off: N is the version and N.zst counts for nothing;
 *       the next packing replaces it, and who discards the version removes both.
 * So a version can be opened at any moment: N first, then N.zst.  Only copies and blocks that do
 * not change any more are packed (DESIGN.md says why). */
#ifndef JOURNAL_VAULT_PACK_H
#define JOURNAL_VAULT_PACK_H

#include <sys/stat.h>

#include "journal/pack.h"
#include "journal/vault.h"

#define VAULT_PACKED_NAME 21 /* 16 digits, ".zst", NUL */

/* As vault_place(). */
int vault_packed_place(struct vault *v, uint64_t version, char name[VAULT_PACKED_NAME]);
/* N.zst unpacked into a file without a name, as N was.  fd, -ENOENT, -EBADMSG: damaged, -errno. */
int vault_packed_open(struct vault *v, uint64_t version);
bool vault_packed_has(struct vault *v, uint64_t version);
void vault_packed_discard(struct vault *v, uint64_t version);
/* What N.zst takes on the disk; 0: it is not there. */
uint64_t vault_packed_bytes(struct vault *v, uint64_t version);

/* Is it large enough, whole and still?  *bytes: what it takes on the disk. */
bool vault_is_packable(struct vault *v, uint64_t version, uint64_t *bytes);

struct vault_packing {
    uint64_t version;
    int fd;         /* owned: what will be N.zst */
    struct stat as; /* N, as it was read */
};
#define VAULT_PACKING_NONE ((struct vault_packing){.fd = -1})
void vault_packing_release(struct vault_packing *p);

/* Packs beside it, without a name.  1: worth it, 0: it stays as it is, -errno. */
MUST_USE int vault_pack_prepare(struct vault *v, uint64_t version, pack_go_on *go_on, void *context,
                                struct vault_packing *out);
/* Puts it in N's place, unless N went or changed meanwhile; nobody may discard N while this lasts.
 * *saved: bytes on the disk.  1: done, 0: it stays as it is, -errno. */
MUST_USE int vault_pack_commit(struct vault *v, const struct vault_packing *p, uint64_t *saved);

#endif
