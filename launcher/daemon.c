/* daemon.c - see daemon.h.
 *
 * The pipe carries '+' when the mount answers, else '-' and a struct error; its end without a word
 * means that the daemon died. */
#include "launcher/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/journal.h"
#include "launcher/child.h"
#include "launcher/self.h"

#define LOG_LIMIT (1024 * 1024)
#define READY_FD 3 /* of the daemon: DAEMON_READY_FD */

int daemon_check_fuse(struct error *err)
{
    if (access("/dev/fuse", F_OK) < 0)
        return error_say(
            err, EXIT_AS_ERROR(EXIT_MISSING),
            "there is no /dev/fuse: load the kernel's module (as root: modprobe fuse); in a "
            "container start it with --device /dev/fuse");
    if (access("/dev/fuse", R_OK | W_OK) < 0)
        return error_say(
            err, EXIT_AS_ERROR(EXIT_PERMISSION),
            "/dev/fuse is not open to you; as root: chmod 0666 /dev/fuse (udev does so "
            "elsewhere: KERNEL==\"fuse\", MODE=\"0666\")");
    if (geteuid() != 0 && access("/usr/bin/fusermount3", X_OK) < 0 &&
        access("/bin/fusermount3", X_OK) < 0)
        return error_say(
            err, EXIT_AS_ERROR(EXIT_MISSING),
            "fusermount3 is not there, without which only root can mount; as root: apt-get "
            "install fuse3");
    return 0;
}

void daemon_tell(int fd, const struct error *err)
{
    char word = '-';
    if (fd_write_all(fd, &word, 1) == 0 && fd_write_all(fd, err, sizeof *err) < 0)
        return; /* nobody waits any more */
}

/* ---- the child: becomes the daemon ---- */

/* The folder is the owner's, so what lies under this name may be anything: -1 then. */
static int open_log(const struct workspace *w)
{
    struct stat st;
    CLEANUP(fd_close)
    int fd = fd_open_beneath(w->root, STATE_FOLDER "/daemon.log",
                             O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0600);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
        (st.st_uid != w->owner && st.st_uid != geteuid()))
        return -1;
    if (st.st_uid != w->owner && fchown(fd, w->owner, w->group) < 0)
        return -1;
    if (st.st_size > LOG_LIMIT && ftruncate(fd, 0) < 0)
        return -1;
    return fd_take(&fd);
}

/* 0, 1, 2 and READY_FD are what they should be, everything else is closed. */
static int arrange_descriptors(const struct workspace *w, int ready)
{
    CLEANUP(fd_close) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    CLEANUP(fd_close) int log = open_log(w);
    CLEANUP(fd_close) int pipe_end = fcntl(ready, F_DUPFD_CLOEXEC, 16); /* away from READY_FD */
    int said = log >= 0 ? log : nothing;
    if (nothing < 0 || pipe_end < 0 || dup2(nothing, 0) < 0 || dup2(said, 1) < 0 ||
        dup2(said, 2) < 0 || dup2(pipe_end, READY_FD) < 0)
        return -errno;
    return close_range(READY_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static void become(const struct workspace *w, const char **argv, int ready)
{
    struct error err = ERROR_NONE;
    sigset_t none;
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    int r = arrange_descriptors(w, ready);
    if (r == 0 && chdir("/") == 0)
        self_exec(argv);
    error_set(&err, r < 0 ? -r : errno, "start the daemon");
    daemon_tell(r < 0 ? ready : READY_FD, &err);
    _exit(EXIT_FAILED);
}

/* ---- the parent: waits for a word ---- */

static int hear(int fd, struct error *err)
{
    char word = 0;
    struct error said = ERROR_NONE;
    ssize_t n = 0;
    while ((n = read(fd, &word, 1)) < 0 && errno == EINTR)
        continue;
    if (n == 1 && word == '+')
        return 0;
    size_t got = 0;
    while (n == 1 && got < sizeof said) {
        ssize_t more = read(fd, (char *)&said + got, sizeof said - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    if (got < sizeof said || said.code == 0)
        return error_say(err, EIO, "the daemon ended without a word; see .ccfs/daemon.log");
    return error_pass(err, &said);
}

int daemon_launch(const struct workspace *w, const char **argv, struct error *err)
{
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
    pid_t between = fork();
    if (between < 0)
        return error_set(err, errno, "start the daemon");
    if (between == 0) {
        /* twice, so that the daemon is nobody's child: no one must reap it */
        pid_t pid = fork();
        if (pid == 0)
            become(w, argv, says);
        _exit(pid < 0 ? EXIT_FAILED : EXIT_DONE);
    }
    fd_close(&says);
    (void)child_wait(between);
    return hear(hears, err);
}

int daemon_start(const struct workspace *w, const struct daemon_options *options, struct error *err)
{
    const char *argv[] = {
        "ccfs",          "-w", w->path, "mount", "--foreground", "--ready-fd",
        DAEMON_READY_FD, NULL, NULL,    NULL,    NULL,
    };
    const char **more = argv + 7;
    if (options->ends_with_sessions)
        *more++ = "--ends-with-sessions";
    *more++ = "--";
    *more = options->mountpoint;
    TRY(daemon_check_fuse(err));
    return daemon_launch(w, argv, err);
}

void daemon_tell_ready(int fd)
{
    const char word = '+';
    (void)!fd_write_all(fd, &word, 1);
}
