/* container.c - see container.h. */
#include "launcher/docker/container.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "journal/base/log.h"
#include "journal/base/text.h"

#define FEED_MS 30000

static void say_warnings(const struct cJSON *said)
{
    const struct cJSON *warnings = json_at(said, "Warnings");
    for (const struct cJSON *w = json_first(warnings); w; w = json_next(w)) {
        CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
        const char *text = json_text_of(w);
        text_escape(&safe, text ? text : "", text ? strnlen(text, 300) : 0);
        if (safe.bytes)
            log_line("Docker: %s", strbuf_text(&safe));
    }
}

int container_create(const struct engine *e, const char *name, const struct strbuf *body,
                     struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    TRY(engine_call(e, "POST", body, &said, err, "/containers/create?name=%s", name));
    say_warnings(said);
    return 0;
}

int container_start(const struct engine *e, const char *name, int *life, struct strbuf *heard,
                    struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf early = STRBUF_EMPTY;
    TRY(engine_attach(e, NULL, life, heard ? heard : &early, err,
                      "/containers/%s/attach?stream=1&stdin=1%s", name,
                      heard ? "&stdout=1&stderr=1" : ""));
    return engine_call(e, "POST", NULL, NULL, err, "/containers/%s/start", name);
}

int container_feed(int life, const struct strbuf *text, struct error *err)
{
    for (size_t sent = 0; sent < text->bytes;) {
        struct pollfd p = {.fd = life, .events = POLLOUT};
        ssize_t n = send(life, text->data + sent, text->bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return error_set(err, errno, "send to a container");
        else if (poll(&p, 1, FEED_MS) == 0)
            return error_say(err, ETIMEDOUT, "a container does not take what it is sent");
    }
    return 0;
}

int container_end_input(int life, struct error *err)
{
    return shutdown(life, SHUT_WR) < 0 ? error_set(err, errno, "send to a container") : 0;
}

/* The Engine removes by itself what ended; until it has, the name is taken. */
static int wait_gone(const struct engine *e, const char *name, struct error *err)
{
    const struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
    for (int i = 0; i < 200; i++) {
        int r = engine_call(e, "GET", NULL, NULL, err, "/containers/%s/json", name);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        nanosleep(&moment, NULL);
    }
    return error_say(err, EBUSY, "the Engine does not finish to remove %s", name);
}

int container_drop(const struct engine *e, const char *name, struct error *err)
{
    int r = engine_call(e, "DELETE", NULL, NULL, err, "/containers/%s?force=1&v=1", name);
    if (r == -ENOENT)
        return 0;
    return r == -EEXIST ? wait_gone(e, name, err) : r; /* removed by itself meanwhile */
}
