/* pty.c - see pty.h. */
#include "launcher/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "journal/base/fd.h"

bool pty_wanted(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

void pty_resize(struct pty *p)
{
    struct winsize size;
    if (p->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(p->master, TIOCSWINSZ, &size);
}

int pty_open(struct pty *out, struct error *err)
{
    CLEANUP(pty_close) struct pty p = PTY_NONE;
    if (tcgetattr(STDIN_FILENO, &p.saved) < 0)
        return error_set(err, errno, "ask the terminal for its settings");
    p.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p.master < 0 || grantpt(p.master) < 0 || unlockpt(p.master) < 0)
        return error_set(err, errno, "make a terminal for the command");
    p.slave = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p.slave < 0 || tcsetattr(p.slave, TCSANOW, &p.saved) < 0)
        return error_set(err, errno, "make a terminal for the command");
    if (fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return error_set(err, errno, "make a terminal for the command");
    pty_resize(&p);
    *out = p;
    p = PTY_NONE;
    return 0;
}

int pty_raw(struct pty *p, struct error *err)
{
    struct termios raw = p->saved;
    if (p->master < 0)
        return 0;
    fd_close(&p->slave); /* so that its end is seen when the command has closed it */
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return error_set(err, errno, "switch the terminal to raw mode");
    p->raw = true;
    return 0;
}

void pty_close(struct pty *p)
{
    if (p->raw)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &p->saved);
    p->raw = false;
    fd_close(&p->slave);
    fd_close(&p->master);
}

/* ---- relaying ---- */

/* [0] the person's side to read, [1] to write, [2] the command's side both. */
void pty_watch(const struct pty *p, struct pollfd polls[PTY_POLLS])
{
    bool on = p->master >= 0;
    short master = (short)((p->out.bytes == 0 ? POLLIN : 0) | (p->in.bytes ? POLLOUT : 0));
    polls[0] =
        (struct pollfd){on && p->in.bytes == 0 && !p->input_ended ? STDIN_FILENO : -1, POLLIN, 0};
    polls[1] = (struct pollfd){on && p->out.bytes ? STDOUT_FILENO : -1, POLLOUT, 0};
    polls[2] = (struct pollfd){on && master ? p->master : -1, master, 0};
}

/* false: that side is gone. */
static bool fill(struct relay *relay, int fd)
{
    ssize_t n = read(fd, relay->data, sizeof relay->data);
    if (n > 0)
        relay->bytes = (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool empty(struct relay *relay, int fd)
{
    ssize_t n = write(fd, relay->data, relay->bytes);
    if (n > 0) {
        relay->bytes -= (size_t)n;
        memmove(relay->data, relay->data + n, relay->bytes);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void pty_relay(struct pty *p, const struct pollfd polls[PTY_POLLS])
{
    if (p->master < 0)
        return;
    if (polls[0].revents && !fill(&p->in, STDIN_FILENO))
        p->input_ended = true;
    if (polls[1].revents && !empty(&p->out, STDOUT_FILENO))
        p->out.bytes = 0; /* nobody sees it any more */
    if ((polls[2].revents & POLLOUT) && !empty(&p->in, p->master))
        p->in.bytes = 0;
    if ((polls[2].revents & (POLLIN | POLLHUP | POLLERR)) && p->out.bytes == 0 &&
        !fill(&p->out, p->master))
        fd_close(&p->master); /* the last one inside closed it */
}

void pty_drain(struct pty *p)
{
    while (p->master >= 0) {
        while (p->out.bytes)
            if (!empty(&p->out, STDOUT_FILENO))
                return;
        if (!fill(&p->out, p->master) || p->out.bytes == 0)
            return;
    }
}
