/* progress.c - see progress.h. */
#include "launcher/docker/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/log.h"
#include "journal/base/text.h"

#define WIDTH 30
#define STEP 25 /* percent between two lines where there is no bar */

void progress_begin(struct progress *p, const char *what, bool loud)
{
    *p = (struct progress){.bar = isatty(STDERR_FILENO) == 1, .loud = loud};
    snprintf(p->what, sizeof p->what, "%s", what);
    if (!p->bar)
        log_line("%s", what);
}

static struct progress_layer *layer_of(struct progress *p, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < PROGRESS_LAYERS; i++) {
        if (p->layers[i].id == 0)
            p->layers[i].id = hash | 1;
        if (p->layers[i].id == (hash | 1))
            return &p->layers[i];
    }
    return NULL; /* more than are counted */
}

static unsigned percent_of(const struct progress *p)
{
    double done = 0;
    double total = 0;
    for (size_t i = 0; i < PROGRESS_LAYERS; i++) {
        done += (double)p->layers[i].done;
        total += (double)p->layers[i].total;
    }
    double share = total > 0 ? done / total : 0;
    return share >= 1 ? 100 : (unsigned)(share * 100);
}

static void show(struct progress *p)
{
    unsigned percent = percent_of(p);
    if (p->bar && percent != p->last) {
        unsigned full = percent * WIDTH / 100;
        fprintf(stderr, "\r%s [%.*s%*s] %3u%%", p->what, (int)full,
                "##############################", (int)(WIDTH - full), "", percent);
        p->last = percent;
    } else if (!p->bar && percent >= p->last + STEP) {
        p->last = percent - percent % STEP;
        log_line("%s: %u%%", p->what, p->last);
    }
}

static void say(struct progress *p, const char *text)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    size_t n = strnlen(text, 400);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text_escape(&safe, text, n);
    if (n > 0 && p->loud)
        log_line("%s", strbuf_text(&safe));
}

static void take_error(struct progress *p, const char *text)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    size_t n = strnlen(text, 400);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text_escape(&safe, text, n);
    error_say(&p->error, EIO, "Docker: %s", strbuf_text(&safe));
}

bool progress_line(void *context, const struct cJSON *value)
{
    struct progress *p = context;
    const char *error = json_at_text(value, "error");
    const char *stream = json_at_text(value, "stream");
    const char *id = json_at_text(value, "id");
    struct progress_layer *layer = id ? layer_of(p, id) : NULL;
    uint64_t total = json_at_number(value, "progressDetail/total");
    if (error)
        take_error(p, error);
    if (stream)
        say(p, stream);
    if (layer && total) {
        layer->total = total;
        layer->done = json_at_number(value, "progressDetail/current");
    }
    show(p);
    return !error;
}

void progress_end(struct progress *p)
{
    if (p->bar)
        fprintf(stderr, "\r%*s\r", (int)strlen(p->what) + WIDTH + 8, "");
}
