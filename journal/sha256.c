/* sha256.c - see sha256.h. */
#include "journal/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"

#define CHUNK 65536
#define TURN (INT64_C(1) << 20) /* of whoever works beside others: then it is theirs */
#define REST_TIMES 7
#define REST_MOST_NS (NS_PER_S / 10)

struct sha256 {
    EVP_MD *kind; /* fetched once: looking it up costs more than a short message */
    EVP_MD_CTX *context;
    bool failed;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    s->context = EVP_MD_CTX_new();
    if (!s->kind || !s->context)
        sha256_free(&s);
    return s;
}

void sha256_free(struct sha256 **s)
{
    if (!*s)
        return;
    int saved = errno;
    EVP_MD_CTX_free((*s)->context);
    EVP_MD_free((*s)->kind);
    free(*s);
    *s = NULL;
    errno = saved;
}

void sha256_begin(struct sha256 *s)
{
    s->failed = EVP_DigestInit_ex2(s->context, s->kind, NULL) != 1;
}

void sha256_add(struct sha256 *s, const void *data, size_t bytes)
{
    if (!s->failed && bytes > 0)
        s->failed = EVP_DigestUpdate(s->context, data, bytes) != 1;
}

int sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
    unsigned bytes = 0;
    if (!s->failed)
        s->failed = EVP_DigestFinal_ex(s->context, out, &bytes) != 1 || bytes != SHA256_BYTES;
    return s->failed ? -EIO : 0;
}

/* As a priority does for the processor: of a disk, and of what a loop device copies, the last in
 * the queue gets his full share too. */
static void rest(int64_t *since)
{
    int64_t ns = REST_TIMES * (clock_steady_ns() - *since);
    struct timespec pause = {.tv_nsec = ns < REST_MOST_NS ? ns : REST_MOST_NS};
    nanosleep(&pause, NULL);
    *since = clock_steady_ns();
}

int sha256_file(struct sha256 *s, int fd, const atomic_bool *stop, unsigned char out[SHA256_BYTES])
{
    unsigned char chunk[CHUNK];
    off_t at = 0;
    int64_t since = stop ? clock_steady_ns() : 0;
    sha256_begin(s);
    for (;;) {
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return -EINTR;
        if (stop && at > 0 && at % TURN == 0)
            rest(&since);
        ssize_t n = pread(fd, chunk, sizeof chunk, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return sha256_end(s, out);
        sha256_add(s, chunk, (size_t)n);
        at += n;
    }
}

void sha256_text(const unsigned char digest[SHA256_BYTES], char out[SHA256_TEXT])
{
    for (size_t i = 0; i < SHA256_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
