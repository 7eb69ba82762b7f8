/* vault.c - bytes that were destroyed, as files; see vault.h.
 *
 *   (1) A name of 16 hex digits is a complete version: copies are filled without a name, then
 * linked. Block versions grow, but each of their records is complete or at the end and no record.
 *   (2) Nothing here follows a symlink, waits on a FIFO or trusts a length that it reads.
 *   (3) Blocks are checked whole before the first byte of a target changes. */
#include "journal/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal/base/crc.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/budget.h"
#include "journal/vault_pack.h"
#include "journal/vault_sync.h"

#define FOLDERS 256
#define NAME_DIGITS 16
#define RECORD_HEADER 16
#define RECORD_MAX (UINT32_C(64) << 20)
#define CHUNK 65536
struct vault {
    int folders[FOLDERS];
    _Atomic uint64_t next;
    struct budget budget;
    _Atomic bool clones_not; /* this filesystem cannot FICLONE: not asked again */
};

/* ---- folders and names ---- */

static int folder_open(int dir, const char *name, struct error *err)
{
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make the vault's folder %s", name);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? error_set(err, errno, "open the vault's folder %s", name) : fd;
}

static int folders_open(struct vault *v, int dir, struct error *err)
{
    for (unsigned i = 0; i < FOLDERS; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", i);
        v->folders[i] = folder_open(dir, name, err);
        TRY(v->folders[i]);
    }
    return 0;
}

int vault_open(int state, struct vault **out, struct error *err)
{
    CLEANUP(vault_close) struct vault *v = malloc(sizeof *v);
    if (!v)
        return error_set(err, ENOMEM, "open the vault");
    for (unsigned i = 0; i < FOLDERS; i++)
        v->folders[i] = -1;
    atomic_init(&v->next, 1);
    budget_init(&v->budget);
    atomic_init(&v->clones_not, false);
    CLEANUP(fd_close) int dir = folder_open(state, "vault", err);
    TRY(dir);
    TRY(folders_open(v, dir, err));
    *out = v;
    v = NULL;
    return 0;
}

void vault_close(struct vault **v)
{
    if (!*v)
        return;
    for (unsigned i = 0; i < FOLDERS; i++)
        fd_close(&(*v)->folders[i]);
    budget_end(&(*v)->budget);
    free(*v);
    *v = NULL;
}

int vault_place(struct vault *v, uint64_t version, char name[17])
{
    snprintf(name, NAME_DIGITS + 1, "%016" PRIx64, version);
    return v->folders[version % FOLDERS];
}

