/* keys.h - Ed25519 keys in files, as openssl(1) makes them. */
#ifndef TESTS_SUPPORT_KEYS_H
#define TESTS_SUPPORT_KEYS_H

/* dir/name.pem (0600) and dir/name.pub. */
void given_a_key(const char *dir, const char *name);

#endif
