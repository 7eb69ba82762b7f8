/* keys.c - see keys.h. */
#include "tests/support/keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/support/test.h"

void given_a_key(const char *dir, const char *name)
{
    char path[512];
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    snprintf(path, sizeof path, "%s/%s.pem", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(path, sizeof path, "%s/%s.pub", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    fclose(file);
    EVP_PKEY_free(key);
}
