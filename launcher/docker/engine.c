/* engine.c - see engine.h. */
#include "launcher/docker/engine.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/cli.h"
#include "launcher/docker/socket.h"

#define CALL_MS 120000 /* starting a container on a busy machine takes its time */
#define LINE_LIMIT (1024 * 1024)

/* What our requests are written for; the fields that changed in between are not used. */
#define API_OLDEST 41
#define API_NEWEST 52

void engine_close(struct engine *e)
{
    free(e->socket);
    *e = ENGINE_NONE;
}

/* ---- errors ---- */

static const struct {
    long status;
    int code;
} codes[] = {
    {400, EINVAL}, {403, EPERM}, {404, ENOENT}, {409, EEXIST}, {304, EALREADY}, {503, EAGAIN},
};

static int code_of(long status, const char *said)
{
    if (strstr(said, "no space left on device"))
        return ENOSPC;
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return EIO;
}

/* The Engine's own words, on one line. */
static int say_refused(const struct http_reply *reply, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *said = NULL;
    if (json_read(strbuf_text(&reply->body), reply->body.bytes, &tree, NULL) == 0)
        said = json_at_text(tree, "message");
    if (!said)
        said = "no reason given";
    text_escape(&safe, said, strnlen(said, 400));
    return error_say(err, code_of(reply->status, said), "Docker: %s", strbuf_text(&safe));
}

static int say_unreachable(const struct engine *e, int r, struct error *err)
{
    if (r == -ENOENT || r == -ECONNREFUSED)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "no Docker Engine listens on %s: start it (as root: systemctl start "
                         "docker), or name its socket with --docker-host",
                         e->socket);
    if (r == -EACCES || r == -EPERM)
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         "the Docker Engine's socket %s is not open to you: join the group docker "
                         "(as root: usermod -aG docker USER), or run a rootless Engine",
                         e->socket);
    return r;
}

/* ---- calls ---- */

static int path_of(const struct engine *e, struct strbuf *out, struct error *err,
                   const char *format, va_list args) VPRINTF_LIKE(4);

static int path_of(const struct engine *e, struct strbuf *out, struct error *err,
                   const char *format, va_list args)
{
    char text[4096];
    int n = vsnprintf(text, sizeof text, format, args);
    if (e->api[0])
        strbuf_add_format(out, "/v%s", e->api);
    strbuf_add_text(out, text);
    if (n < 0 || (size_t)n >= sizeof text || out->failed)
        return error_say(err, ENAMETOOLONG, "a request to the Engine is too long");
    return 0;
}

static int perform(const struct engine *e, struct http_request *request, struct http_reply *reply,
                   struct error *err)
{
    request->socket = e->socket;
    int r = http_call(request, reply, err);
    if (r < 0)
        return say_unreachable(e, r, err);
    return reply->status >= 300 ? say_refused(reply, err) : 0;
}

int engine_call(const struct engine *e, const char *method, const struct strbuf *body,
                struct cJSON **out, struct error *err, const char *path, ...)
{
    CLEANUP(strbuf_release) struct strbuf full = STRBUF_EMPTY;
    CLEANUP(http_reply_release) struct http_reply reply = HTTP_REPLY_NONE;
    va_list args;
    va_start(args, path);
    int r = path_of(e, &full, err, path, args);
    va_end(args);
    TRY(r);
    struct http_request request = {
        .method = method,
        .path = strbuf_text(&full),
        .body = body ? strbuf_text(body) : NULL,
        .body_bytes = body ? body->bytes : 0,
        .timeout_ms = CALL_MS,
    };
    TRY(perform(e, &request, &reply, err));
    if (!out)
        return 0;
    return error_prefix(err, json_read(strbuf_text(&reply.body), reply.body.bytes, out, err),
                        "the Docker Engine's answer");
}

int engine_stream(const struct engine *e, struct http_request *request, struct error *err,
                  const char *path, ...)
{
    CLEANUP(strbuf_release) struct strbuf full = STRBUF_EMPTY;
    CLEANUP(http_reply_release) struct http_reply reply = HTTP_REPLY_NONE;
    va_list args;
    va_start(args, path);
    int r = path_of(e, &full, err, path, args);
    va_end(args);
    TRY(r);
    request->path = strbuf_text(&full);
    return perform(e, request, &reply, err);
}

static int take_over(const struct engine *e, struct http_request *request, int *fd,
                     struct strbuf *early, struct error *err)
{
    CLEANUP(http_reply_release) struct http_reply reply = HTTP_REPLY_NONE;
    request->socket = e->socket;
    int r = http_upgrade(request, &reply, fd, early, err);
    if (r < 0)
        return say_unreachable(e, r, err);
    return reply.status >= 300 ? say_refused(&reply, err) : 0;
}

