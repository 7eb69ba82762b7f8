/* news.c - see news.h. */
#include "launcher/docker/news.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/json.h"

#define SETTLE_MS 1000

/* ---- what is told ---- */

static void tell_kill(struct news *n, bool agent, const struct cJSON *event)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *signal = json_at_text(event, "Actor/Attributes/signal");
    if (!agent)
        return; /* its end is what matters */
    text_escape(&safe, signal ? signal : "?", signal ? strnlen(signal, 16) : 1);
    log_line("%s: the Engine was asked to end it (signal %s)", n->names->agent, strbuf_text(&safe));
}

static void tell_memory(struct news *n, bool agent, const struct cJSON *event)
{
    (void)event;
    n->memory_out = n->memory_out || agent;
    if (agent)
        log_line("%s: memory ran out, and a process of it was killed; more: container.memory",
                 n->names->agent);
}

static void tell_death(struct news *n, bool agent, const struct cJSON *event)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *code = json_at_text(event, "Actor/Attributes/exitCode");
    text_escape(&safe, code ? code : "?", code ? strnlen(code, 16) : 1);
    if (agent)
        n->agent_died = true;
    else
        n->holder_died = true;
    log_line("%s ended, with exit code %s%s", agent ? n->names->agent : n->names->holder,
             strbuf_text(&safe), agent ? "" : ": the session has no network any more");
}

static void tell_pause(struct news *n, bool agent, const struct cJSON *event)
{
    const char *action = json_at_text(event, "Action");
    if (agent)
        log_line("%s is %s", n->names->agent,
                 action && strcmp(action, "pause") == 0 ? "paused" : "no longer paused");
}

static const struct {
    const char *action;
    void (*tell)(struct news *n, bool agent, const struct cJSON *event);
} actions[] = {{"kill", tell_kill},
               {"oom", tell_memory},
               {"die", tell_death},
               {"pause", tell_pause},
               {"unpause", tell_pause}};

/* The Engine's filter takes parts of names: here they are whole. */
static bool take_event(void *context, const struct cJSON *event)
{
    struct news *n = context;
    const char *name = json_at_text(event, "Actor/Attributes/name");
    const char *action = json_at_text(event, "Action");
    bool agent = name && strcmp(name, n->names->agent) == 0;
    if (!name || !action || (!agent && strcmp(name, n->names->holder) != 0))
        return true;
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (strcmp(actions[i].action, action) == 0)
            actions[i].tell(n, agent, event);
    return true;
}

/* ---- listening ---- */

static int filters(const struct spec_names *names, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    const char *containers[] = {names->agent, names->holder};
    json_begin_array(j, "type");
    json_text(j, NULL, "container");
    json_end(j);
    json_begin_array(j, "container");
    for (size_t i = 0; i < COUNT_OF(containers); i++)
        json_text(j, NULL, containers[i]);
    json_end(j);
    json_begin_array(j, "event");
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        json_text(j, NULL, actions[i].action);
    json_end(j);
    TRY(json_line(j, &text, err));
    engine_quote(out, strbuf_text(&text));
    return out->failed ? error_say(err, ENOMEM, "no memory for a request") : 0;
}

int news_open(const struct engine *e, const struct spec_names *names, struct news *out,
              struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf query = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf early = STRBUF_EMPTY;
    *out = NEWS_NONE;
    out->names = names;
    out->lines = (struct engine_lines){.line = take_event, .context = out};
    TRY(filters(names, &query, err));
    TRY(engine_listen(e, &out->fd, &early, err, "/events?filters=%s", strbuf_text(&query)));
    (void)engine_lines_take(&out->lines, early.data, early.bytes);
    return 0;
}

void news_take(struct news *n)
{
    char buffer[8192];
    ssize_t got = 1;
    while (n->fd >= 0 && (got = read(n->fd, buffer, sizeof buffer)) > 0)
        if (!engine_lines_take(&n->lines, buffer, (size_t)got))
            break;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n->fd >= 0)
        log_line("%s: the Engine says no more: it ended, or is restarted", n->names->agent);
    fd_close(&n->fd);
}

void news_settle(struct news *n, bool or_memory)
{
    while (n->fd >= 0 && !n->agent_died && !(or_memory && n->memory_out)) {
        struct pollfd p = {.fd = n->fd, .events = POLLIN};
        if (poll(&p, 1, SETTLE_MS) <= 0)
            return;
        news_take(n);
    }
}

void news_close(struct news *n)
{
    fd_close(&n->fd);
    strbuf_release(&n->lines.partial);
}
