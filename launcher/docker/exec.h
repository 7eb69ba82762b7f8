/* exec.h - a command in a session's container, and what it says.
 *
 * On a terminal the command gets one of its own, in there; ours is in raw mode meanwhile, and its
 * size goes along. */
#ifndef LAUNCHER_DOCKER_EXEC_H
#define LAUNCHER_DOCKER_EXEC_H

#include <sys/types.h>

#include "launcher/cli.h"
#include "launcher/config.h"
#include "launcher/docker/engine.h"

/* All borrowed. */
struct exec_wish {
    const char *container;
    const char *folder;
    char *const *command; /* NULL-terminated */
    const struct cli_list *env;
    const char *detach_keys;            /* NULL: the Engine's, ctrl-p ctrl-q */
    bool terminal;                      /* our stdin, stdout and stderr are one */
    const struct secrets_wish *secrets; /* that become variables, in there; NULL: none */
    bool detached; /* in the background; what it says goes into the container's log */
};

#define EXEC_OUTPUT_LIMIT (64 * 1024)
/* With input as its stdin (NULL: nothing), and its stdout in output (NULL: not wanted).  An error
 * unless it ends with 0: what it said. */
MUST_USE int exec_feed(const struct engine *e, const struct exec_wish *wish,
                       const struct strbuf *input, struct strbuf *output, struct error *err);

/* *exit_code as a shell would say it.  Signals that end us end the command. */
MUST_USE int exec_run(const struct engine *e, const struct exec_wish *wish, int *exit_code,
                      struct error *err);

#endif
