/* pod.h - a session's containers: made in the order in which nothing is ever unmediated, gone
 * together.
 *
 *   (1) The agent's container starts last: its mount is there, its network policy in force, and its
 *       proxy, if it has one, answers.  Its secrets come before its first command.
 *   (2) All of them end when the process that has the pod does: it holds their stdin.
 *   (3) An error on the way leaves nothing running; what a killed ccfs leaves does not run, and the
 *       next start or stop takes it away. */
#ifndef LAUNCHER_DOCKER_POD_H
#define LAUNCHER_DOCKER_POD_H

#include <sys/types.h>

#include "launcher/docker/sidecar.h"
#include "launcher/docker/spec.h"

/* All borrowed. */
struct pod_wish {
    const struct workspace *workspace;
    const struct config *config;
    const struct spec_names *names;
    const struct cli_list *env;
    const char *mountpoint;
    struct contacts
        *contacts; /* with an allowlist: filled while it lives, whole when it is closed */
};

struct pod {
    int holder_life; /* connections: while they are open, the containers live */
    int agent_life;
    struct sidecar sidecar; /* with an allowlist */
    int process;            /* pidfd of root */
    pid_t root;             /* the agent's first process, as this machine numbers it */
};
#define POD_NONE                                                                                   \
    ((struct pod){.holder_life = -1, .agent_life = -1, .process = -1, .sidecar = SIDECAR_NONE})

/* What pod_open() finds out before it makes anything, said to the person who starts it. */
MUST_USE int pod_check(const struct engine *e, const struct pod_wish *wish, struct error *err);
/* -EBUSY: a session of this name runs.  *out: pod_close(). */
MUST_USE int pod_open(const struct engine *e, const struct pod_wish *wish, struct pod *out,
                      struct error *err);
/* Kills and removes them all; keep: the agent's container stays, ended, so that its log can be
 * read. */
void pod_close(const struct engine *e, const struct spec_names *names, bool keep, struct pod *pod);
/* For a child of ours, with which none of it must live on. */
void pod_let_go(struct pod *pod);
/* Kills the agent, if it still runs: by the Engine, and where that does not answer, ourselves. */
void pod_end(const struct engine *e, const struct spec_names *names, const struct pod *pod);
/* The requests that pod_open() would make, as JSON Lines, and nothing done. */
MUST_USE int pod_print(const struct engine *e, const struct pod_wish *wish, struct error *err);

/* What the Engine says of the agent's container. */
struct pod_state {
    bool there;
    bool running;
    bool paused;
    int exit_code;
    pid_t root;
    char workspace[4096]; /* whose it is */
};
/* A container of this name that ccfs did not make is an error. */
MUST_USE int pod_look(const struct engine *e, const struct spec_names *names, struct pod_state *out,
                      struct error *err);
bool pod_is_of(const struct pod_state *state, const struct workspace *w);
/* Removes what is left of a session, running or not. */
MUST_USE int pod_sweep(const struct engine *e, const struct spec_names *names, struct error *err);

/* The same, but the agent's ended container stays for its log. */
MUST_USE int pod_sweep_rest(const struct engine *e, const struct spec_names *names,
                            struct error *err);
/* The volume with its home, where it was kept. */
MUST_USE int pod_drop_home(const struct engine *e, const struct spec_names *names,
                           struct error *err);

/* A new mount on the same place after the daemon was killed: the container gets it at /workspace in
 * place of the dead one.  -EPERM: only root can do that. */
MUST_USE int pod_remount(pid_t root, const char *mountpoint, struct error *err);

#endif
