/* vault_pack.c - see vault_pack.h.
 *
 *   packed, without a name, on the disk  ──►  named N.zst  ──►  folder on the disk  ──►  N removed
 */
#include "journal/vault_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/vault_sync.h"

#define SMALLEST 16384 /* bytes on the disk: below, a few blocks are all there is to gain */

int vault_packed_place(struct vault *v, uint64_t version, char name[VAULT_PACKED_NAME])
{
    char plain[VAULT_NAME];
    snprintf(name, VAULT_PACKED_NAME, "%016" PRIx64 ".zst", version);
    return vault_place(v, version, plain);
}

static uint64_t allocated(const struct stat *st)
{
    return (uint64_t)st->st_blocks * 512;
}

uint64_t vault_packed_bytes(struct vault *v, uint64_t version)
{
    char name[VAULT_PACKED_NAME];
    struct stat st;
    int folder = vault_packed_place(v, version, name);
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? allocated(&st) : 0;
}

bool vault_packed_has(struct vault *v, uint64_t version)
{
    char name[VAULT_PACKED_NAME];
    int folder = vault_packed_place(v, version, name);
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void vault_packed_discard(struct vault *v, uint64_t version)
{
    char name[VAULT_PACKED_NAME];
    int folder = vault_packed_place(v, version, name);
    uint64_t bytes = vault_packed_bytes(v, version);
    if (unlinkat(folder, name, 0) == 0)
        vault_grew(v, -(int64_t)bytes);
}

/* ---- looking ---- */

static int packed_file(struct vault *v, uint64_t version, struct stat *st)
{
    char name[VAULT_PACKED_NAME];
    int folder = vault_packed_place(v, version, name);
    CLEANUP(fd_close)
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) < 0)
        return -errno;
    return S_ISREG(st->st_mode) ? fd_take(&fd) : -EBADMSG;
}

int vault_attr(struct vault *v, uint64_t version, struct attr *out)
{
    char name[VAULT_NAME];
    struct stat st;
    int64_t size = 0;
    int r = attr_read(vault_place(v, version, name), name, out);
    if (r != -ENOENT)
        return r;
    CLEANUP(fd_close) int fd = packed_file(v, version, &st);
    TRY(fd);
    TRY(pack_size(fd, &size));
    TRY(attr_read(fd, "", out));
    out->size = (uint64_t)size;
    return 0;
}

/* Where the folder's filesystem has no files without a name, or may not be written, memory is all
 * there is. */
static int scratch(int folder)
{
    int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EROFS || errno == EACCES))
        fd = memfd_create("version", MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int dress(int fd, const struct stat *as)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, as->st_mtim};
    return fchmod(fd, as->st_mode & 07777) < 0 || futimens(fd, times) < 0 ? -errno : 0;
}

int vault_packed_open(struct vault *v, uint64_t version)
{
    char name[VAULT_NAME];
    struct stat st;
    CLEANUP(fd_close) int from = packed_file(v, version, &st);
    TRY(from);
    CLEANUP(fd_close) int to = scratch(vault_place(v, version, name));
    TRY(to);
    TRY(pack_read(from, to));
    TRY(dress(to, &st));
    return fd_take(&to);
}

/* ---- packing ---- */

static bool is_worth_a_try(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_mode & 07777) == VAULT_ON_DISK && st->st_nlink == 1 &&
           st->st_size > 0 && allocated(st) >= SMALLEST;
}

bool vault_is_packable(struct vault *v, uint64_t version, uint64_t *bytes)
{
    char name[VAULT_NAME];
    struct stat st;
    int folder = vault_place(v, version, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_worth_a_try(&st))
        return false;
    *bytes = allocated(&st);
    return true;
}

void vault_packing_release(struct vault_packing *p)
{
    fd_close(&p->fd);
}

/* 1: at least a quarter less. */
static int pack_into(int from, const struct stat *st, int to, pack_go_on *go_on, void *context)
{
    int64_t most = (int64_t)(allocated(st) - allocated(st) / 4);
    int r = pack_write(from, st->st_size, to, most, go_on, context);
    if (r == 1)
        TRY(dress(to, st));
    if (r == 1 && fsync(to) < 0)
        return -errno;
    return r;
}

int vault_pack_prepare(struct vault *v, uint64_t version, pack_go_on *go_on, void *context,
                       struct vault_packing *out)
{
    char name[VAULT_NAME];
    struct stat st;
    int folder = vault_place(v, version, name);
    CLEANUP(fd_close)
    int from = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(from, &st) < 0)
        return -errno;
    if (!is_worth_a_try(&st) || vault_sum_breaks(v, version))
        return 0; /* what is damaged must not get a checksum that says it is sound */
    CLEANUP(fd_close) int to = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (to < 0)
        return errno == EOPNOTSUPP || errno == EISDIR ? 0 : -errno;
    int r = pack_into(from, &st, to, go_on, context);
    if (r == 1)
        *out = (struct vault_packing){.version = version, .fd = fd_take(&to), .as = st};
    return r;
}

static bool is_as_read(int folder, const char *name, const struct stat *as)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == as->st_ino &&
           st.st_size == as->st_size && st.st_nlink == 1 &&
           st.st_ctim.tv_sec == as->st_ctim.tv_sec && st.st_ctim.tv_nsec == as->st_ctim.tv_nsec;
}

/* What an earlier try left under the name counts for nothing (2). */
static int give_packed_name(int fd, int folder, const char *name)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return linkat(AT_FDCWD, link, folder, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int vault_pack_commit(struct vault *v, const struct vault_packing *p, uint64_t *saved)
{
    char plain[VAULT_NAME];
    char packed[VAULT_PACKED_NAME];
    int folder = vault_place(v, p->version, plain);
    vault_packed_place(v, p->version, packed);
    if (!is_as_read(folder, plain, &p->as))
        return 0;
    FAULT_POINT("pack_written");
    TRY(give_packed_name(p->fd, folder, packed));
    FAULT_POINT("pack_named");
    int r = FAULT_ERROR("pack_sync");
    if (r == 0 && fsync(folder) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(folder, packed, 0);
        return r;
    }
    FAULT_POINT("pack_synced");
    if (unlinkat(folder, plain, 0) < 0)
        return -errno;
    FAULT_POINT("pack_done");
    uint64_t now = vault_packed_bytes(v, p->version);
    *saved = allocated(&p->as) > now ? allocated(&p->as) - now : 0;
    vault_grew(v, -(int64_t)*saved);
    return 1;
}
