/* pack.h - private to journal/: the bytes of a file, smaller.
 *
 *   u32 0x184D2A5C, u32 16, u64 bytes, u32 CRC32C of the bytes, u32 CRC32C of the 20 bytes before
 *   one zstd frame
 *
 * What stands in front is a "skippable frame" to zstd, so that zstd -d reads the file by itself.
 * Whatever is read here may be damaged: lengths are bounded, and nothing is believed that its
 * checksum does not bear out. */
#ifndef JOURNAL_PACK_H
#define JOURNAL_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/compiler.h"

/* Asked now and then: false ends it with -ECANCELED. */
typedef bool pack_go_on(void *context);

/* Packs size bytes of `from` into the empty file `to`.  1: done, 0: they take more than `most`,
 * -errno (-ENODATA: there are fewer). */
MUST_USE int pack_write(int from, int64_t size, int to, int64_t most, pack_go_on *go_on,
                        void *context);
/* How many bytes are packed there; -EBADMSG: nothing of ours. */
MUST_USE int pack_size(int fd, int64_t *out);
/* Unpacks into the empty file `to`, zeros as holes.  -EBADMSG: not what was packed. */
MUST_USE int pack_read(int from, int to);

#endif