/* The version that a name in folder `folder` stands for; 0: it is none. */
static uint64_t version_of(int dir, const char *name, unsigned folder)
{
    char plain[NAME_DIGITS + 1] = "";
    const char *rest = name + strnlen(name, NAME_DIGITS);
    if (strspn(name, "0123456789abcdef") != NAME_DIGITS || (*rest && strcmp(rest, ".zst") != 0))
        return 0;
    memcpy(plain, name, NAME_DIGITS);
    if (*rest && faccessat(dir, plain, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* packing was cut off */
    uint64_t version = strtoull(name, NULL, 16);
    return version % FOLDERS == folder ? version : 0;
}

/* ---- numbers and walks ---- */

uint64_t vault_new(struct vault *v)
{
    return atomic_fetch_add(&v->next, 1);
}

void vault_set_next(struct vault *v, uint64_t next)
{
    atomic_store(&v->next, next);
}

typedef void folder_entry(int folder, const char *name, uint64_t version, void *context);

static int walk_folder(struct vault *v, unsigned i, folder_entry *each, void *context)
{
    CLEANUP(fd_close) int fd = openat(v->folders[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return -errno;
    fd = -1; /* closedir() closes it */
    for (const struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(v->folders[i], e->d_name, version_of(v->folders[i], e->d_name, i), context);
    closedir(dir);
    return 0;
}

static int walk(struct vault *v, folder_entry *each, void *context)
{
    for (unsigned i = 0; i < FOLDERS; i++)
        TRY(walk_folder(v, i, each, context));
    return 0;
}

static void keep_highest(int folder, const char *name, uint64_t version, void *context)
{
    uint64_t *highest = context;
    (void)folder;
    (void)name;
    if (version > *highest)
        *highest = version;
}

uint64_t vault_highest(struct vault *v)
{
    uint64_t highest = 0;
    (void)walk(v, keep_highest, &highest); /* what cannot be read cannot be met either */
    return highest;
}

struct visit {
    vault_each *each;
    void *context;
};

static void visit_one(int folder, const char *name, uint64_t version, void *context)
{
    const struct visit *visit = context;
    (void)folder;
    (void)name;
    if (version)
        visit->each(visit->context, version);
}

int vault_walk(struct vault *v, vault_each *each, void *context)
{
    struct visit visit = {.each = each, .context = context};
    return walk(v, visit_one, &visit);
}

struct usage {
    uint64_t bytes;
    uint64_t versions;
};

static void add_usage(int folder, const char *name, uint64_t version, void *context)
{
    struct usage *usage = context;
    struct stat st;
    if (version == 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    usage->bytes += (uint64_t)st.st_blocks * 512;
    usage->versions++;
}

int vault_usage(struct vault *v, uint64_t *bytes, uint64_t *versions)
{
    struct usage usage = {0};
    TRY(walk(v, add_usage, &usage));
    *bytes = usage.bytes;
    *versions = usage.versions;
    return 0;
}

struct budget *vault_budget(struct vault *v)
{
    return &v->budget;
}

int vault_room(struct vault *v, struct error *err)
{
    return budget_room(&v->budget, err);
}

void vault_grew(struct vault *v, int64_t bytes)
{
    budget_add(&v->budget, bytes);
}

bool vault_used(struct vault *v, uint64_t *bytes)
{
    int64_t used = atomic_load(&v->budget.used);
    *bytes = used > 0 ? (uint64_t)used : 0;
    return atomic_load(&v->budget.measured);
}

/* A version came (1) or is about to go (-1). */
static void count_version(struct vault *v, uint64_t version, int sign)
{
    char name[17];
    struct stat st;
    int folder = vault_place(v, version, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        budget_add(&v->budget, sign * (int64_t)st.st_blocks * 512);
}

/* ---- one version ---- */

static int vault_error(struct error *err, int code, uint64_t version)
{
    if (code == ENOSPC || code == EDQUOT)
        return error_say(
            err, ENOSPC,
            "no room to keep what would be destroyed, so it was refused; free space on "
            "the workspace's filesystem");
    return error_set(err, code, "keep version %" PRIx64 " in the vault", version);
}

int vault_move_in(struct vault *v, uint64_t version, int dir, const char *name, struct error *err)
{
    char kept[17];
    int folder = vault_place(v, version, kept);
    int r = FAULT_ERROR("vault_move");
    if (r == 0 && renameat2(dir, name, folder, kept, RENAME_NOREPLACE) < 0)
        r = -errno;
    if (r < 0)
        return vault_error(err, -r, version);
    FAULT_POINT("vault_moved");
    count_version(v, version, 1);
    return 0;
}

int vault_link_in(struct vault *v, uint64_t version, int dir, const char *name, struct error *err)
{
    char kept[17];
    int folder = vault_place(v, version, kept);
    int r = FAULT_ERROR("vault_link");
    if (r == 0 && linkat(dir, name, folder, kept, 0) < 0)
        r = -errno;
    if (r < 0)
        return vault_error(err, -r, version);
    FAULT_POINT("vault_linked");
    count_version(v, version, 1);
    return 0;
}

int vault_move_out(struct vault *v, uint64_t version, int dir, const char *name, struct error *err)
{
    char kept[17];
    int folder = vault_place(v, version, kept);
    count_version(v, version, -1);
    if (renameat2(folder, kept, dir, name, RENAME_NOREPLACE) < 0)
        return error_set(err, errno, "bring back version %" PRIx64 " from the vault", version);
    return 0;
}

int vault_open_version(struct vault *v, uint64_t version, int flags)
{
    char name[17];
    int folder = vault_place(v, version, name);
    int wait = flags & O_PATH ? 0 : O_NONBLOCK; /* a kept FIFO must not hold us up */
    int fd = openat(folder, name, (flags & ~(O_CREAT | O_TRUNC)) | wait | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? -errno : fd;
    fd = vault_packed_open(v, version);
    if (fd >= 0 && (flags & O_ACCMODE) != O_RDONLY) {
        close(fd);
        return -EROFS; /* what is packed does not change any more */
    }
    return fd;
}

bool vault_has(struct vault *v, uint64_t version)
{
    char name[17];
    int folder = vault_place(v, version, name);
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || vault_packed_has(v, version);
}

void vault_discard(struct vault *v, uint64_t version)
{
    char name[17];
    int folder = vault_place(v, version, name);
    int saved = errno;
    vault_packed_discard(v, version); /* first: what is left by itself would be the version */
    count_version(v, version, -1);
    unlinkat(folder, name, 0);
    errno = saved;
}

bool vault_is_last_home(struct vault *v, uint64_t version)
{
    char name[17];
    struct stat st;
    int folder = vault_place(v, version, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    mode_t mode = st.st_mode & 07777;
    bool made_here = S_ISREG(st.st_mode) && (mode == VAULT_MADE_HERE || mode == VAULT_ON_DISK);
    return !made_here && st.st_nlink < 2;
}

/* ---- whole copies ---- */

/* 1: cloned, 0: this filesystem or file cannot, -errno. */
static int clone_whole(struct vault *v, int from, int to)
{
    if (atomic_load_explicit(&v->clones_not, memory_order_relaxed))
        return 0;
    if (ioctl(to, FICLONE, from) == 0)
        return 1;
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS)
        atomic_store_explicit(&v->clones_not, true, memory_order_relaxed);
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
        return -errno;
    return 0;
}

static int copy_whole(struct vault *v, int from, int to, int64_t size, int64_t copy_limit,
                      enum kept *out)
{
    int r = clone_whole(v, from, to);
    if (r < 0)
        return r;
    *out = r == 1 ? KEPT_CLONE : KEPT_COPY;
    if (r == 1)
        return 0;
    if (size > copy_limit)
        return -EFBIG;
    TRY(FAULT_ERROR("vault_copy"));
    return fd_copy(from, to, size);
}

static int fill(struct vault *v, int from, int to, int64_t size, int64_t copy_limit, enum kept *out)
{
    TRY(copy_whole(v, from, to, size, copy_limit, out));
    return vault_finish(to, *out, size);
}

/* A file without a name, so that only a complete one gets it. */
static int nameless(int folder)
{
    int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int give_name(int fd, int folder, const char *name)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, link, folder, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* For filesystems without O_TMPFILE: another name first. */
static int copy_by_rename(struct vault *v, int folder, const char *name, int from, int64_t size,
                          int64_t copy_limit, enum kept *out)
{
    char other[24];
    snprintf(other, sizeof other, "%s.part", name);
    CLEANUP(fd_close) int to = openat(folder, other, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    int r = fill(v, from, to, size, copy_limit, out);
    if (r == 0 && renameat2(folder, other, folder, name, RENAME_NOREPLACE) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(folder, other, 0);
    return r;
}

int vault_copy_in(struct vault *v, uint64_t version, int fd, int64_t size, int64_t copy_limit,
                  enum kept *out, struct error *err)
{
    char name[17];
    enum kept kept = KEPT_NONE;
    int folder = vault_place(v, version, name);
    CLEANUP(fd_close) int to = nameless(folder);
    int r = to;
    if (to >= 0)
        r = fill(v, fd, to, size, copy_limit, &kept);
    else if (to == -EOPNOTSUPP || to == -EISDIR)
        r = copy_by_rename(v, folder, name, fd, size, copy_limit, &kept);
    if (r == 0 && to >= 0)
        r = give_name(to, folder, name);
    FAULT_POINT("vault_copied");
    if (r == -EFBIG)
        return error_say(err, EFBIG, "the file is too large to be copied into the vault");
    if (r < 0)
        return vault_error(err, -r, version);
    count_version(v, version, 1);
    *out = kept;
    return 0;
}

/* ---- blocks ---- */

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
    char name[17];
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

int vault_blocks_add(int fd, int64_t offset, const void *data, uint32_t bytes, struct error *err)
{
    unsigned char header[RECORD_HEADER];
    struct stat st;

    if (offset < 0 || bytes > RECORD_MAX || offset > INT64_MAX - bytes)
        return error_set(err, EINVAL, "keep %u bytes at %" PRId64, bytes, offset);
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, "keep a block in the vault");
    int r = FAULT_ERROR("vault_block");
    if (r < 0)
        return vault_error(err, -r, 0);
    put64(header, (uint64_t)offset);
    put64(header + 8, bytes | (uint64_t)crc32c(0, data, bytes) << 32);
    ssize_t n = append(fd, header, data, bytes);
    if (n == (ssize_t)(RECORD_HEADER + (size_t)bytes))
        return 0;
    int code = n < 0 ? errno : ENOSPC;
    if (ftruncate(fd, st.st_size) < 0) /* else a torn record would stand before whole ones */
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
    if (blocks->count == blocks->room) {
        size_t room = blocks->room ? 2 * blocks->room : 64;
        struct block *list = reallocarray(blocks->list, room, sizeof *list);
        if (!list)
            return -ENOMEM;
        blocks->list = list;
        blocks->room = room;
    }
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
