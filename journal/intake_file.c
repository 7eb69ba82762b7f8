/* intake_file.c - see intake_file.h. */
#include "journal/intake_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/crc.h"
#include "journal/base/fd.h"

#define MAGIC "ccfsring"
#define VERSION 1
#define RING_MIN (UINT64_C(64) << 10)
#define RING_MAX (UINT64_C(1) << 30)

_Static_assert(sizeof(struct intake_header) <= INTAKE_HEADER_BYTES, "the header is one page");

static uint32_t header_crc(const struct intake_header *h)
{
    uint32_t crc = crc32c(0, h->magic, sizeof h->magic);
    crc = crc32c(crc, &h->version, sizeof h->version);
    return crc32c(crc, &h->ring_bytes, sizeof h->ring_bytes);
}

static int file_fill(int fd, uint64_t ring_bytes)
{
    static const char zeros[INTAKE_HEADER_BYTES];
    struct intake_header h = {.version = VERSION, .ring_bytes = ring_bytes};
    memcpy(h.magic, MAGIC, sizeof h.magic);
    h.crc = header_crc(&h);
    int r = posix_fallocate(fd, 0, (off_t)(INTAKE_HEADER_BYTES + ring_bytes));
    if (r != 0)
        return -r;
    for (uint64_t at = INTAKE_HEADER_BYTES; at < INTAKE_HEADER_BYTES + ring_bytes;
         at += sizeof zeros)
        TRY(fd_pwrite_all(fd, zeros, sizeof zeros, (int64_t)at));
    TRY(fd_pwrite_all(fd, &h, sizeof h, 0));
    return fsync(fd) < 0 ? -errno : 0;
}

int intake_create(int state, uint64_t ring_bytes, struct error *err)
{
    char fresh[64];
    if (faccessat(state, "intake", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    snprintf(fresh, sizeof fresh, "intake.%ld.new", (long)getpid());
    unlinkat(state, fresh, 0);
    CLEANUP(fd_close) int fd = openat(state, fresh, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "make the journal's intake");
    int r = file_fill(fd, ring_bytes);
    if (r == 0 && linkat(state, fresh, state, "intake", 0) < 0 && errno != EEXIST)
        r = -errno;
    unlinkat(state, fresh, 0);
    if (r == 0 && fsync(state) < 0)
        r = -errno;
    return r < 0 ? error_set(err, -r, "make the journal's intake") : 0;
}

static int damaged(struct error *err, const char *what)
{
    return error_say(err, EBADMSG,
                     "the journal's intake is damaged (%s); it was not touched: move .ccfs/intake "
                     "away to go on without the events that were only there",
                     what);
}

static int header_check(const struct intake_header *h, uint64_t file_bytes, struct error *err)
{
    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
        return damaged(err, "no intake of ccfs");
    if (h->crc != header_crc(h))
        return damaged(err, "its header's checksum");
    if (h->version > VERSION)
        return error_say(err, EPROTO,
                         "the journal's intake was written by a newer ccfs; it was not touched: "
                         "upgrade ccfs");
    if (h->version != VERSION || h->ring_bytes < RING_MIN || h->ring_bytes > RING_MAX ||
        h->ring_bytes % INTAKE_HEADER_BYTES != 0 ||
        file_bytes != INTAKE_HEADER_BYTES + h->ring_bytes)
        return damaged(err, "its size");
    uint64_t head = atomic_load(&h->head);
    uint64_t tail = atomic_load(&h->tail);
    if (head < tail || head - tail > h->ring_bytes || head % INTAKE_ALIGN != 0 ||
        tail % INTAKE_ALIGN != 0)
        return damaged(err, "its ends");
    return 0;
}

/* Reads all of it once: what cannot be read is an error here and no SIGBUS later. */
static int file_read_through(int fd, uint64_t bytes)
{
    char chunk[65536];
    for (uint64_t at = 0; at < bytes;) {
        uint64_t left = bytes - at;
        size_t wish = left < sizeof chunk ? (size_t)left : sizeof chunk;
        TRY(fd_pread_all(fd, chunk, wish, (int64_t)at));
        at += wish;
    }
    return 0;
}

int intake_file_map(int fd, struct intake_header **out, struct error *err)
{
    struct stat st;
    struct intake_header h;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, "open the journal's intake");
    if (!S_ISREG(st.st_mode) || st.st_size < INTAKE_HEADER_BYTES)
        return damaged(err, "its size");
    int r = fd_pread_all(fd, &h, sizeof h, 0);
    if (r == 0)
        TRY(header_check(&h, (uint64_t)st.st_size, err));
    if (r == 0)
        r = file_read_through(fd, (uint64_t)st.st_size);
    if (r < 0)
        return error_set(err, -r, "read the journal's intake");
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return error_set(err, errno, "map the journal's intake");
    *out = map;
    return 0;
}
