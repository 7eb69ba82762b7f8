/* unified.c - see unified.h.
 *
 * diff(1) gets descriptors and labels, in its arguments; no shell, no name of the agent's as a
 * path. */
#include "launcher/unified.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define SNIFFED 8000

bool unified_is_text(int fd)
{
    char head[SNIFFED];
    struct stat st;
    if (fd < 0)
        return true;
    if (fstat(fd, &st) < 0 || st.st_size > UNIFIED_MOST)
        return false;
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n >= 0 && !memchr(head, 0, (size_t)n);
}

int unified_is_same(int before, int after, struct error *err)
{
    char a[16384];
    char b[sizeof a];
    for (off_t at = 0;; at += (off_t)sizeof a) {
        ssize_t n = pread(before, a, sizeof a, at);
        ssize_t m = pread(after, b, sizeof b, at);
        if (n < 0 || m < 0)
            return error_set(err, errno, "compare two contents");
        if (n != m || memcmp(a, b, (size_t)n) != 0)
            return 0;
        if (n < (ssize_t)sizeof a)
            return 1;
    }
}

/* In the child. */
static _Noreturn void become_diff(int before, const char *before_name, int after,
                                  const char *after_name, int out)
{
    char from[32] = "/dev/null";
    char to[32] = "/dev/null";
    if (before >= 0)
        snprintf(from, sizeof from, "/proc/self/fd/%d", before);
    if (after >= 0)
        snprintf(to, sizeof to, "/proc/self/fd/%d", after);
    if (before >= 0)
        fcntl(before, F_SETFD, 0);
    if (after >= 0)
        fcntl(after, F_SETFD, 0);
    dup2(out, STDOUT_FILENO);
    setenv("LC_ALL", "C", 1);
    execlp("diff", "diff", "-u", "-a", "--label", before_name, "--label", after_name, "--", from,
           to, (char *)NULL);
    _exit(127);
}

static int read_all(int fd, struct strbuf *out)
{
    char chunk[16384];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        strbuf_add(out, chunk, (size_t)n);
    }
    return out->failed ? -ENOMEM : 0;
}

static int check_end(pid_t pid, struct error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, errno, "wait for diff(1)");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error_say(err, ENODEV, "there is no diff(1) here; install the package diffutils");
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return error_say(err, EIO, "diff(1) failed");
    return 0;
}

int unified_diff(int before, const char *before_name, int after, const char *after_name,
                 struct strbuf *out, struct error *err)
{
    CLEANUP(fd_close) int in = -1;
    CLEANUP(fd_close) int to = -1;
    TRY(fd_pipe(&in, &to, err));
    pid_t pid = fork();
    if (pid == 0)
        become_diff(before, before_name, after, after_name, to);
    fd_close(&to);
    if (pid < 0)
        return error_set(err, errno, "start diff(1)");
    int r = read_all(in, out);
    TRY(check_end(pid, err));
    return r < 0 ? error_set(err, -r, "read what diff(1) says") : 0;
}
