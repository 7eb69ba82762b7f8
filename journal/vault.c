/* vault.c - bytes that were destroyed, as files; see vault.h.
 *
 *   (1) A name of 16 hex digits is a complete version: copies are filled without a name, then
 * linked.  Block versions grow; see vault_blocks.c.
 *   (2) Nothing here follows a symlink or waits on a FIFO. */
#include "journal/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/budget.h"
#include "journal/vault_pack.h"
#include "journal/vault_sync.h"

struct vault {
    int folders[VAULT_FOLDERS];
    _Atomic uint64_t next;
    struct budget budget;
    _Atomic bool clones_not; /* this filesystem cannot FICLONE: not asked again */
};

/* ---- folders and names ---- */

static int folder_open(int dir, const char *name, struct error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, name, flags);
    if (fd < 0 && errno == ENOENT) { /* only the first time: making one that is there costs more */
        if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
            return error_set(err, errno, "make the vault's folder %s", name);
        fd = openat(dir, name, flags);
    }
    return fd < 0 ? error_set(err, errno, "open the vault's folder %s", name) : fd;
}

static int folders_open(struct vault *v, int dir, struct error *err)
{
    for (unsigned i = 0; i < VAULT_FOLDERS; i++) {
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
    for (unsigned i = 0; i < VAULT_FOLDERS; i++)
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
    for (unsigned i = 0; i < VAULT_FOLDERS; i++)
        fd_close(&(*v)->folders[i]);
    budget_end(&(*v)->budget);
    free(*v);
    *v = NULL;
}

int vault_place(struct vault *v, uint64_t version, char name[VAULT_NAME])
{
    snprintf(name, VAULT_NAME, "%016" PRIx64, version);
    return v->folders[version % VAULT_FOLDERS];
}

/* ---- numbers and room ---- */

uint64_t vault_new(struct vault *v)
{
    return atomic_fetch_add(&v->next, 1);
}

void vault_set_next(struct vault *v, uint64_t next)
{
    atomic_store(&v->next, next);
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
    char name[VAULT_NAME];
    struct stat st;
    int folder = vault_place(v, version, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        budget_add(&v->budget, sign * (int64_t)st.st_blocks * 512);
}

/* ---- one version ---- */

int vault_error(struct error *err, int code, uint64_t version)
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
    char kept[VAULT_NAME];
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
    char kept[VAULT_NAME];
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
    char kept[VAULT_NAME];
    int folder = vault_place(v, version, kept);
    count_version(v, version, -1);
    if (renameat2(folder, kept, dir, name, RENAME_NOREPLACE) < 0)
        return error_set(err, errno, "bring back version %" PRIx64 " from the vault", version);
    return 0;
}

int vault_open_version(struct vault *v, uint64_t version, int flags)
{
    char name[VAULT_NAME];
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
    char name[VAULT_NAME];
    int folder = vault_place(v, version, name);
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || vault_packed_has(v, version);
}

void vault_discard(struct vault *v, uint64_t version)
{
    char name[VAULT_NAME];
    int folder = vault_place(v, version, name);
    int saved = errno;
    vault_packed_discard(v, version); /* first: what is left by itself would be the version */
    count_version(v, version, -1);
    unlinkat(folder, name, 0);
    errno = saved;
}

bool vault_is_last_home(struct vault *v, uint64_t version)
{
    char name[VAULT_NAME];
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

/* A name that no event knows is no version yet, complete or not: what a crash leaves of it is discarded. */
static int make(struct vault *v, int folder, const char *name, int from, int64_t size,
                int64_t copy_limit, enum kept *out)
{
    int flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd_close) int to = openat(folder, name, flags, VAULT_MADE_HERE);
    int r = to < 0 ? -errno : fill(v, from, to, size, copy_limit, out);
    if (to >= 0 && r < 0)
        unlinkat(folder, name, 0);
    return r;
}

int vault_copy_in(struct vault *v, uint64_t version, int fd, int64_t size, int64_t copy_limit,
                  enum kept *out, struct error *err)
{
    char name[VAULT_NAME];
    enum kept kept = KEPT_NONE;
    int folder = vault_place(v, version, name);
    int r = -EFBIG;
    if (size <= copy_limit || !atomic_load_explicit(&v->clones_not, memory_order_relaxed))
        r = make(v, folder, name, fd, size, copy_limit, &kept);
    FAULT_POINT("vault_copied");
    if (r == -EFBIG)
        return error_say(err, EFBIG, "the file is too large to be copied into the vault");
    if (r < 0)
        return vault_error(err, -r, version);
    count_version(v, version, 1);
    *out = kept;
    return 0;
}
