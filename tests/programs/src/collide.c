/* collide.c - processes that do everything with few names at once, so that they get in each other's
 * way: whatever fails is part of it.  Each takes its choices from the seed; how they interleave is
 * chance.  collide FOLDER SEED PROCESSES OPERATIONS */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES "abcd"
#define HELD 4
#define BYTES_MAX 200000

struct player {
    uint64_t seed;
    const char *folder;
    char path[PATH_MAX];
    char path2[PATH_MAX];
    int held[HELD]; /* open for long, also when the name is gone */
    unsigned next;
};

static char bytes[BYTES_MAX];

static unsigned roll(struct player *p, unsigned below)
{
    p->seed = p->seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(p->seed >> 33) % below;
}

static void pick(struct player *p, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s", p->folder);
    for (unsigned depth = 1 + roll(p, 3); depth > 0; depth--)
        n += snprintf(path + n, (size_t)(PATH_MAX - n), "/%c", NAMES[roll(p, sizeof NAMES - 1)]);
}

static int fd_of(struct player *p, int flags)
{
    return open(p->path, flags | O_NONBLOCK | O_CLOEXEC, 0644);
}

static void put(struct player *p, int flags, off_t offset, unsigned most)
{
    int fd = fd_of(p, flags);
    size_t count = roll(p, most);
    if (fd < 0)
        return;
    if (pwrite(fd, bytes, count, offset) < 0)
        errno = 0; /* a FIFO */
    close(fd);
}

static void do_mkdir(struct player *p)
{
    mkdir(p->path, 0755);
}

static void do_mkfifo(struct player *p)
{
    mkfifo(p->path, 0644);
}

static void do_symlink(struct player *p)
{
    (void)!symlink(p->path2, p->path);
}

static void do_link(struct player *p)
{
    (void)!link(p->path, p->path2);
}

static void do_unlink(struct player *p)
{
    unlink(p->path);
}

static void do_rmdir(struct player *p)
{
    rmdir(p->path);
}

static void do_rename(struct player *p)
{
    rename(p->path, p->path2);
}

static void do_rename_with(struct player *p)
{
    renameat2(AT_FDCWD, p->path, AT_FDCWD, p->path2,
              roll(p, 2) ? RENAME_EXCHANGE : RENAME_NOREPLACE);
}

static void do_replace(struct player *p)
{
    put(p, O_WRONLY | O_CREAT | O_TRUNC, 0, BYTES_MAX);
}

static void do_append(struct player *p)
{
    put(p, O_WRONLY | O_CREAT | O_APPEND, 0, 9000);
}

static void do_write(struct player *p)
{
    put(p, O_RDWR, roll(p, 5000), 9000);
}

static void do_write_behind_hole(struct player *p)
{
    put(p, O_RDWR, roll(p, 150000), 5000);
}

static void do_truncate(struct player *p)
{
    (void)!truncate(p->path, roll(p, 20000));
}

static void do_allocate(struct player *p)
{
    static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
    int fd = fd_of(p, O_RDWR);
    if (fd >= 0) {
        (void)!fallocate(fd, modes[roll(p, 4)], roll(p, 90000), 1 + roll(p, 50000));
        close(fd);
    }
}

static void do_map(struct player *p)
{
    struct stat st;
    int fd = fd_of(p, O_RDWR);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 4096) {
        char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        /* Through the kernel, since somebody else may cut the file off: EFAULT, no SIGBUS. */
        int zero = map == MAP_FAILED ? -1 : open("/dev/zero", O_RDONLY | O_CLOEXEC);
        if (zero >= 0 && read(zero, map + roll(p, 4000), 50) < 0)
            errno = 0;
        if (zero >= 0)
            close(zero);
        if (map != MAP_FAILED)
            munmap(map, 4096);
    }
    close(fd);
}

static void do_chmod(struct player *p)
{
    chmod(p->path, 0700 | roll(p, 0100));
}

static void do_utimens(struct player *p)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = roll(p, 1000000000)}};
    utimensat(AT_FDCWD, p->path, times, AT_SYMLINK_NOFOLLOW);
}

static void do_setxattr(struct player *p)
{
    lsetxattr(p->path, "user.k", bytes, roll(p, 9), 0);
}

static void do_removexattr(struct player *p)
{
    lremovexattr(p->path, "user.k");
}

static void do_hold(struct player *p)
{
    int *slot = &p->held[p->next++ % HELD];
    if (*slot >= 0)
        close(*slot);
    *slot = fd_of(p, O_RDWR);
}

static void do_something_held(struct player *p)
{
    int fd = p->held[roll(p, HELD)];
    switch (fd < 0 ? 4 : roll(p, 4)) {
    case 0:
        (void)!pwrite(fd, bytes, roll(p, 3000), roll(p, 20000));
        break;
    case 1:
        (void)!ftruncate(fd, roll(p, 2) ? roll(p, 20000) : 0);
        break;
    case 2:
        fchmod(fd, 0600 | roll(p, 0100));
        break;
    case 3:
        fsetxattr(fd, "user.held", bytes, roll(p, 9), 0);
        break;
    default:
        break;
    }
}

static void (*const operations[])(struct player *p) = {
    do_mkdir,          do_mkdir,          do_mkfifo,
    do_symlink,        do_link,           do_link,
    do_unlink,         do_unlink,         do_rmdir,
    do_rename,         do_rename,         do_rename_with,
    do_replace,        do_replace,        do_append,
    do_append,         do_write,          do_write_behind_hole,
    do_truncate,       do_allocate,       do_map,
    do_chmod,          do_utimens,        do_setxattr,
    do_hold,           do_hold,           do_setxattr,
    do_something_held, do_something_held, do_removexattr,
};

static void play(const char *folder, uint64_t seed, unsigned count)
{
    struct player p = {.seed = seed, .folder = folder, .held = {-1, -1, -1, -1}};
    memset(bytes, 'a' + (int)(seed % 26), sizeof bytes);
    while (count-- > 0) {
        pick(&p, p.path);
        pick(&p, p.path2);
        operations[roll(&p, sizeof operations / sizeof operations[0])](&p);
    }
    _exit(0); /* what is held is closed by the kernel */
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc != 5) {
        fputs("usage: collide FOLDER SEED PROCESSES OPERATIONS\n", stderr);
        return 2;
    }
    uint64_t seed = strtoull(argv[2], NULL, 10);
    for (int i = 0; i < atoi(argv[3]); i++) {
        pid_t child = fork();
        if (child == 0)
            play(argv[1], seed * 64 + (uint64_t)i, (unsigned)atoi(argv[4]));
        failed |= child < 0;
    }
    for (int status = 0; wait(&status) > 0;)
        failed |= status != 0;
    return failed;
}
