/* vault.h - bytes that were destroyed.
 *
 * A version is one file vault/XX/NNNNNNNNNNNNNNNN: its number in 16 hex digits, XX the last two; a
 * cold one may be packed (vault_pack.h), and then ".zst" follows.
 *   (1) A version is complete before the operation that needs it is applied.
 *   (2) A KEPT_INODE version is never writable from outside: whoever keeps an inode makes sure that
 *       no handle for writing lives, or captures what is written to it as for any file.
 * Threads: all calls may run at once; one version belongs to one thread while it is filled.
 * Errors: 0 or -errno, *err a sentence (-ENOSPC: the vault is full). */
#ifndef JOURNAL_VAULT_H
#define JOURNAL_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/event.h"

struct vault;

#define VAULT_FOLDERS 256
#define VAULT_NAME 17 /* 16 hex digits, NUL */

/* state: descriptor of .ccfs, borrowed for the call.  Makes vault/ and its 256 folders. */
MUST_USE int vault_open(int state, struct vault **out, struct error *err);
void vault_close(struct vault **v);

/* A new version's number: unique, ascending, also across restarts (the journal sets the first). */
uint64_t vault_new(struct vault *v);
void vault_set_next(struct vault *v, uint64_t next);
/* The highest number of a version that is there, or was set aside (walks the folders); 0: none. */
uint64_t vault_highest(struct vault *v);

/* KEPT_INODE: moves the entry name of dir into the vault (one rename: capture and removal at once),
 * or links it there and leaves the entry.  -EXDEV and -EPERM are possible for the link. */
MUST_USE int vault_move_in(struct vault *v, uint64_t version, int dir, const char *name,
                           struct error *err);
MUST_USE int vault_link_in(struct vault *v, uint64_t version, int dir, const char *name,
                           struct error *err);
/* Moves it back to a free name of dir (RENAME_NOREPLACE). */
MUST_USE int vault_move_out(struct vault *v, uint64_t version, int dir, const char *name,
                            struct error *err);

/* KEPT_CLONE, else KEPT_COPY, of the whole file behind fd (any readable descriptor; size its size).
 * copy_limit: largest copy in bytes; a larger file that cannot be cloned gives -EFBIG. */
MUST_USE int vault_copy_in(struct vault *v, uint64_t version, int fd, int64_t size,
                           int64_t copy_limit, enum kept *out, struct error *err);

/* A copy that takes a user's inode's place, with all its metadata, loses what marks it as a copy, and is
 * on the disk when it returns.  fd: of it.  0 or -errno. */
MUST_USE int vault_stands_for_inode(int fd);

/* KEPT_BLOCKS: *fd stays open for appending until the caller closes it.
 * Record: u64 offset, u32 bytes, u32 CRC32C of the data, data.  A torn last record is no record. */
MUST_USE int vault_blocks_create(struct vault *v, uint64_t version, int *fd, struct error *err);
MUST_USE int vault_blocks_add(int fd, int64_t offset, const void *data, uint32_t bytes,
                              struct error *err);
/* Writes every kept range into target (which holds the newer content).  The first record of a byte wins. */
MUST_USE int vault_blocks_restore(struct vault *v, uint64_t version, int target, struct error *err);
/* How many bytes of a KEPT_BLOCKS version are behind its last sound record; -EBADMSG as above. */
MUST_USE int vault_blocks_rest(struct vault *v, uint64_t version, int64_t *out, struct error *err);
/* The ranges that a KEPT_BLOCKS version holds, ascending, merged; *out is yours (free()). */
MUST_USE int vault_blocks_ranges(struct vault *v, uint64_t version, struct range **out,
                                 size_t *count, struct error *err);

/* Opens a version (flags as open(2), O_NOFOLLOW implied; O_PATH for symlinks).  fd or -errno.  One
 * that is packed (vault_pack.h) can only be read: it is unpacked first; -EBADMSG: damaged. */
int vault_open_version(struct vault *v, uint64_t version, int flags);
bool vault_has(struct vault *v, uint64_t version);
void vault_discard(struct vault *v, uint64_t version); /* of an operation that was not applied */
/* Is it a user's inode that lives nowhere else any more?  (Copies, clones and blocks are marked.) */
bool vault_is_last_home(struct vault *v, uint64_t version);
/* Each version that is there, in no order; each() may discard it.  0 or -errno. */
typedef void vault_each(void *context, uint64_t version);
int vault_walk(struct vault *v, vault_each *each, void *context);
/* Its metadata as it was kept, packed or not.  0, -ENOENT, -EBADMSG: packed and damaged, -errno. */
int vault_attr(struct vault *v, uint64_t version, struct attr *out);
/* Folder descriptor and name of a version that is not packed, for *at calls.  name: VAULT_NAME bytes. */
int vault_place(struct vault *v, uint64_t version, char name[VAULT_NAME]);
struct budget;
struct budget *vault_budget(struct vault *v); /* budget.h; the vault's own */
/* Before something is destroyed.  -ENOSPC: the budget is used up. */
MUST_USE int vault_room(struct vault *v, struct error *err);
void vault_grew(struct vault *v, int64_t bytes); /* a version of blocks */
/* Bytes on disk as far as they are counted; false: not measured yet. */
bool vault_used(struct vault *v, uint64_t *bytes);
/* Bytes on disk and number of versions (walks). */
int vault_usage(struct vault *v, uint64_t *bytes, uint64_t *versions);

/* Says why a version could not be kept; -code, of all that means no room -ENOSPC. */
int vault_error(struct error *err, int code, uint64_t version);

#endif
