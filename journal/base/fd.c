/* fd.c - see fd.h. */
#include "journal/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

int fd_pipe(int *reads, int *writes, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, errno, "make a pipe");
    *reads = ends[0];
    *writes = ends[1];
    return 0;
}

int fd_write_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t n = write(fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int fd_pwrite_all(int fd, const void *data, size_t bytes, int64_t offset)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t n = pwrite(fd, at, bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        offset += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int fd_pread_all(int fd, void *data, size_t bytes, int64_t offset)
{
    char *at = data;
    while (bytes > 0) {
        ssize_t n = pread(fd, at, bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ENODATA;
        at += n;
        offset += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* One run of data.  copy_file_range(2) where the filesystem has it, else, or where that is quicker,
 * through memory.  1: the file became shorter meanwhile. */
static int copy_run(int from, int to, int64_t offset, int64_t bytes)
{
    char buffer[65536];
    bool in_kernel = bytes > (int64_t)sizeof buffer;
    while (bytes > 0) {
        ssize_t n = -1;
        if (in_kernel) {
            off_t in = offset;
            off_t out = offset;
            n = copy_file_range(from, &in, to, &out, (size_t)bytes, 0);
            if (n < 0 &&
                (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
                in_kernel = false;
                continue;
            }
        } else {
            size_t wish = bytes < (int64_t)sizeof buffer ? (size_t)bytes : sizeof buffer;
            n = pread(from, buffer, wish, offset);
            int r = n > 0 ? fd_pwrite_all(to, buffer, (size_t)n, offset) : 0;
            if (r < 0)
                return r;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 1;
        offset += n;
        bytes -= n;
    }
    return 0;
}

int fd_copy(int from, int to, int64_t size)
{
    int64_t at = 0;
    int64_t end = 0; /* of what was copied */
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* only a hole is left */
        if (data < 0)
            return -errno;
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        if (data >= size)
            break;
        if (hole > size)
            hole = size;
        int r = copy_run(from, to, data, hole - data);
        TRY(r);
        at = hole;
        end = r == 0 ? hole : end;
    }
    return end != size && ftruncate(to, size) < 0 ? -errno : 0;
}

size_t fd_next_data(int fd, int64_t *at, int64_t end, size_t most)
{
    off_t data = lseek(fd, *at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return 0;
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    *at = data < 0 ? *at : data;
    int64_t stop = hole > *at && hole < end ? hole : end;
    int64_t left = stop - *at;
    if (left <= 0)
        return 0;
    return left < (int64_t)most ? (size_t)left : most;
}

static int open_beneath(int dir, const char *path, int flags, unsigned mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (;;) {
        long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR) /* EAGAIN: a rename raced with the walk */
            return -errno;
    }
}

/* Where to cut a path that is too long for one system call: behind the last whole part that fits. */
static size_t cut_at(const char *path)
{
    size_t cut = PATH_MAX - 1;
    while (cut > 0 && path[cut] != '/')
        cut--;
    return cut;
}

int fd_open_beneath(int dir, const char *path, int flags, unsigned mode)
{
    CLEANUP(fd_close) int folder = -1;
    while (strlen(path) >= PATH_MAX) {
        char part[PATH_MAX];
        size_t n = cut_at(path);
        if (n == 0)
            return -ENAMETOOLONG;
        memcpy(part, path, n);
        part[n] = '\0';
        int next = open_beneath(folder < 0 ? dir : folder, part, O_PATH | O_DIRECTORY, 0);
        if (next < 0)
            return next;
        fd_close(&folder);
        folder = next;
        path += n + 1;
    }
    return open_beneath(folder < 0 ? dir : folder, path[0] ? path : ".", flags, mode);
}

uint64_t fd_raise_limit(void)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}
