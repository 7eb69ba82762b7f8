/* session.h - watches over a running command until it ends or must. */
#ifndef LAUNCHER_SESSION_H
#define LAUNCHER_SESSION_H

#include <signal.h>

#include "launcher/backend.h"
#include "launcher/pty.h"

/* Why the watch ended. */
enum ending {
    ENDING_ITSELF, /* the command did */
    ENDING_SIGNAL, /* we were told to end: *signal */
    ENDING_MOUNT,  /* the daemon is gone, and without it nothing may run */
    ENDING_LINE,   /* whoever runs it is gone: nobody else would end it with us */
    ENDING_NEWS,   /* it did not yet, but there is news: read it, watch on */
    ENDING_TICK,   /* it did not yet, but some time has passed: watch on */
    ENDING_PROXY,  /* it did not yet, but reaches nothing any more: said once, watch on */
};

/* Signals that end a session or resize it are blocked from here on and read as a file; *out: fd. */
MUST_USE int session_signals(int *out, struct error *err);

struct session_watch {
    struct backend_task *task;
    struct pty *pty;
    int signals; /* of session_signals() */
    int daemon;  /* its control socket: readable when it hangs up */
    int news;    /* readable when there is some; -1: none comes */
    int tick_ms; /* of quiet; 0: never */
};
enum ending session_watch(struct session_watch *watch, int *signal);

#endif
