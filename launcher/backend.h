/* backend.h - the promise that every way to run an agent keeps.
 *
 *   (1) Nothing of the command runs before go(): until then task.root waits, so that the journal
 *       can know it as the root of a session.
 *   (2) The command reaches the workspace through the mount only, and nothing else of the host that
 * it could change. (3) After finish() no process of it is left. */
#ifndef LAUNCHER_BACKEND_H
#define LAUNCHER_BACKEND_H

#include <stdbool.h>
#include <sys/types.h>

#include "launcher/cli.h"
#include "launcher/config.h"
#include "launcher/net/space.h"
#include "launcher/workspace.h"

/* All borrowed. */
struct backend_job {
    const struct workspace *workspace;
    const struct config *config;
    const char *mountpoint;
    const char *name;           /* of the session; NULL: none */
    const char *folder;         /* to start in, as the command sees it */
    char *const *command;       /* NULL-terminated */
    const struct cli_list *env; /* "K=V" */
    int terminal;               /* becomes its controlling terminal and its stdio; -1: streams do */
    const int *streams;         /* its stdin, stdout and stderr; -1: ours is passed through */
    bool memory_by_cgroup;      /* known when go() is called */
};

struct backend_task {
    pid_t pid;  /* a child of ours, with which the command ends; 0: none */
    pid_t root; /* first of its processes: the session's root */
    int ended;  /* pidfd of it: readable once it ended */
    int inside; /* pidfd of the process with which all of its processes end; -1: not yet there */
    int line;   /* a connection to whoever runs it; -1: that is us */
    int proxy;  /* readable once its proxy ended, which it should not by itself; -1: not watched */
    int go;
    int block;
    int status;
    struct net_space network;
    struct contacts *contacts; /* with an allowlist, whole after finish(): contacts_free() */
    struct backend_own *own;   /* what only the backend knows; NULL: nothing */
};
#define BACKEND_TASK_NONE                                                                          \
    ((struct backend_task){.ended = -1,                                                            \
                           .inside = -1,                                                           \
                           .line = -1,                                                             \
                           .proxy = -1,                                                            \
                           .go = -1,                                                               \
                           .block = -1,                                                            \
                           .status = -1,                                                           \
                           .network = NET_SPACE_NONE})

struct backend {
    const char *name;
    bool limits_itself; /* no cgroup of ours is needed */
    /* Can it work on this machine?  Says what to install or to switch on. */
    int (*check)(const struct config *config, struct error *err);
    int (*prepare)(const struct backend_job *job, struct backend_task *out, struct error *err);
    int (*go)(const struct backend_job *job, struct backend_task *task, struct error *err);
    void (*stop)(struct backend_task *task); /* kills; finish() still follows */
    /* Waits; *exit_code as a shell would say it.  An error: the command never ran. */
    int (*finish)(struct backend_task *task, int *exit_code, struct error *err);
};

extern const struct backend backend_sandbox;
extern const struct backend backend_docker;

#endif
