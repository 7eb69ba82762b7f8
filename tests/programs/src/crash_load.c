/* crash_load.c - a mixed load of several processes on one tree, until time is up or the mount dies.
 *
 * Each process goes its own way, by the seed; they meet at the same few names.  With one process and
 * a count of steps instead of a time the same seed does the same.  Failures are part of the load:
 * nobody reports them.
 *
 *   crash_load DIR SEED PROCESSES SECONDS
 *   crash_load DIR SEED steps COUNT         one process, COUNT steps
 *   crash_load DIR SEED story               every kind of operation once, in order */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static uint64_t dice;

static uint64_t roll(uint64_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (dice * UINT64_C(0x2545f4914f6cdd1d) >> 16) % sides;
}

/* Up to three levels of four names each: collisions are the point. */
static const char *some_path(void)
{
    static char paths[4][64];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    size_t at = 0;
    for (uint64_t level = 0, levels = 1 + roll(3); level < levels; level++) {
        path[at++] = (char)('a' + roll(4));
        path[at++] = '/';
    }
    path[at - 1] = '\0';
    return path;
}

static char data[300000];

static void fill_data(void)
{
    uint64_t seed = roll(UINT64_MAX) | 1;
    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        data[i] = (char)(seed >> 56);
    }
}

/* Never waits on a FIFO: all opens are O_NONBLOCK.  Mostly small, sometimes beyond what is copied whole. */
static size_t some_bytes(void)
{
    return 1 + (size_t)roll(roll(4) == 0 ? sizeof data : 9000);
}

