/* history.h - looks back: events by filter, sessions, counts.  Reads only, beside a running daemon.
 *
 * Whoever asks has the daemon drain first (control socket), or opens the journal itself where none
 * runs, so that nothing is stale. */
#ifndef JOURNAL_HISTORY_H
#define JOURNAL_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/event.h"

struct history; /* a read-only view */

/* root: the workspace's descriptor, borrowed.  -ENOENT: no journal; -EPROTO, -EBADMSG as journal.h. */
MUST_USE int history_open(int root, struct history **out, struct error *err);
void history_close(struct history **h);

struct history_filter {
    const char *path; /* NULL: all; else this path and what is below it (also as path2) */
    const char *glob; /* NULL: all; fnmatch(3) over path, '*' also matches '/' */
    bool (*fits)(void *context, const char *path); /* NULL: all; else asked for path and path2 */
    void *fits_context;
    /* NULL: all; a pid, or a glob over the program (its name, or with a slash in it its path): these
     * processes and all that descend from them. */
    const char *actor;
    uint64_t session;  /* 0: all */
    int64_t since;     /* UTC ns, 0: from the start; inclusive */
    int64_t until;     /* UTC ns, 0: to the end; exclusive */
    enum op op;        /* OP_NONE: all */
    int outcome;       /* enum outcome, -1: all */
    uint64_t first_id; /* 0: no bound; inclusive */
    uint64_t last_id;
    uint64_t limit;    /* the newest N of what matches; 0: all */
    bool limit_deeds;  /* limit counts no mounts, gaps, sessions, readings of the journal */
    bool changes_only; /* only events that altered the workspace (and are not steps of an undo) */
};
#define HISTORY_ALL ((struct history_filter){.outcome = -1})

/* Oldest first; the event and its pointers are valid during the call.  each() returns 0 to go on,
 * else its number ends the walk and is returned. */
typedef int history_each(const struct event *event, void *context);
MUST_USE int history_events(struct history *h, const struct history_filter *filter,
                            history_each *each, void *context, struct error *err);
/* One event; -ENOENT: no such.  The parent chain of its actor follows by history_actor(). */
MUST_USE int history_event(struct history *h, uint64_t id, history_each *each, void *context,
                           struct error *err);
/* out's pointers are valid until the next call on h. */
MUST_USE int history_actor(struct history *h, uint64_t id, struct actor *out, struct error *err);

/* Was this version dropped by retention?  1: by which event and when, 0: it was not. */
MUST_USE int history_dropped(struct history *h, uint64_t version, uint64_t *event, int64_t *time,
                             struct error *err);

struct session {
    uint64_t id;
    const char *name;    /* NULL: none */
    const char *backend; /* "sandbox", "mount" */
    const char *command;
    int64_t began;
    int64_t ended; /* 0: alive, or cut off */
    int status;
};
typedef int session_each(const struct session *session, void *context);
/* selector: NULL all, a number, or a name (the newest of that name). */
MUST_USE int history_sessions(struct history *h, const char *selector, session_each *each,
                              void *context, struct error *err);

/* What a session (0: everything) did. */
struct history_counts {
    uint64_t events;
    /* Files and folders that did not exist before and exist now are counted by event. */
    uint64_t created;
    uint64_t changed;
    uint64_t deleted;
    uint64_t renamed;
    uint64_t denied; /* sum of count */
    int64_t first_time;
    int64_t last_time;
};
MUST_USE int history_count(struct history *h, uint64_t session, struct history_counts *out,
                           struct error *err);
/* How many old contents the vault keeps, as the journal says. */
MUST_USE int history_kept(struct history *h, uint64_t *versions, struct error *err);
/* The last burst: the run of changes that ends with the newest change not yet undone; its members
 * belong to one session and follow one another within two seconds.  0: none. */
MUST_USE int history_last_burst(struct history *h, uint64_t *first_id, uint64_t *last_id,
                                struct error *err);

#endif
