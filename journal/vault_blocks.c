/* vault_blocks.c - versions that hold only the ranges that were overwritten.
 *
 *   (1) Each of their records is complete, or at the end and no record.
 *   (2) They are checked whole before the first byte of a target changes.
 *   (3) No length that is read is trusted. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal/base/crc.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/list.h"
#include "journal/vault.h"
#include "journal/vault_sync.h"

#define RECORD_HEADER 16
#define RECORD_MAX (UINT32_C(64) << 20)
#define CHUNK 65536

struct block {
    int64_t offset; /* in the user's file */
    uint32_t bytes;
    uint32_t crc;
    int64_t at; /* of the data, in the version */
};

struct blocks {
    struct block *list; /* owned */
    size_t count;
    size_t room;
};

static void blocks_release(struct blocks *b)
{
    free(b->list);
    *b = (struct blocks){0};
}

static void put64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get64(const unsigned char *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

int vault_blocks_create(struct vault *v, uint64_t version, int *fd, struct error *err)
{
    char name[VAULT_NAME];
    int folder = vault_place(v, version, name);
    int made = openat(folder, name, O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (made < 0)
        return vault_error(err, errno, version);
    if (fchmod(made, VAULT_MADE_HERE) < 0) {
        int code = errno;
        close(made);
        vault_discard(v, version);
        return vault_error(err, code, version);
    }
    *fd = made;
    return 0;
}

static ssize_t append(int fd, unsigned char *header, const void *data, uint32_t bytes)
{
    struct iovec parts[2] = {
        {.iov_base = header, .iov_len = RECORD_HEADER},
        {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes},
    };
    ssize_t n;
    do
        n = writev(fd, parts, 2);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The last bytes of a file. */
static int take_back(int fd, off_t bytes)
{
    struct stat st;
    return fstat(fd, &st) < 0 ? -1 : ftruncate(fd, st.st_size - bytes);
}

int vault_blocks_add(int fd, int64_t offset, const void *data, uint32_t bytes, struct error *err)
{
    unsigned char header[RECORD_HEADER];
    if (offset < 0 || bytes > RECORD_MAX || offset > INT64_MAX - bytes)
        return error_set(err, EINVAL, "keep %u bytes at %" PRId64, bytes, offset);
    int r = FAULT_ERROR("vault_block");
    if (r < 0)
        return vault_error(err, -r, 0);
    put64(header, (uint64_t)offset);
    put64(header + 8, bytes | (uint64_t)crc32c(0, data, bytes) << 32);
    ssize_t n = append(fd, header, data, bytes);
    if (n == (ssize_t)(RECORD_HEADER + (size_t)bytes))
        return 0;
    int code = n < 0 ? errno : ENOSPC;
    if (n > 0 && take_back(fd, n) < 0) /* else a torn record would stand before whole ones */
        return error_set(err, EIO, "take a torn block back out of the vault");
    return vault_error(err, code, 0);
}

/* 1: *out is the record at `at`, 0: none or a torn one, -errno. */
static int block_read(int fd, int64_t at, int64_t end, struct block *out)
{
    unsigned char header[RECORD_HEADER];
    if (end - at < RECORD_HEADER)
        return 0;
    TRY(fd_pread_all(fd, header, sizeof header, at));
    uint64_t sizes = get64(header + 8);
    *out = (struct block){
        .offset = (int64_t)get64(header),
        .bytes = (uint32_t)sizes,
        .crc = (uint32_t)(sizes >> 32),
        .at = at + RECORD_HEADER,
    };
    if (out->bytes > end - out->at)
        return 0;
    if (out->offset < 0 || out->bytes > RECORD_MAX || out->offset > INT64_MAX - out->bytes)
        return -EBADMSG;
    return 1;
}

/* Hands a block's data on in pieces; to < 0: only checks.  0, -EBADMSG: not its checksum, -errno.
 */
static int block_pass(int fd, const struct block *b, int to)
{
    unsigned char chunk[CHUNK];
    uint32_t crc = 0;
    for (uint32_t done = 0; done < b->bytes;) {
        uint32_t left = b->bytes - done;
        uint32_t bytes = left < CHUNK ? left : CHUNK;
        TRY(fd_pread_all(fd, chunk, bytes, b->at + done));
        crc = crc32c(crc, chunk, bytes);
        if (to >= 0)
            TRY(fd_pwrite_all(to, chunk, bytes, b->offset + done));
        done += bytes;
    }
    return crc == b->crc ? 0 : -EBADMSG;
}

static int blocks_push(struct blocks *blocks, const struct block *b)
{
    struct block *list = list_grown(blocks->list, blocks->count, &blocks->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    blocks->list = list;
    blocks->list[blocks->count++] = *b;
    return 0;
}

/* All whole records, checked.  A bad checksum is a torn record only at the very end. */
static int blocks_load(int fd, struct blocks *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    struct block b;
    int r;
    for (int64_t at = 0; (r = block_read(fd, at, st.st_size, &b)) == 1; at = b.at + b.bytes) {
        int sound = block_pass(fd, &b, -1);
        if (sound == -EBADMSG && b.at + b.bytes == st.st_size)
            return 0;
        TRY(sound);
        TRY(blocks_push(out, &b));
    }
    return r;
}

static int blocks_open(struct vault *v, uint64_t version, int *fd, struct blocks *out,
                       struct error *err)
{
    CLEANUP(fd_close) int opened = vault_open_version(v, version, O_RDONLY);
    int r = opened < 0 ? opened : blocks_load(opened, out);
    if (r == -EBADMSG)
        return error_say(err, EBADMSG, "version %" PRIx64 " in the vault is damaged", version);
    if (r < 0)
        return error_set(err, -r, "read version %" PRIx64 " in the vault", version);
    *fd = fd_take(&opened);
    return 0;
}

int vault_blocks_rest(struct vault *v, uint64_t version, int64_t *out, struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(blocks_release) struct blocks blocks = {0};
    struct stat st;

    TRY(blocks_open(v, version, &fd, &blocks, err));
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, "read version %" PRIx64 " in the vault", version);
    const struct block *last = blocks.count ? &blocks.list[blocks.count - 1] : NULL;
    *out = st.st_size - (last ? last->at + last->bytes : 0);
    return 0;
}

int vault_blocks_restore(struct vault *v, uint64_t version, int target, struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(blocks_release) struct blocks blocks = {0};

    TRY(blocks_open(v, version, &fd, &blocks, err));
    for (size_t i = blocks.count; i-- > 0;) { /* newest first, so that the first record wins */
        int r = block_pass(fd, &blocks.list[i], target);
        if (r < 0)
            return error_set(err, -r, "put back the blocks of version %" PRIx64, version);
    }
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct range *x = a;
    const struct range *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sorts, and joins what touches; returns how many are left. */
static size_t ranges_merge(struct range *list, size_t count)
{
    size_t kept = 0;
    qsort(list, count, sizeof *list, by_offset);
    for (size_t i = 0; i < count; i++) {
        struct range *last = kept ? &list[kept - 1] : NULL;
        int64_t end = list[i].offset + list[i].length;
        if (last && list[i].offset <= last->offset + last->length) {
            if (end > last->offset + last->length)
                last->length = end - last->offset;
        } else {
            list[kept++] = list[i];
        }
    }
    return kept;
}

int vault_blocks_ranges(struct vault *v, uint64_t version, struct range **out, size_t *count,
                        struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(blocks_release) struct blocks blocks = {0};

    TRY(blocks_open(v, version, &fd, &blocks, err));
    struct range *list = calloc(blocks.count + 1, sizeof *list);
    if (!list)
        return error_set(err, ENOMEM, "read version %" PRIx64 " in the vault", version);
    for (size_t i = 0; i < blocks.count; i++)
        list[i] = (struct range){blocks.list[i].offset, blocks.list[i].bytes};
    *count = ranges_merge(list, blocks.count);
    *out = list;
    return 0;
}