static void write_at(const char *path, int flags, off_t offset)
{
    int fd = open(path, flags | O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    if (pwrite(fd, data, some_bytes(), offset) > 0 && roll(8) == 0)
        fsync(fd);
    close(fd);
}

static void do_create(void)
{
    write_at(some_path(), O_CREAT | O_EXCL, 0);
}

static void do_replace(void)
{
    write_at(some_path(), O_CREAT | O_TRUNC, 0);
}

static void do_overwrite(void)
{
    write_at(some_path(), 0, (off_t)roll(20000));
}

static void do_append(void)
{
    write_at(some_path(), O_APPEND, 0);
}

static void do_truncate(void)
{
    (void)!truncate(some_path(), (off_t)roll(roll(2) ? 20000 : 1));
}

static void do_map(void)
{
    int fd = open(some_path(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        size_t bytes = (size_t)st.st_size;
        char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            /* read first through the file: a page that cannot be read is a SIGBUS, not a failure */
            if (pread(fd, data, 1, 0) == 1)
                map[roll(bytes)] ^= 1;
            msync(map, bytes, MS_SYNC);
            munmap(map, bytes);
        }
    }
    close(fd);
}

static void do_punch(void)
{
    int fd = open(some_path(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    int how = roll(2) ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE;
    (void)!fallocate(fd, how, (off_t)roll(20000), (off_t)some_bytes());
    close(fd);
}

static void do_copy_range(void)
{
    int from = open(some_path(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int to = open(some_path(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    off_t at = (off_t)roll(9000);
    if (from >= 0 && to >= 0)
        (void)!copy_file_range(from, NULL, to, &at, some_bytes(), 0);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}

static void do_mkdir(void)
{
    mkdir(some_path(), 0755);
}

static void do_rmdir(void)
{
    rmdir(some_path());
}

static void do_unlink(void)
{
    unlink(some_path());
}

static void do_rename(void)
{
    (void)!rename(some_path(), some_path());
}

/* CRASH_LOAD_ALL in the environment: also what is hard to undo, kill or no kill: many hard links, and
 * exchanged folders. */
static bool all;

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void do_exchange(void)
{
    const char *a = some_path();
    const char *b = some_path();
    if (all || (!is_folder(a) && !is_folder(b)))
        (void)!syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static void do_link(void)
{
    if (all)
        (void)!link(some_path(), some_path());
}

static void do_symlink(void)
{
    (void)!symlink(some_path(), some_path());
}

static void do_fifo(void)
{
    mkfifo(some_path(), 0600);
}

static void do_chmod(void)
{
    (void)!chmod(some_path(), (mode_t)(0700 | roll(64)));
}

static void do_utimens(void)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = (time_t)roll(2000000000)}};
    utimensat(AT_FDCWD, some_path(), times, AT_SYMLINK_NOFOLLOW);
}

static void do_setxattr(void)
{
    char value[2] = {(char)('a' + roll(20))};
    (void)!setxattr(some_path(), "user.load", value, 1, 0);
}

static void do_removexattr(void)
{
    (void)!removexattr(some_path(), "user.load");
}

static void (*const deeds[])(void) = {
    do_create,  do_create,   do_replace, do_replace, do_overwrite,  do_overwrite,   do_append,
    do_append,  do_truncate, do_map,     do_punch,   do_copy_range, do_mkdir,       do_mkdir,
    do_rmdir,   do_unlink,   do_unlink,  do_rename,  do_rename,     do_exchange,    do_link,
    do_symlink, do_fifo,     do_chmod,   do_utimens, do_setxattr,   do_removexattr,
};
#define DEEDS (sizeof deeds / sizeof deeds[0])

/* ---- runs ---- */

static bool mount_is_dead(void)
{
    struct stat st;
    return stat(".", &st) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void run_until(int64_t end_ms)
{
    while (now_ms() < end_ms && !mount_is_dead())
        deeds[roll(DEEDS)]();
}

static void run_steps(long count)
{
    for (long i = 0; i < count; i++)
        deeds[roll(DEEDS)]();
}

static void write_large(const char *path, int flags)
{
    int fd = open(path, flags | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    (void)!write(fd, data, 200000);
    close(fd);
}

/* Each on names of its own, so that none fails for want of the one before. */
static void run_story(void)
{
    mkdir("story", 0755);
    if (chdir("story") < 0)
        return;
    for (char name[] = "a"; name[0] <= 'd'; name[0]++)
        write_at(name, O_CREAT | O_EXCL, 0);
    write_at("a", 0, 100);
    write_at("b", O_TRUNC, 0);
    write_at("c", O_APPEND, 0);
    (void)!truncate("c", 10);
    (void)!rename("a", "b");
    (void)!link("b", "b2");
    unlink("b2");
    unlink("b");
    (void)!symlink("c", "s");
    (void)!syscall(SYS_renameat2, AT_FDCWD, "s", AT_FDCWD, "c", RENAME_EXCHANGE);
    (void)!setxattr("d", "user.load", "x", 1, 0);
    (void)!removexattr("d", "user.load");
    (void)!chmod("d", 0600);
    mkdir("e", 0755);
    mkdir("e/e", 0755);
    rmdir("e"); /* refused */
    rmdir("e/e");
    rmdir("e");
    write_large("l", O_CREAT | O_EXCL);
    write_large("l", 0);
    write_large("l", O_TRUNC);
    mkfifo("p", 0600);
    unlink("p");
    (void)!chdir("..");
}

static int run_many(int processes, int64_t seconds)
{
    int failed = 0;
    int64_t end = now_ms() + seconds * 1000;
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child == 0) {
            dice += (uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15);
            fill_data();
            run_until(end);
            _exit(0);
        }
        failed |= child < 0;
    }
    while (wait(NULL) > 0)
        continue;
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5 || chdir(argv[1]) < 0) {
        fputs("usage: crash_load DIR SEED PROCESSES SECONDS | steps COUNT | story\n", stderr);
        return 2;
    }
    umask(022);
    all = getenv("CRASH_LOAD_ALL") != NULL;
    dice = strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 0x1234567;
    for (int i = 0; i < 16; i++)
        roll(2);
    fill_data();
    if (strcmp(argv[3], "story") == 0)
        run_story();
    else if (argc == 5 && strcmp(argv[3], "steps") == 0)
        run_steps(strtol(argv[4], NULL, 10));
    else if (argc == 5)
        return run_many(atoi(argv[3]), strtol(argv[4], NULL, 10));
    return 0;
}
