/* streams.c - see streams.h. */
#include "launcher/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/child.h"

#define NOTHING "/dev/null"
#define MEMORY_DEVICES 1 /* the major number of null, zero, full, random and urandom */

/* ---- what is harmless ---- */

static bool is_harmless_device(const struct stat *st)
{
    static const unsigned minors[] = {3, 5, 7, 8, 9};
    for (size_t i = 0; i < COUNT_OF(minors); i++)
        if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(MEMORY_DEVICES, minors[i]))
            return true;
    return false;
}

static bool is_pipe(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static bool is_harmless(int fd)
{
    struct stat st;
    return is_pipe(fd) || (fstat(fd, &st) == 0 && is_harmless_device(&st));
}

static bool is_same_file(int one, int two)
{
    struct stat a;
    struct stat b;
    return fstat(one, &a) == 0 && fstat(two, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* ---- copying ---- */

static void copy(void)
{
    char data[65536];
    ssize_t n = 0;
    while ((n = read(STDIN_FILENO, data, sizeof data)) > 0 || (n < 0 && errno == EINTR)) {
        int r = n > 0 ? fd_write_all(STDOUT_FILENO, data, (size_t)n) : 0;
        if (r < 0 && r != -EPIPE)
            log_line("what the command said could not be written: %s", strerror(-r));
        if (r < 0)
            return;
    }
}

/* The child: has nothing open but the two, and a stderr to complain. */
static void live_as_relay(int from, int to, bool ends_with_us, pid_t parent)
{
    (void)signal(SIGTTIN, SIG_IGN); /* in the background there is nothing to read */
    if (ends_with_us && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
        _exit(1);
    if ((from != STDIN_FILENO && dup2(from, STDIN_FILENO) < 0) ||
        (to != STDOUT_FILENO && dup2(to, STDOUT_FILENO) < 0) ||
        close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(1);
    copy();
    _exit(0);
}

static int relay_start(int from, int to, bool ends_with_us, pid_t *out, struct error *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start a process that copies what the command says");
    if (pid == 0)
        live_as_relay(from, to, ends_with_us, parent);
    *out = pid;
    return 0;
}

/* ---- the three ---- */

static int give_nothing(struct streams *s, int fd, struct error *err)
{
    s->theirs[fd] = open(NOTHING, O_RDWR | O_CLOEXEC);
    return s->theirs[fd] < 0 ? error_set(err, errno, "open " NOTHING) : 0;
}

static int give_input(struct streams *s, struct error *err)
{
    CLEANUP(fd_close) int to = -1;
    TRY(fd_pipe(&s->theirs[STDIN_FILENO], &to, err));
    return relay_start(STDIN_FILENO, to, true, &s->relays[STDIN_FILENO], err);
}

static int give_output(struct streams *s, int fd, struct error *err)
{
    CLEANUP(fd_close) int from = -1;
    TRY(fd_pipe(&from, &s->theirs[fd], err));
    return relay_start(from, fd, false, &s->relays[fd], err);
}

/* One that is only written to: what is typed does not come out of it, and how it is set does not
 * matter to the person's. */
static int give_terminal(struct streams *s, int fd, struct error *err)
{
    struct winsize size;
    struct termios plain;
    CLEANUP(fd_close) int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return error_set(err, errno, "make a terminal for the command");
    s->theirs[fd] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->theirs[fd] < 0 || tcgetattr(s->theirs[fd], &plain) < 0)
        return error_set(err, errno, "make a terminal for the command");
    plain.c_oflag &= (tcflag_t)~OPOST; /* the person's own does that */
    plain.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
    if (tcsetattr(s->theirs[fd], TCSANOW, &plain) < 0)
        return error_set(err, errno, "make a terminal for the command");
    if (ioctl(fd, TIOCGWINSZ, &size) == 0)
        (void)ioctl(master, TIOCSWINSZ, &size);
    return relay_start(master, fd, false, &s->relays[fd], err);
}

/* With a pager or a filter behind us, what is typed is that one's. */
static int open_input(struct streams *s, struct error *err)
{
    if (is_harmless(STDIN_FILENO))
        return 0;
    bool there = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    if (!there || (isatty(STDIN_FILENO) && is_pipe(STDOUT_FILENO)))
        return give_nothing(s, STDIN_FILENO, err);
    return give_input(s, err);
}

static int open_output(struct streams *s, int fd, struct error *err)
{
    if (is_harmless(fd))
        return 0;
    if (fcntl(fd, F_GETFD) < 0)
        return give_nothing(s, fd, err);
    if (fd == STDERR_FILENO && s->theirs[STDOUT_FILENO] >= 0 && is_same_file(STDOUT_FILENO, fd)) {
        s->theirs[fd] = fcntl(s->theirs[STDOUT_FILENO], F_DUPFD_CLOEXEC, 3);
        return s->theirs[fd] < 0 ? error_set(err, errno, "give the command its stderr") : 0;
    }
    return isatty(fd) ? give_terminal(s, fd, err) : give_output(s, fd, err);
}

int streams_open(struct streams *out, struct error *err)
{
    TRY(open_input(out, err));
    TRY(open_output(out, STDOUT_FILENO, err));
    return open_output(out, STDERR_FILENO, err);
}

void streams_given(struct streams *s)
{
    for (int fd = 0; fd <= 2; fd++)
        fd_close(&s->theirs[fd]);
}

static void end_relay(pid_t *pid, bool patient)
{
    const struct timespec tick = {.tv_nsec = 10 * 1000 * 1000};
    pid_t ended = 0;
    for (int i = 0; *pid > 0 && !patient && i < 100; i++) {
        ended = waitpid(*pid, NULL, WNOHANG);
        if (ended != 0)
            break;
        nanosleep(&tick, NULL);
    }
    if (*pid > 0 && ended == 0) {
        if (!patient)
            kill(*pid, SIGKILL);
        (void)child_wait(*pid);
    }
    *pid = 0;
}

void streams_close(struct streams *s, bool patient)
{
    streams_given(s);
    if (s->relays[STDIN_FILENO] > 0) /* it may wait for something to be typed */
        kill(s->relays[STDIN_FILENO], SIGKILL);
    for (int fd = 0; fd <= 2; fd++)
        end_relay(&s->relays[fd], patient);
}
