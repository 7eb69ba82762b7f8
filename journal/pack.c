/* pack.c - see pack.h; the only file that knows zstd. */
#include "journal/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "journal/base/crc.h"
#include "journal/base/fd.h"

#define MAGIC UINT32_C(0x184D2A5C)
#define HEADER 24
#define HEADER_PAYLOAD 16
#define LEVEL 3
#define WINDOW_LOG_MOST 23 /* memory that a frame may ask for: 8 MiB; ours ask for less */
#define CHUNK ((size_t)128 << 10)
#define BLOCK 4096 /* zeros of this length become a hole */

/* ---- the header ---- */

struct header {
    int64_t bytes;
    uint32_t crc;
};

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static int header_write(int fd, const struct header *h)
{
    unsigned char raw[HEADER];
    put(raw, MAGIC, 4);
    put(raw + 4, HEADER_PAYLOAD, 4);
    put(raw + 8, (uint64_t)h->bytes, 8);
    put(raw + 16, h->crc, 4);
    put(raw + 20, crc32c(0, raw, 20), 4);
    return fd_pwrite_all(fd, raw, sizeof raw, 0);
}

static int header_read(int fd, struct header *out)
{
    unsigned char raw[HEADER];
    int r = fd_pread_all(fd, raw, sizeof raw, 0);
    if (r < 0)
        return r == -ENODATA ? -EBADMSG : r;
    if (get(raw, 4) != MAGIC || get(raw + 4, 4) != HEADER_PAYLOAD ||
        get(raw + 20, 4) != crc32c(0, raw, 20) || get(raw + 8, 8) > INT64_MAX)
        return -EBADMSG;
    *out = (struct header){.bytes = (int64_t)get(raw + 8, 8), .crc = (uint32_t)get(raw + 16, 4)};
    return 0;
}

int pack_size(int fd, int64_t *out)
{
    struct header h;
    TRY(header_read(fd, &h));
    *out = h.bytes;
    return 0;
}

/* ---- packing ---- */

struct packer {
    ZSTD_CCtx *zstd;   /* owned, as is what follows */
    unsigned char *in; /* CHUNK bytes each */
    unsigned char *out;
    int to;
    int64_t at; /* in `to` */
    int64_t most;
};

static void packer_release(struct packer *p)
{
    ZSTD_freeCCtx(p->zstd);
    free(p->in);
    free(p->out);
    *p = (struct packer){0};
}

static int packer_prepare(struct packer *p)
{
    p->zstd = ZSTD_createCCtx();
    p->in = malloc(CHUNK);
    p->out = malloc(CHUNK);
    if (!p->zstd || !p->in || !p->out)
        return -ENOMEM;
    return ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL)) ? -EINVAL
                                                                                         : 0;
}

/* 1: taken in, 0: too large, -errno. */
static int pack_chunk(struct packer *p, size_t bytes, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = {.src = p->in, .size = bytes};
    size_t left = 1;
    while (in.pos < in.size || (how == ZSTD_e_end && left > 0)) {
        ZSTD_outBuffer out = {.dst = p->out, .size = CHUNK};
        left = ZSTD_compressStream2(p->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return -EIO;
        if (p->at + (int64_t)out.pos > p->most)
            return 0;
        TRY(fd_pwrite_all(p->to, p->out, out.pos, p->at));
        p->at += (int64_t)out.pos;
    }
    return 1;
}

int pack_write(int from, int64_t size, int to, int64_t most, pack_go_on *go_on, void *context)
{
    CLEANUP(packer_release) struct packer p = {.to = to, .at = HEADER, .most = most};
    struct header h = {.bytes = size};
    int r = 1;
    TRY(packer_prepare(&p));
    for (int64_t at = 0; r == 1 && at < size;) {
        size_t bytes = size - at < (int64_t)CHUNK ? (size_t)(size - at) : CHUNK;
        if (!go_on(context))
            return -ECANCELED;
        TRY(fd_pread_all(from, p.in, bytes, at));
        h.crc = crc32c(h.crc, p.in, bytes);
        at += (int64_t)bytes;
        r = pack_chunk(&p, bytes, ZSTD_e_continue);
    }
    if (r == 1)
        r = pack_chunk(&p, 0, ZSTD_e_end);
    if (r == 1)
        TRY(header_write(to, &h));
    return r;
}

/* ---- unpacking ---- */

struct unpacker {
    ZSTD_DCtx *zstd;   /* owned, as is what follows */
    unsigned char *in; /* CHUNK bytes each */
    unsigned char *out;
    int from;
    int to;
    int64_t at; /* in `to` */
    uint32_t crc;
    struct header meant;
    size_t left; /* what zstd said last; 0: the frame has ended */
};

static void unpacker_release(struct unpacker *u)
{
    ZSTD_freeDCtx(u->zstd);
    free(u->in);
    free(u->out);
    *u = (struct unpacker){0};
}

static int unpacker_prepare(struct unpacker *u)
{
    u->zstd = ZSTD_createDCtx();
    u->in = malloc(CHUNK);
    u->out = malloc(CHUNK);
    if (!u->zstd || !u->in || !u->out)
        return -ENOMEM;
    return ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MOST))
               ? -EINVAL
               : 0;
}

static bool is_zero(const unsigned char *data, size_t bytes)
{
    return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

static int write_data(struct unpacker *u, size_t bytes)
{
    if ((int64_t)bytes > u->meant.bytes - u->at)
        return -EBADMSG;
    u->crc = crc32c(u->crc, u->out, bytes);
    for (size_t done = 0; done < bytes;) {
        size_t n = bytes - done < BLOCK ? bytes - done : BLOCK;
        if (!is_zero(u->out + done, n))
            TRY(fd_pwrite_all(u->to, u->out + done, n, u->at + (int64_t)done));
        done += n;
    }
    u->at += (int64_t)bytes;
    return 0;
}

static int unpack_chunk(struct unpacker *u, size_t bytes)
{
    ZSTD_inBuffer in = {.src = u->in, .size = bytes};
    bool full = true;
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {.dst = u->out, .size = CHUNK};
        u->left = ZSTD_decompressStream(u->zstd, &out, &in);
        if (ZSTD_isError(u->left))
            return -EBADMSG;
        TRY(write_data(u, out.pos));
        full = out.pos == CHUNK;
        if (u->left == 0)
            return in.pos == in.size ? 0 : -EBADMSG;
    }
    return 0;
}

static int unpack_all(struct unpacker *u, int64_t end)
{
    for (int64_t at = HEADER; at < end;) {
        size_t bytes = end - at < (int64_t)CHUNK ? (size_t)(end - at) : CHUNK;
        TRY(fd_pread_all(u->from, u->in, bytes, at));
        TRY(unpack_chunk(u, bytes));
        at += (int64_t)bytes;
        if (u->left == 0 && at < end)
            return -EBADMSG; /* something behind the frame */
    }
    return u->left == 0 && u->at == u->meant.bytes && u->crc == u->meant.crc ? 0 : -EBADMSG;
}

int pack_read(int from, int to)
{
    CLEANUP(unpacker_release) struct unpacker u = {.from = from, .to = to, .left = 1};
    struct stat st;
    TRY(header_read(from, &u.meant));
    if (fstat(from, &st) < 0)
        return -errno;
    TRY(unpacker_prepare(&u));
    TRY(unpack_all(&u, st.st_size));
    return ftruncate(to, u.meant.bytes) < 0 ? -errno : 0;
}
