/* sha256.h - private to journal/: SHA-256, one context for many messages.
 *
 * A failure of the library is remembered and told once, by sha256_end(). */
#ifndef JOURNAL_SHA256_H
#define JOURNAL_SHA256_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"

#define SHA256_BYTES 32
#define SHA256_TEXT 65

struct sha256;

struct sha256 *sha256_new(void); /* NULL: no memory, or no SHA-256 in libcrypto */
void sha256_free(struct sha256 **s);

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t bytes);
MUST_USE int sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES]); /* 0 or -EIO */

/* All bytes of a readable file from its start on.  stop: of whoever does so beside others' work, and
 * so gives way to it; may be NULL.  -EINTR: *stop became true. */
MUST_USE int sha256_file(struct sha256 *s, int fd, const atomic_bool *stop,
                         unsigned char out[SHA256_BYTES]);

void sha256_text(const unsigned char digest[SHA256_BYTES], char out[SHA256_TEXT]);

#endif
