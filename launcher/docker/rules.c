/* rules.c - see rules.h. */
#include "launcher/docker/rules.h"

#include <errno.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/docker/container.h"

static bool keep_text(void *context, const char *data, size_t bytes)
{
    strbuf_add(context, data, bytes);
    return ((struct strbuf *)context)->bytes < 4096;
}

static int say_why_not(const struct engine *e, const struct spec_names *names, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf said = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    struct http_request request = {
        .method = "GET", .sink = keep_text, .sink_context = &said, .timeout_ms = 10000};
    (void)!engine_stream(e, &request, NULL, "/containers/%s/logs?stderr=1&stdout=1", names->helper);
    size_t skip = said.bytes > 8 ? 8 : 0; /* the head of a frame */
    const char *text = strbuf_text(&said) + skip;
    text_escape(&safe, text, strcspn(text, "\n"));
    return error_say(err, EIO, "%s", safe.bytes ? strbuf_text(&safe) : "nft does not say why");
}

static int load(const struct engine *e, const struct spec *s, const struct strbuf *rules,
                struct error *err)
{
    const struct spec_names *names = s->names;
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    CLEANUP(fd_close) int life = -1;
    CLEANUP(json_tree_free) struct cJSON *ended = NULL;
    TRY(spec_helper(s, &body, err));
    TRY(container_create(e, names->helper, &body, err));
    TRY(container_start(e, names->helper, &life, NULL, err));
    TRY(container_feed(life, rules, err));
    TRY(container_end_input(life, err));
    TRY(engine_call(e, "POST", NULL, &ended, err, "/containers/%s/wait", names->helper));
    const struct cJSON *code = json_at(ended, "StatusCode");
    if (!json_is_number(code) || json_at_number(ended, "StatusCode") != 0)
        return say_why_not(e, names, err);
    return 0;
}

int rules_load(const struct engine *e, const struct spec *s, const struct strbuf *rules,
               struct error *err)
{
    struct error later = ERROR_NONE;
    TRY(container_drop(e, s->names->helper, err)); /* of a ccfs that was killed */
    int loaded = load(e, s, rules, err);
    int dropped = container_drop(e, s->names->helper, loaded < 0 ? &later : err);
    return loaded < 0 ? loaded : dropped;
}
