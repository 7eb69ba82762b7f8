/* control.h - private to fusefs/: the daemon's control socket (CONTROL.md). */
#ifndef FUSEFS_CONTROL_H
#define FUSEFS_CONTROL_H

#include <sys/types.h>

#include "fusefs/fs.h"
#include "journal/base/strbuf.h"

struct control; /* the listening thread and its connections */

MUST_USE int control_start(struct fusefs *fs, struct control **out, struct error *err);
/* Hangs up on everybody, waits for what they asked for. */
void control_stop(struct control **control);

/* ---- between control.c and verbs.c ---- */

#define CONTROL_SESSIONS 16

struct peer {
    struct fusefs *fs;
    int fd;
    struct caller caller;
    uint64_t sessions[CONTROL_SESSIONS]; /* begun on this connection and alive; 0: free */
};

/* Unmounts a mount that is for sessions only and has none. */
void verb_end_when_idle(struct fusefs *fs);
/* Does one request; reply gets the last line without its newline. */
void verb_run(struct peer *peer, char *line, struct strbuf *reply);
/* The connection is gone: so are its sessions. */
void verb_hang_up(struct peer *peer);

#endif
