/* burst.h - many events told as one: what a person would call one thing that happened.
 *
 * A burst is what one process of one session did of one kind below one folder, its events within
 * two seconds of one another; other processes may work in between.  What is done to a thing just
 * after it was created (its content, mode, times) belongs to its creation.
 *
 * Streams: no more than a few dozen bursts are held, whatever their number of events. */
#ifndef LAUNCHER_BURST_H
#define LAUNCHER_BURST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/event.h"

enum burst_kind {
    BURST_CREATED,
    BURST_CHANGED,
    BURST_DELETED,
    BURST_RENAMED,
    BURST_RESTORED, /* by an undo; so are the next two */
    BURST_RENAMED_BACK,
    BURST_REMOVED,
    BURST_REFUSED,
    BURST_FAILED,
    BURST_OTHER, /* mounts, gaps, …: never more than one event */
};

struct burst {
    enum burst_kind kind;
    enum op op; /* of its first event */
    uint64_t session;
    uint64_t actor; /* id */
    int32_t pid;
    uint64_t first_id;
    uint64_t last_id;
    int64_t first_time;
    int64_t last_time;
    uint64_t events; /* alike refusals that were counted into one included */
    uint64_t files;  /* different ones, everything that is no folder */
    uint64_t folders;
    uint64_t bytes; /* of the files: as they were (deleted), as they became (others) */
    struct attr before;
    struct attr after; /* of the last event */
    int error_code;
    uint64_t undone_by;
    /* Owned by the burst: */
    char *path; /* of its first event; NULL: none */
    char *path2;
    char *folder; /* the deepest that holds everything; "" is the root */
    char *exe;
    char *reason;
};

typedef int burst_each(const struct burst *burst, void *context);

struct bursts;
/* grouped false: every event is a burst.  NULL: no memory. */
struct bursts *bursts_new(bool grouped, burst_each *each, void *context);
void bursts_free(struct bursts **bursts);
/* Events by ascending id.  Gives each() what is complete, by ascending first_id; a number other
 * than 0 from each() is returned. */
MUST_USE int bursts_add(struct bursts *bursts, const struct event *event, struct error *err);
MUST_USE int bursts_end(struct bursts *bursts);

enum burst_kind burst_kind_of(const struct event *event);
/* Bytes of the deepest folder, of whole names, in which the folders a and b both are. */
size_t burst_common_folder(const char *a, size_t a_bytes, const char *b, size_t b_bytes);

#endif
