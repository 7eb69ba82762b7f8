/* signature.h - signs seals with a key that lies where the agent cannot reach (Ed25519, PEM).
 *
 *     openssl genpkey -algorithm ed25519 -out seal.pem && chmod 600 seal.pem
 *     openssl pkey -in seal.pem -pubout -out seal.pub */
#ifndef JOURNAL_SIGNATURE_H
#define JOURNAL_SIGNATURE_H

#include <stdbool.h>

#include "journal/base/compiler.h"
#include "journal/base/error.h"

#define PUBLIC_BYTES 32
#define SIGNATURE_BYTES 64
#define FINGERPRINT_TEXT 32

struct signing_key;

/* The private key in the file `path` (absolute).  It must be ours, closed to everybody else, and
 * lie outside the workspace root.  *out is yours: signing_key_free() it.  -EINVAL: it is no such
 * key. */
MUST_USE int signing_key_load(const char *path, int root, struct signing_key **out,
                              struct error *err);
void signing_key_free(struct signing_key **key);
const unsigned char *signing_key_public(const struct signing_key *key); /* PUBLIC_BYTES */
/* digest: 32 bytes. */
MUST_USE int signing_key_sign(const struct signing_key *key, const unsigned char *digest,
                              unsigned char out[SIGNATURE_BYTES], struct error *err);

/* A public key, PEM. */
MUST_USE int public_key_load(const char *path, unsigned char out[PUBLIC_BYTES], struct error *err);
bool signature_is_genuine(const unsigned char public_key[PUBLIC_BYTES], const unsigned char *digest,
                          const unsigned char signature[SIGNATURE_BYTES]);
/* "SHA256:0123456789abcdef": how people tell keys apart. */
void fingerprint_text(const unsigned char public_key[PUBLIC_BYTES], char out[FINGERPRINT_TEXT]);

#endif
