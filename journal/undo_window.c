/* undo_window.c - see undo_window.h. */
#include "journal/undo_window.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/base/arena.h"

struct window {
    struct arena memory;
    struct event events[WINDOW];
    size_t count;
};

static void window_free(struct window **w)
{
    if (*w)
        arena_release(&(*w)->memory);
    free(*w);
    *w = NULL;
}

static int keep_event(const struct event *e, void *context)
{
    struct window *w = context;
    if (w->count == WINDOW)
        return -EBADMSG; /* more rows than numbers: cannot be */
    struct event *copy = &w->events[w->count];
    *copy = *e;
    copy->path = arena_copy_text(&w->memory, e->path);
    copy->path2 = arena_copy_text(&w->memory, e->path2);
    copy->xattrs = e->xattrs ? arena_copy(&w->memory, e->xattrs, e->xattr_bytes) : NULL;
    if ((e->path && !copy->path) || (e->path2 && !copy->path2) || (e->xattrs && !copy->xattrs))
        return -ENOMEM;
    copy->actor.exe = copy->actor.cmdline = copy->actor.container = NULL;
    copy->sha256_before = copy->sha256_after = NULL;
    copy->reason = NULL;
    copy->ranges = NULL;
    copy->range_count = 0;
    w->count++;
    return 0;
}

int window_walk(struct history *h, uint64_t first, uint64_t last, history_each *each, void *context,
                struct error *err)
{
    CLEANUP(window_free) struct window *w = calloc(1, sizeof *w);
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = first;
    filter.last_id = last;
    int r = w ? history_events(h, &filter, keep_event, w, err) : -ENOMEM;
    if (r == -ENOMEM)
        return error_set(err, ENOMEM, "read the journal");
    TRY(r);
    while (w->count > 0)
        TRY(each(&w->events[--w->count], context));
    return 0;
}
