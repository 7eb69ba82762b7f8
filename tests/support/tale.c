/* tale.c - see tale.h. */
#include "tests/support/tale.h"

#include <dirent.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "journal/base/crc.h"

static FILE *told;

void say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(told, format, list);
    va_end(list);
    fputc('\n', told);
}

long did(const char *what, long result)
{
    int code = errno;
    if (result < 0)
        say("%s = -%s", what, strerrorname_np(code));
    else
        say("%s = %ld", what, result);
    errno = code;
    return result;
}

void look(const char *name, const struct stat *st)
{
    static const char kinds[] = "?pc?d?b?-?l?s???";
    char size[32];
    snprintf(size, sizeof size, "%lld", (long long)st->st_size);
    say("%.60s: %c%04o %u %u nlink %u size %s", name, kinds[(st->st_mode & S_IFMT) >> 12],
        st->st_mode & 07777u, st->st_uid, st->st_gid, (unsigned)st->st_nlink,
        S_ISDIR(st->st_mode) ? "-" : size);
}

void LOOK(const char *name)
{
    struct stat st;
    if (lstat(name, &st) < 0)
        say("%.60s: %s", name, strerrorname_np(errno));
    else
        look(name, &st);
}

void LOOK_FD(const char *what, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        say("%s: %s", what, strerrorname_np(errno));
    else
        look(what, &st);
}

void READ(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        say("read %.60s: %s", name, strerrorname_np(errno));
        return;
    }
    static char chunk[65536];
    uint32_t crc = 0;
    long long bytes = 0;
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        crc = crc32c(crc, chunk, (size_t)n);
        bytes += n;
    }
    say("read %.60s: %lld bytes %08x %s", name, bytes, crc, n < 0 ? strerrorname_np(errno) : "");
    close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

void LIST(const char *folder)
{
    struct dirent **list;
    int n = scandir(folder, &list, NULL, by_name);
    say("list %.60s: %d", folder, n);
    for (int i = 0; i < n; i++) {
        say("  %s %d", list[i]->d_name, list[i]->d_type);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

static struct stat settled;

void SETTLE_TIMES(const char *name)
{
    const struct timespec then[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    if (utimensat(AT_FDCWD, name, then, AT_SYMLINK_NOFOLLOW) < 0 || lstat(name, &settled) < 0)
        say("times of %s: %s", name, strerrorname_np(errno));
    sleep_ms(12); /* the filesystem's clock has ticks */
}

void MOVED(const char *name)
{
    struct stat now;
    if (lstat(name, &now) < 0) {
        say("moved %s: %s", name, strerrorname_np(errno));
        return;
    }
    bool mtime = now.st_mtim.tv_sec != settled.st_mtim.tv_sec;
    bool ctime = now.st_ctim.tv_sec != settled.st_ctim.tv_sec ||
                 now.st_ctim.tv_nsec != settled.st_ctim.tv_nsec;
    say("moved %s:%s%s", name, mtime ? " mtime" : "", ctime ? " ctime" : "");
}

void FILL(const char *name, size_t bytes, char with)
{
    char *data = malloc(bytes + 1);
    memset(data, with, bytes);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        say("fill %s: %s", name, strerrorname_np(errno));
    close(fd);
    free(data);
}

void AS(uid_t uid, gid_t gid, story *fn)
{
    if (getuid() != 0) {
        say("not root: nobody else takes part");
        return;
    }
    fflush(told);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            say("cannot become %u", uid);
        else
            fn();
        fflush(told);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (status != 0)
        say("user %u ended with %x", uid, (unsigned)status);
}

/* ---- telling
 * -------------------------------------------------------------------------------------- */

static void tell_and_exit(const char *folder, story *tell, int out)
{
    told = fdopen(out, "a");
    umask(022);
    alarm(120);
    if (!told || chdir(folder) < 0)
        _exit(99);
    tell();
    fflush(told);
    _exit(0);
}

static char *whole_text(int fd)
{
    off_t bytes = lseek(fd, 0, SEEK_END);
    char *text = calloc((size_t)bytes + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)bytes, 0), bytes);
    return text;
}

char *tale_told_in(const char *folder, story *tell)
{
    int out = memfd_create("tale", 0);
    assert_true(out >= 0);
    fcntl(out, F_SETFL, O_APPEND); /* other users in it write too */
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        tell_and_exit(folder, tell, out);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char *text = whole_text(out);
    close(out);
    if (status != 0)
        fail_msg("the story in %s ended with status %x after:\n%s", folder, (unsigned)status, text);
    return text;
}

/* Where two tales part, with the line before. */
static void show_parting(const char *left, const char *right)
{
    size_t i = 0;
    while (left[i] && left[i] == right[i])
        i++;
    size_t from = i;
    for (int lines = 0; from > 0 && (left[from - 1] != '\n' || lines++ < 4); from--)
        ;
    print_message("raw folder:\n%.400s\n", left + from);
    print_message("mount:\n%.400s\n", right + from);
}

void assert_same_tale(struct mount *m, const char *zone, story *tell)
{
    static unsigned number;
    char name[64];
    char inside[64];
    snprintf(name, sizeof name, "t%u", ++number);
    snprintf(inside, sizeof inside, "%s/t%u", zone, number);
    assert_int_equal(mkdir(path_in(m->plain, name), 0755), 0);
    assert_int_equal(mkdir(path_in(m->raw, inside), 0755), 0);
    char *left = tale_told_in(path_in(m->plain, name), tell);
    char *right = tale_told_in(path_in(m->at, inside), tell);
    bool same = strcmp(left, right) == 0;
    if (!same)
        show_parting(left, right);
    free(left);
    free(right);
    if (!same)
        fail_msg("the mount tells another story than the raw folder");
    assert_same_trees(path_in(m->raw, inside), path_in(m->at, inside));
}
