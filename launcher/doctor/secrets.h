/* secrets.h - does this look like a secret?  Pure: bytes and names in, a kind out.
 *
 * What it finds is told by its kind alone: the bytes themselves go nowhere. */
#ifndef LAUNCHER_DOCTOR_SECRETS_H
#define LAUNCHER_DOCTOR_SECRETS_H

#include <stddef.h>

/* "a private key", "a GitHub token" …: what is in a file's bytes; NULL: nothing known. */
const char *secret_in(const void *data, size_t bytes);

/* "settings for programs", "a store of keys" …: what a file of this name holds as a rule; NULL:
 * nothing that is secret. */
const char *secret_named(const char *name);

/* In a file of settings (.env): a password or key that has a value.  NULL: none. */
const char *secret_setting(const void *data, size_t bytes);

#endif
