/* capture.c - see capture.h.
 *
 * The program leads a process group of its own, so that what it started is killed with it. */
#include "launcher/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/child.h"

#define SAID_LIMIT 4096 /* of its stderr, the end of which is kept */

struct hearing {
    const struct capture_wish *wish;
    pid_t pid;
    int out;
    int said;
    struct strbuf last; /* of stderr */
    int64_t end;        /* of our patience */
};

void capture_release(struct capture *c)
{
    strbuf_release(&c->output);
}

static void hearing_release(struct hearing *h)
{
    fd_close(&h->out);
    fd_close(&h->said);
    strbuf_release(&h->last);
}

/* ---- the child ---- */

/* exec(3) does not write to its arguments, whatever its prototype says. */
static void exec_program(const struct capture_wish *wish)
{
    static const char *const plain[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    union {
        const char *const *ours;
        char *const *theirs;
    } words = {.ours = wish->argv},
      environment = {.ours = wish->environment ? wish->environment : plain};
    execve(wish->argv[0], words.theirs, environment.theirs);
}

static void become(const struct capture_wish *wish, int out, int said, pid_t parent)
{
    CLEANUP(fd_close) int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    child_reset_signals();
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        return;
    if ((wish->folder >= 0 ? fchdir(wish->folder) : chdir("/")) < 0)
        return;
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0 ||
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return;
    exec_program(wish);
}

static int start(struct hearing *h, struct error *err)
{
    CLEANUP(fd_close) int out_end = -1;
    CLEANUP(fd_close) int said_end = -1;
    pid_t parent = getpid();
    TRY(fd_pipe(&h->out, &out_end, err));
    TRY(fd_pipe(&h->said, &said_end, err));
    h->pid = fork();
    if (h->pid < 0)
        return error_set(err, errno, "start %s", h->wish->argv[0]);
    if (h->pid == 0) {
        become(h->wish, out_end, said_end, parent);
        _exit(127);
    }
    return 0;
}

/* ---- listening ---- */

/* What came; closes the end of one that is at its end. */
static size_t take(int *fd, char *buffer, size_t room)
{
    ssize_t n = read(*fd, buffer, room);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        fd_close(fd);
    return n > 0 ? (size_t)n : 0;
}

static void keep_end(struct strbuf *last, const char *data, size_t bytes)
{
    strbuf_add(last, data, bytes);
    if (last->failed || last->bytes <= SAID_LIMIT)
        return;
    size_t over = last->bytes - SAID_LIMIT;
    memmove(last->data, last->data + over, SAID_LIMIT);
    last->bytes = SAID_LIMIT;
    last->data[SAID_LIMIT] = '\0';
}

static int hear_piece(struct hearing *h, const struct pollfd *polls, struct strbuf *output,
                      struct error *err)
{
    char buffer[16384];
    if (polls[0].revents)
        strbuf_add(output, buffer, take(&h->out, buffer, sizeof buffer));
    if (polls[1].revents)
        keep_end(&h->last, buffer, take(&h->said, buffer, sizeof buffer));
    if (output->bytes > h->wish->most)
        return error_say(err, EFBIG, "%s says more than can be right", h->wish->argv[0]);
    if (output->failed || h->last.failed)
        return error_say(err, ENOMEM, "no memory for what %s says", h->wish->argv[0]);
    return 0;
}

static int hear(struct hearing *h, struct strbuf *output, struct error *err)
{
    while (h->out >= 0 || h->said >= 0) {
        struct pollfd polls[] = {{.fd = h->out, .events = POLLIN},
                                 {.fd = h->said, .events = POLLIN}};
        int64_t left = (h->end - clock_now_ns()) / (NS_PER_S / 1000);
        int n = left > 0 ? poll(polls, COUNT_OF(polls), (int)left) : 0;
        if (n == 0)
            return error_say(err, ETIMEDOUT, "%s does not come to an end", h->wish->argv[0]);
        if (n > 0)
            TRY(hear_piece(h, polls, output, err));
    }
    return 0;
}

/* The last line that says something. */
static void keep_line(const struct strbuf *last, char *out, size_t bytes)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *text = strbuf_text(last);
    size_t end = last->bytes;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    text_escape(&safe, text + begin, end - begin);
    snprintf(out, bytes, "%s", strbuf_text(&safe));
}

/* How it ended: in time, whoever else still holds its stdout; or it is killed. */
static int reap(struct hearing *h, bool kill_it)
{
    if (kill_it)
        (void)kill(-h->pid, SIGKILL);
    int status = child_wait(h->pid);
    (void)kill(-h->pid, SIGKILL); /* what it left behind */
    return child_exit_code(status);
}

int capture_run(const struct capture_wish *wish, struct capture *out, struct error *err)
{
    CLEANUP(hearing_release) struct hearing h = {.wish = wish, .out = -1, .said = -1};
    h.end = clock_now_ns() + wish->patience_ms * (NS_PER_S / 1000);
    *out = CAPTURE_NONE;
    TRY(start(&h, err));
    int r = hear(&h, &out->output, err);
    out->status = reap(&h, r < 0);
    keep_line(&h.last, out->said, sizeof out->said);
    return r;
}

int capture_done(const struct capture_wish *wish, struct capture *out, struct error *err)
{
    TRY(capture_run(wish, out, err));
    if (out->status == 0)
        return 0;
    return error_say(err, EIO, "%s failed: %s", wish->argv[0],
                     out->said[0] ? out->said : "it does not say why");
}
