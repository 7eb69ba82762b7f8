/* look.h - a look at the journal that is not stale: what history, show and undo begin with.
 *
 * Where a daemon runs it is asked to record what open files hold and to drain; where none runs the
 * journal is opened (which recovers what an earlier run left) and closed again.  That somebody
 * looked is an event of its own. */
#ifndef LAUNCHER_LOOK_H
#define LAUNCHER_LOOK_H

#include "journal/history.h"
#include "journal/journal.h"
#include "launcher/control_client.h"
#include "launcher/workspace.h"

struct look {
    struct workspace workspace;
    struct control daemon; /* fd -1: none runs */
    struct history *history;
};
#define LOOK_NONE ((struct look){.workspace = {.root = -1}, .daemon = {.fd = -1}})

MUST_USE int look_open(const struct cli *cli, struct look *out, struct error *err);
void look_close(struct look *look); /* CLEANUP(look_close) */

/* Whoever writes the journal from here on: *journal for in-process work, NULL where a daemon runs
 * (look->daemon is connected then).  -EBUSY: another process keeps it. */
MUST_USE int look_take_journal(struct look *look, struct journal **journal, struct error *err);

/* What a person calls a place, as the journal calls it: absolute paths in the workspace or below
 * its mountpoint become relative, superfluous slashes and dots go.   *out: free(). */
MUST_USE int look_path(struct look *look, const char *typed, char **out, struct error *err);

/* What the vault keeps. */
MUST_USE int look_vault(const struct workspace *w, uint64_t *bytes, uint64_t *versions,
                        struct error *err);

/* --since and --until; typed NULL: leaves *out.  A wrong one is a usage error. */
MUST_USE int look_time(const char *option, const char *typed, int64_t *out, struct error *err);

/* The session that S means; its number.  -ENOENT. */
MUST_USE int look_session(struct look *look, const char *selector, uint64_t *out,
                          struct error *err);

/* "4711", "#4711"; a range "4711-4720" where last is not NULL. */
bool look_event_number(const char *typed, uint64_t *first, uint64_t *last);

#endif
