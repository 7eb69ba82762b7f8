/* channel.c - see channel.h. */
#include "launcher/docker/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/docker/demux.h"
#include "launcher/session.h"

struct relayed {
    char data[16384];
    size_t bytes;
};

void channel_close(struct channel *c)
{
    fd_close(&c->fd);
    fd_close(&c->signals);
    strbuf_release(&c->early);
}

int channel_signals(struct channel *c, struct error *err)
{
    return session_signals(&c->signals, err);
}

/* Nobody reading is no reason to end the command: what it says is then lost. */
static bool write_out(void *context, int fd, const char *data, size_t bytes)
{
    (void)context;
    (void)!fd_write_all(fd, data, bytes);
    return true;
}

static void take_signals(const struct channel *c)
{
    struct signalfd_siginfo info;
    while (read(c->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH)
            c->resize(c->context);
        else
            c->forward(c->context, (int)info.ssi_signo);
    }
}

/* false: no more is to come from there. */
static bool read_input(struct relayed *in)
{
    ssize_t n = read(STDIN_FILENO, in->data, sizeof in->data);
    if (n > 0)
        in->bytes = (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void send_input(const struct channel *c, struct relayed *in)
{
    ssize_t n = send(c->fd, in->data, in->bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        n = (ssize_t)in->bytes; /* it listens no more */
    if (n > 0) {
        in->bytes -= (size_t)n;
        memmove(in->data, in->data + n, in->bytes);
    }
}

/* 1: more may come; 0: that was all. */
static int receive(const struct channel *c, struct demux *demux, struct error *err)
{
    char buffer[16384];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 1 : 0;
    if (n > 0 && !demux_feed(demux, buffer, (size_t)n))
        return error_say(err, EPROTO, "the Engine sends something else than a command's output");
    return n > 0;
}

enum {
    CONNECTION,
    INPUT,
    SIGNALS,
    POLLS
};

int channel_relay(struct channel *c, struct error *err)
{
    struct demux demux = {.plain = c->plain, .sink = write_out};
    struct relayed in = {.bytes = 0};
    bool open = true; /* stdin */
    if (c->early.bytes && !demux_feed(&demux, c->early.data, c->early.bytes))
        return error_say(err, EPROTO, "the Engine sends something else than a command's output");
    for (;;) {
        struct pollfd polls[POLLS] = {
            [CONNECTION] = {c->fd, (short)(POLLIN | (in.bytes ? POLLOUT : 0)), 0},
            [INPUT] = {open && in.bytes == 0 ? STDIN_FILENO : -1, POLLIN, 0},
            [SIGNALS] = {c->signals, POLLIN, 0},
        };
        if (poll(polls, POLLS, -1) < 0)
            continue; /* EINTR: nothing else is possible here */
        if (polls[SIGNALS].revents)
            take_signals(c);
        if (polls[INPUT].revents && !read_input(&in)) {
            open = false;
            (void)shutdown(c->fd, SHUT_WR);
        }
        if (in.bytes)
            send_input(c, &in);
        if (polls[CONNECTION].revents & (POLLIN | POLLHUP | POLLERR)) {
            int more = receive(c, &demux, err);
            if (more <= 0)
                return more;
        }
    }
}
