/* incident.h - something went wrong: what runs is held, cut off and looked at, before anybody
 * thinks.
 *
 *   (1) Holding comes first, and needs neither the journal nor room on a disk.
 *   (2) A step that fails is said, and the rest goes on.
 *   (3) Nothing is changed that cannot be let go on: processes are stopped, not ended. */
#ifndef LAUNCHER_INCIDENT_H
#define LAUNCHER_INCIDENT_H

#include "launcher/docker/pod.h"
#include "launcher/evidence.h"
#include "launcher/json.h"

#define INCIDENT_SESSIONS 64
#define INCIDENT_FAILURES 64

struct incident_session {
    uint64_t id; /* 0: the journal does not know it */
    char name[SPEC_NAME_LIMIT];
    bool container;
    struct spec_names names; /* of a container's */
    bool has_proxy;          /* beside it, as an allowlist wants */
    pid_t root;
    bool held;
    bool cut;
    bool has_network;
};

struct incident {
    struct cli *cli;
    const char *only; /* this session, by number or name; NULL: all */
    struct workspace workspace;
    struct config config;
    struct engine engine;
    bool has_engine;
    struct incident_session sessions[INCIDENT_SESSIONS];
    size_t count;
    char *failures[INCIDENT_FAILURES]; /* owned */
    size_t failure_count;
};
#define INCIDENT_NONE ((struct incident){.workspace = WORKSPACE_NONE})

/* *out: incident_close(), also after an error. */
MUST_USE int incident_open(struct cli *cli, const char *only, const char *docker_host,
                           struct incident *out, struct error *err);
void incident_close(struct incident *i); /* CLEANUP */

/* "freeze night: …": said at once, and kept for the report. */
void incident_failed(struct incident *i, const struct error *why, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Holds every session and cuts its network, or gives both back.  -ENOENT: none is called so. */
MUST_USE int incident_hold(struct incident *i, struct error *err);
MUST_USE int incident_release(struct incident *i, struct error *err);

/* Logs, containers, processes, status, history, verification. */
void incident_collect(struct incident *i, struct evidence *e);
void incident_report(const struct incident *i, struct json *j);

#endif
