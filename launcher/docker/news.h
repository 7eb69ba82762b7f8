/* news.h - what the Engine tells of a session's containers while they run: who is ended from
 * outside, and where memory ran out. */
#ifndef LAUNCHER_DOCKER_NEWS_H
#define LAUNCHER_DOCKER_NEWS_H

#include "launcher/docker/spec.h"

struct news {
    int fd; /* readable when there is some; -1: nobody tells */
    const struct spec_names *names;
    struct engine_lines lines;
    bool agent_died;
    bool memory_out;
    bool holder_died; /* and with it the session's network */
};
#define NEWS_NONE ((struct news){.fd = -1})

/* names: borrowed.  *out stays where it is until news_close(). */
MUST_USE int news_open(const struct engine *e, const struct spec_names *names, struct news *out,
                       struct error *err);
/* Takes what there is, and says it in the log. */
void news_take(struct news *n);
/* After the agent (or_memory: or a process of it) ended: waits a moment until the Engine has told.
 */
void news_settle(struct news *n, bool or_memory);
void news_close(struct news *n); /* CLEANUP(news_close) */

#endif
