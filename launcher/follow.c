/* follow.c - see follow.h.
 *
 *   (1) The journal is written in the order of events: what is above the last one that was seen is
 * new, and nothing below it is, but the ends of write sessions. (2) The daemon is asked once a
 * second to write down what it has; where none runs nothing can come.  Its requests never wait for
 * us. */
#include "launcher/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal/base/list.h"

#define ROUND_MS 1000

struct follower {
    struct look *look;
    struct history_filter filter; /* its bounds move on */
    history_each *each;
    void *context;
    uint64_t *open; /* write sessions that have not ended, ascending; owned */
    size_t open_count;
    size_t open_room;
    struct error *err;
};

static void follower_release(struct follower *f)
{
    free(f->open);
}

static int remember_open(struct follower *f, uint64_t id)
{
    uint64_t *more = list_grown(f->open, f->open_count, &f->open_room, sizeof *more);
    if (!more)
        return error_set(f->err, ENOMEM, "follow the history");
    f->open = more;
    f->open[f->open_count++] = id;
    return 0;
}

static int see_new(const struct event *event, void *context)
{
    struct follower *f = context;
    return event->outcome == OUTCOME_OPEN && f->filter.outcome != OUTCOME_OPEN
               ? remember_open(f, event->id)
               : f->each(event, f->context);
}

struct ending {
    struct follower *follower;
    bool ended;
};

static int see_ended(const struct event *event, void *context)
{
    struct ending *ending = context;
    ending->ended = event->outcome != OUTCOME_OPEN;
    return ending->ended ? ending->follower->each(event, ending->follower->context) : 0;
}

static int see_endings(struct follower *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->open_count; i++) {
        struct ending ending = {.follower = f};
        TRY(history_event(f->look->history, f->open[i], see_ended, &ending, f->err));
        if (!ending.ended)
            f->open[kept++] = f->open[i];
    }
    f->open_count = kept;
    return 0;
}

/* false: nobody reads any more. */
static bool wait_a_round(void)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    return poll(&reader, 1, ROUND_MS) <= 0 || !(reader.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* A daemon that ends, or is not there, is no error: another may come. */
static void drain(struct look *look)
{
    if (look->daemon.fd < 0 && control_connect(look->workspace.root, &look->daemon, NULL) <= 0)
        return;
    if (control_ask(&look->daemon, "drain", NULL, NULL, NULL) < 0)
        control_close(&look->daemon);
}

static int note_last(const struct event *event, void *context)
{
    *(uint64_t *)context = event->id;
    return 0;
}

/* Up to the newest event that is there now, whether it fits or not. */
static int see_round(struct follower *f)
{
    struct history_filter newest = HISTORY_ALL;
    newest.limit = 1;
    TRY(see_endings(f));
    TRY(history_events(f->look->history, &newest, note_last, &f->filter.last_id, f->err));
    if (f->filter.last_id >= f->filter.first_id)
        TRY(history_events(f->look->history, &f->filter, see_new, f, f->err));
    f->filter.first_id = f->filter.last_id + 1;
    f->filter.limit = 0;
    return 0;
}

int follow(struct look *look, const struct history_filter *filter, history_each *each,
           int (*flush)(void *context), void *context, struct error *err)
{
    CLEANUP(follower_release)
    struct follower f = {
        .look = look, .filter = *filter, .each = each, .context = context, .err = err};
    for (;;) {
        TRY(see_round(&f));
        TRY(flush(context));
        if (!wait_a_round())
            return 0;
        drain(look);
    }
}
