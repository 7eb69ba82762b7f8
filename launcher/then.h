/* then.h - a look at the workspace as it was: what cat, diff and restore begin with. */
#ifndef LAUNCHER_THEN_H
#define LAUNCHER_THEN_H

#include "journal/past.h"
#include "launcher/look.h"

struct then {
    struct look look;
    struct past *past;
    struct past_instant at;
};
#define THEN_NONE ((struct then){.look = LOOK_NONE})

/* typed: a time as --since takes it, or an event ("#4711": the instant before it). */
MUST_USE int then_open(const struct cli *cli, const char *typed, struct then *out,
                       struct error *err);
/* The instant alone, from an open look; past stays NULL. */
MUST_USE int then_instant(struct then *then, const char *typed, struct error *err);
void then_close(struct then *then); /* CLEANUP(then_close) */

/* What had that path then.  typed as look_path(); *path: free().  -ENOENT: nothing had. */
MUST_USE int then_find(struct then *then, const char *typed, char **path, struct past_thing *out,
                       struct error *err);

/* Copies fd from its start to stdout; what would draw on a terminal is escaped there.  shown: what
 * is read, for messages. */
MUST_USE int then_print(int fd, const char *shown, struct error *err);

#endif
