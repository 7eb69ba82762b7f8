/* http.h - requests to a server behind a unix socket.
 *
 * The server's answers are hostile: what is kept of them is bounded.  A status is no error here:
 * only that no answer came is one. */
#ifndef LAUNCHER_HTTP_H
#define LAUNCHER_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

#define HTTP_BODY_LIMIT (8 * 1024 * 1024)

/* Takes a piece of a body as it comes; false: enough, the rest is not wanted. */
typedef bool http_sink(void *context, const char *data, size_t bytes);
/* Fills room bytes of what is sent; 0: that was all, -errno. */
typedef long http_source(void *context, char *data, size_t room);

/* All borrowed. */
struct http_request {
    const char *socket;
    const char *method;
    const char *path;
    const char *content_type; /* NULL: JSON */
    const char *body;         /* NULL: none */
    size_t body_bytes;
    http_source *source; /* in place of a body, of unknown length */
    void *source_context;
    http_sink *sink; /* of an answer that is no error (status below 300); NULL: into the reply */
    void *sink_context;
    long timeout_ms; /* of the whole request; 0: none but for the connection */
    bool listens;    /* http_upgrade(): only the server says more, until it ends, without framing */
};

struct http_reply {
    long status;
    struct strbuf body;
};
#define HTTP_REPLY_NONE ((struct http_reply){0})
void http_reply_release(struct http_reply *r); /* CLEANUP(http_reply_release) */

/* -ENOENT, -ECONNREFUSED, -EACCES: nobody listens there, or not to us. */
MUST_USE int http_call(const struct http_request *request, struct http_reply *out,
                       struct error *err);

/* A request after which the connection carries bytes in both directions.  *fd is yours when the
 * status is 101 or 200; early: what came behind the head already. */
MUST_USE int http_upgrade(const struct http_request *request, struct http_reply *out, int *fd,
                          struct strbuf *early, struct error *err);

#endif
