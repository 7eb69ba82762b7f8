/* pty.h - a terminal of the sandbox's own, relayed to the person's.
 *
 * The command must never have the person's terminal itself: it could type into it.  Its own is a
 * pseudo-terminal; ours is in raw mode meanwhile, so that Ctrl-C, Ctrl-Z and the rest mean the
 * programs inside. */
#ifndef LAUNCHER_PTY_H
#define LAUNCHER_PTY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "journal/base/error.h"

struct relay {
    char data[4096];
    size_t bytes;
};

struct pty {
    int master; /* -1: no terminal */
    int slave;  /* the command's; closed in us once it runs */
    struct termios saved;
    bool raw;
    bool input_ended;
    struct relay in;  /* from the person */
    struct relay out; /* to the person */
};
#define PTY_NONE ((struct pty){.master = -1, .slave = -1})

/* Is there a person: stdin, stdout and stderr all terminals? */
bool pty_wanted(void);
MUST_USE int pty_open(struct pty *out, struct error *err);
MUST_USE int pty_raw(struct pty *p, struct error *err);
void pty_resize(struct pty *p);
/* Puts the terminal back as it was; CLEANUP(pty_close). */
void pty_close(struct pty *p);

/* The four directions for poll(2), and what to do when it has returned. */
#define PTY_POLLS 3
void pty_watch(const struct pty *p, struct pollfd polls[PTY_POLLS]);
void pty_relay(struct pty *p, const struct pollfd polls[PTY_POLLS]);
/* What the command left in its terminal when it ended. */
void pty_drain(struct pty *p);

#endif
