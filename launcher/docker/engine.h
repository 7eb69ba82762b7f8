/* engine.h - the Engine's API: one call, one answer, or the Engine's own words as an error.
 *
 * What it says is hostile: bounded, parsed piece by piece, escaped before anybody sees it. */
#ifndef LAUNCHER_DOCKER_ENGINE_H
#define LAUNCHER_DOCKER_ENGINE_H

#include <stdint.h>

#include "launcher/http.h"
#include "launcher/json_read.h"

struct engine {
    char *socket;
    char api[16]; /* "1.41": what both speak */
    char version[32];
    uint64_t cpus;
    uint64_t memory_bytes;
    bool rootless;
    bool apparmor; /* it confines by these */
    bool selinux;
    char swarm_node[64]; /* where it manages a swarm: which machine of it this is; else "" */
};
#define ENGINE_NONE ((struct engine){0})

/* From API 1.41 (20.10) on.  *out: engine_close(), also after an error. */
MUST_USE int engine_open(const char *host, struct engine *out, struct error *err);
void engine_close(struct engine *e); /* CLEANUP(engine_close) */

/* path: what follows the version, "/containers/json?all=1", by format.  body: NULL: none; out: the
 * answer's tree, json_tree_free(); NULL: not wanted.  -ENOENT: it has no such thing, -EEXIST: a
 * conflict. */
MUST_USE int engine_call(const struct engine *e, const char *method, const struct strbuf *body,
                         struct cJSON **out, struct error *err, const char *path, ...)
    PRINTF_LIKE(6, 7);

/* The same for what is long: an answer that comes in pieces, a body that is made while it is sent.
 * request: its method, bodies, sink and time; the rest is filled in. */
MUST_USE int engine_stream(const struct engine *e, struct http_request *request, struct error *err,
                           const char *path, ...) PRINTF_LIKE(4, 5);

/* A connection of its own, taken over; see http_upgrade(). */
MUST_USE int engine_attach(const struct engine *e, const struct strbuf *body, int *fd,
                           struct strbuf *early, struct error *err, const char *path, ...)
    PRINTF_LIKE(6, 7);

/* A connection on which the Engine alone goes on telling: read without blocking, until it ends.
 * early: what came behind the head already. */
MUST_USE int engine_listen(const struct engine *e, int *fd, struct strbuf *early, struct error *err,
                           const char *path, ...) PRINTF_LIKE(5, 6);

/* value, as it may stand in a path or a query. */
void engine_quote(struct strbuf *out, const char *value);

/* Pieces of an answer put together to lines of JSON; called for each. */
struct engine_lines {
    bool (*line)(void *context, const struct cJSON *value); /* false: enough */
    void *context;
    struct strbuf partial;
};
bool engine_lines_take(void *lines, const char *data, size_t bytes); /* an http_sink */

#endif