int engine_attach(const struct engine *e, const struct strbuf *body, int *fd, struct strbuf *early,
                  struct error *err, const char *path, ...)
{
    CLEANUP(strbuf_release) struct strbuf full = STRBUF_EMPTY;
    va_list args;
    va_start(args, path);
    int r = path_of(e, &full, err, path, args);
    va_end(args);
    TRY(r);
    struct http_request request = {
        .method = "POST",
        .path = strbuf_text(&full),
        .body = body ? strbuf_text(body) : "",
        .body_bytes = body ? body->bytes : 0,
    };
    return take_over(e, &request, fd, early, err);
}

int engine_listen(const struct engine *e, int *fd, struct strbuf *early, struct error *err,
                  const char *path, ...)
{
    CLEANUP(strbuf_release) struct strbuf full = STRBUF_EMPTY;
    va_list args;
    va_start(args, path);
    int r = path_of(e, &full, err, path, args);
    va_end(args);
    TRY(r);
    struct http_request request = {.method = "GET", .path = strbuf_text(&full), .listens = true};
    return take_over(e, &request, fd, early, err);
}

void engine_quote(struct strbuf *out, const char *value)
{
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("._-~", *value))
            strbuf_add(out, value, 1);
        else
            strbuf_add_format(out, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

bool engine_lines_take(void *context, const char *data, size_t bytes)
{
    struct engine_lines *lines = context;
    bool more = true;
    while (bytes > 0 && more) {
        const char *end = memchr(data, '\n', bytes);
        size_t n = end ? (size_t)(end - data) : bytes;
        strbuf_add(&lines->partial, data, n);
        if (lines->partial.failed || lines->partial.bytes > LINE_LIMIT)
            return false;
        data += n + (end != NULL);
        bytes -= n + (end != NULL);
        CLEANUP(json_tree_free) struct cJSON *value = NULL;
        if (!end || json_read(strbuf_text(&lines->partial), lines->partial.bytes, &value, NULL) < 0)
            value = NULL;
        if (end)
            strbuf_clear(&lines->partial);
        if (value)
            more = lines->line(lines->context, value);
    }
    return more;
}

/* ---- the beginning ---- */

/* "1.41" is 41; 0: something else. */
static long api_number(const char *text)
{
    return text && strncmp(text, "1.", 2) == 0 ? strtol(text + 2, NULL, 10) : 0;
}

static int negotiate(struct engine *e, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    TRY(engine_call(e, "GET", NULL, &said, err, "/version"));
    long newest = api_number(json_at_text(said, "ApiVersion"));
    long oldest = api_number(json_at_text(said, "MinAPIVersion"));
    const char *version = json_at_text(said, "Version");
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, version ? version : "unknown", strnlen(version ? version : "unknown", 24));
    snprintf(e->version, sizeof e->version, "%s", strbuf_text(&safe));
    if (newest < API_OLDEST)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "the Docker Engine is %s, which is too old: 20.10 or newer is needed",
                         e->version);
    if (oldest > API_NEWEST)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "the Docker Engine is %s, which no longer speaks what this ccfs does: "
                         "take a newer ccfs",
                         e->version);
    snprintf(e->api, sizeof e->api, "1.%ld", newest < API_NEWEST ? newest : API_NEWEST);
    return 0;
}

static bool has_security(const struct cJSON *info, const char *name)
{
    const struct cJSON *options = json_at(info, "SecurityOptions");
    for (const struct cJSON *o = json_first(options); o; o = json_next(o)) {
        const char *text = json_text_of(o);
        const char *found = text ? strstr(text, name) : NULL;
        if (found)
            return true;
    }
    return false;
}

/* A number of the Engine's own, as it may stand in a request. */
static bool is_plain(const char *text, size_t room)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    return text && strlen(text) < room && strspn(text, letters) == strlen(text);
}

static int look_around(struct engine *e, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *info = NULL;
    TRY(engine_call(e, "GET", NULL, &info, err, "/info"));
    e->cpus = json_at_number(info, "NCPU");
    e->memory_bytes = json_at_number(info, "MemTotal");
    e->rootless = has_security(info, "name=rootless");
    e->apparmor = has_security(info, "name=apparmor");
    e->selinux = has_security(info, "name=selinux");
    const char *node = json_at_text(info, "Swarm/NodeID");
    if (json_at_bool(info, "Swarm/ControlAvailable") && is_plain(node, sizeof e->swarm_node))
        snprintf(e->swarm_node, sizeof e->swarm_node, "%s", node);
    return 0;
}

int engine_open(const char *host, struct engine *out, struct error *err)
{
    *out = ENGINE_NONE;
    TRY(docker_socket_find(host, &out->socket, err));
    TRY(negotiate(out, err));
    return look_around(out, err);
}
