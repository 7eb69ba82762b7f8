/* signature.c - see signature.h. */
#include "journal/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/sha256.h"

#define FILE_MOST 16384
#define DIGEST_BYTES 32

struct signing_key {
    EVP_PKEY *key;
    unsigned char public_key[PUBLIC_BYTES];
};

static void pkey_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    *key = NULL;
}

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
    *bio = NULL;
}

static void context_free(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
    *context = NULL;
}

/* ---- the file ---- */

/* Where a descriptor's file lies, without symlinks. */
static int place_of(int fd, char *out, size_t bytes)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, bytes - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return (size_t)n < bytes - 1 ? 0 : -ENAMETOOLONG;
}

static int check_outside(int fd, int root, const char *path, struct error *err)
{
    char file[4096];
    char workspace[4096];
    int r = place_of(fd, file, sizeof file);
    if (r == 0)
        r = place_of(root, workspace, sizeof workspace);
    if (r < 0)
        return error_set(err, -r, "look where the signing key %.200s lies", path);
    size_t bytes = strlen(workspace);
    if (strncmp(file, workspace, bytes) == 0 && (file[bytes] == '/' || bytes == 1))
        return error_say(err, EINVAL,
                         "the signing key %.200s lies in the workspace, which it is to protect; "
                         "move it elsewhere",
                         path);
    return 0;
}

static int check_private(int fd, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, "look at the signing key %.200s", path);
    if (!S_ISREG(st.st_mode))
        return error_say(err, EINVAL, "the signing key %.200s is not a file", path);
    if (st.st_uid != geteuid())
        return error_say(err, EINVAL,
                         "the signing key %.200s belongs to user %u and was not read: chown it to "
                         "user %u",
                         path, st.st_uid, geteuid());
    if (st.st_mode & 077)
        return error_say(err, EINVAL,
                         "the signing key %.200s is open to others and was not read: chmod 600 it, "
                         "or make a new one",
                         path);
    return 0;
}

static int read_text(int fd, const char *path, char text[FILE_MOST], int *bytes, struct error *err)
{
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < FILE_MOST) {
        n = read(fd, text + have, FILE_MOST - have);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            have += (size_t)n;
    }
    if (n < 0)
        return error_set(err, errno, "read the key %.200s", path);
    *bytes = (int)have;
    return 0;
}

static int open_key(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? error_set(err, errno, "open the key %.200s", path) : fd;
}

/* No terminal is asked: a key with a passphrase is none that a daemon can use. */
static int no_passphrase(char *buffer, int room, int writing, void *context)
{
    (void)buffer;
    (void)room;
    (void)writing;
    (void)context;
    return -1;
}

static int raw_public(const EVP_PKEY *key, unsigned char out[PUBLIC_BYTES])
{
    size_t bytes = PUBLIC_BYTES;
    if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key, out, &bytes) != 1 || bytes != PUBLIC_BYTES)
        return -EINVAL;
    return 0;
}

/* ---- the private one ---- */

static int parse_private(const char *text, int bytes, const char *path, struct signing_key **out,
                         struct error *err)
{
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(text, bytes);
    CLEANUP(signing_key_free) struct signing_key *key = calloc(1, sizeof *key);
    if (!bio || !key)
        return error_set(err, ENOMEM, "read the signing key");
    key->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (raw_public(key->key, key->public_key) < 0)
        return error_say(err, EINVAL,
                         "%.200s is not an Ed25519 private key without a passphrase; make one "
                         "with: openssl genpkey -algorithm ed25519",
                         path);
    *out = key;
    key = NULL;
    return 0;
}

int signing_key_load(const char *path, int root, struct signing_key **out, struct error *err)
{
    char text[FILE_MOST];
    int bytes = 0;
    CLEANUP(fd_close) int fd = open_key(path, err);
    TRY(fd);
    TRY(check_private(fd, path, err));
    TRY(check_outside(fd, root, path, err));
    int r = read_text(fd, path, text, &bytes, err);
    if (r == 0)
        r = parse_private(text, bytes, path, out, err);
    explicit_bzero(text, sizeof text);
    return r;
}

void signing_key_free(struct signing_key **key)
{
    if (!*key)
        return;
    EVP_PKEY_free((*key)->key);
    free(*key);
    *key = NULL;
}

const unsigned char *signing_key_public(const struct signing_key *key)
{
    return key->public_key;
}

int signing_key_sign(const struct signing_key *key, const unsigned char *digest,
                     unsigned char out[SIGNATURE_BYTES], struct error *err)
{
    CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t bytes = SIGNATURE_BYTES;
    if (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) != 1 ||
        EVP_DigestSign(context, out, &bytes, digest, DIGEST_BYTES) != 1 || bytes != SIGNATURE_BYTES)
        return error_say(err, EIO, "a seal of the journal could not be signed");
    return 0;
}

/* ---- the public one ---- */

int public_key_load(const char *path, unsigned char out[PUBLIC_BYTES], struct error *err)
{
    char text[FILE_MOST];
    int bytes = 0;
    CLEANUP(fd_close) int fd = open_key(path, err);
    TRY(fd);
    TRY(read_text(fd, path, text, &bytes, err));
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(text, bytes);
    CLEANUP(pkey_free)
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
    if (raw_public(key, out) < 0)
        return error_say(err, EINVAL,
                         "%.200s is not an Ed25519 public key; get it with: openssl pkey -in "
                         "KEY -pubout",
                         path);
    return 0;
}

bool signature_is_genuine(const unsigned char public_key[PUBLIC_BYTES], const unsigned char *digest,
                          const unsigned char signature[SIGNATURE_BYTES])
{
    CLEANUP(pkey_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_BYTES);
    CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature, SIGNATURE_BYTES, digest, DIGEST_BYTES) == 1;
}

void fingerprint_text(const unsigned char public_key[PUBLIC_BYTES], char out[FINGERPRINT_TEXT])
{
    unsigned char digest[SHA256_BYTES] = {0};
    char text[SHA256_TEXT] = "";
    struct sha256 *s = sha256_new();
    if (s) {
        sha256_begin(s);
        sha256_add(s, public_key, PUBLIC_BYTES);
        if (sha256_end(s, digest) == 0)
            sha256_text(digest, text);
    }
    sha256_free(&s);
    snprintf(out, FINGERPRINT_TEXT, "SHA256:%.16s", text);
}
