/* session.c - see session.h. */
#include "launcher/session.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

int session_signals(int *out, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    for (size_t i = 0; i < COUNT_OF(ending_signals); i++)
        sigaddset(&set, ending_signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_set(err, errno, "block signals");
    (void)signal(SIGPIPE, SIG_IGN); /* a pager that is left early must not leave a session behind */
    *out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *out < 0 ? error_set(err, errno, "watch signals") : 0;
}

/* The signal that ends the session, 0: none did. */
static int read_signal(struct session_watch *w)
{
    struct signalfd_siginfo info;
    while (read(w->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGWINCH)
            return (int)info.ssi_signo;
        pty_resize(w->pty);
    }
    return 0;
}

static bool hung_up(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EINTR);
}

enum {
    SIGNALS,
    TASK,
    DAEMON,
    LINE,
    PROXY,
    NEWS,
    FIXED
};

enum ending session_watch(struct session_watch *w, int *signal)
{
    struct pollfd polls[FIXED + PTY_POLLS];
    for (;;) {
        polls[SIGNALS] = (struct pollfd){w->signals, POLLIN, 0};
        polls[TASK] = (struct pollfd){w->task->ended, POLLIN, 0};
        polls[DAEMON] = (struct pollfd){w->daemon, POLLIN, 0};
        polls[LINE] = (struct pollfd){w->task->line, POLLIN, 0};
        polls[PROXY] = (struct pollfd){w->task->proxy, POLLIN, 0};
        polls[NEWS] = (struct pollfd){w->news, POLLIN, 0};
        pty_watch(w->pty, polls + FIXED);
        int ready = poll(polls, COUNT_OF(polls), w->tick_ms ? w->tick_ms : -1);
        if (ready < 0)
            continue; /* EINTR: nothing else is possible here */
        if (ready == 0)
            return ENDING_TICK;
        *signal = polls[SIGNALS].revents ? read_signal(w) : 0;
        if (*signal)
            return ENDING_SIGNAL;
        pty_relay(w->pty, polls + FIXED);
        if (polls[TASK].revents)
            return ENDING_ITSELF;
        if (polls[DAEMON].revents && hung_up(w->daemon))
            return ENDING_MOUNT;
        if (polls[LINE].revents)
            return ENDING_LINE;
        if (polls[NEWS].revents)
            return ENDING_NEWS;
        if (polls[PROXY].revents) {
            w->task->proxy = -1;
            return ENDING_PROXY;
        }
    }
}
