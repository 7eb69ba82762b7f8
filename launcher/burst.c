/* burst.c - see burst.h.
 *
 * Open bursts stand in a queue by their first event.  Only the head leaves it, when nothing can
 * join it any more or the queue is full; so the order is kept and memory is bounded. */
#include "launcher/burst.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"

#define NEIGHBOUR_NS (2 * NS_PER_S)
#define OPEN_MOST 64
#define RECENT 64 /* things per burst that are known again */

struct recent {
    uint64_t object;
    uint64_t bytes;
};

struct open_burst {
    struct burst burst;
    struct recent recent[RECENT];
    size_t recent_next;
};

struct bursts {
    struct open_burst *open[OPEN_MOST]; /* by first_id */
    size_t count;
    bool grouped;
    burst_each *each;
    void *context;
};

static void open_free(struct open_burst *open)
{
    free(open->burst.path);
    free(open->burst.path2);
    free(open->burst.folder);
    free(open->burst.exe);
    free(open->burst.reason);
    free(open);
}

struct bursts *bursts_new(bool grouped, burst_each *each, void *context)
{
    struct bursts *bursts = calloc(1, sizeof *bursts);
    if (bursts) {
        bursts->grouped = grouped;
        bursts->each = each;
        bursts->context = context;
    }
    return bursts;
}

void bursts_free(struct bursts **bursts)
{
    if (!*bursts)
        return;
    for (size_t i = 0; i < (*bursts)->count; i++)
        open_free((*bursts)->open[i]);
    free(*bursts);
    *bursts = NULL;
}

/* ---- what an event is ---- */

static enum burst_kind kind_of_change(enum op op)
{
    switch (op) {
    case OP_CREATE:
    case OP_MKDIR:
    case OP_MKNOD:
    case OP_SYMLINK:
    case OP_LINK:
        return BURST_CREATED;
    case OP_UNLINK:
    case OP_RMDIR:
        return BURST_DELETED;
    case OP_RENAME:
    case OP_EXCHANGE:
        return BURST_RENAMED;
    default:
        return op_changes(op) ? BURST_CHANGED : BURST_OTHER;
    }
}

enum burst_kind burst_kind_of(const struct event *event)
{
    static const enum burst_kind by_undo[] = {
        [BURST_CREATED] = BURST_RESTORED,
        [BURST_CHANGED] = BURST_RESTORED,
        [BURST_DELETED] = BURST_REMOVED,
        [BURST_RENAMED] = BURST_RENAMED_BACK,
    };
    if (event->outcome == OUTCOME_DENIED)
        return BURST_REFUSED;
    if (event->outcome == OUTCOME_FAILED)
        return BURST_FAILED;
    enum burst_kind kind = kind_of_change(event->op);
    bool undo = (event->flags & EVENT_BY_UNDO) && (size_t)kind < COUNT_OF(by_undo);
    return undo ? by_undo[kind] : kind;
}

static bool is_folder(const struct event *event)
{
    return S_ISDIR(event->before.mode) || S_ISDIR(event->after.mode);
}

/* Bytes of the path that name the folder an event happened in: a folder itself, else its parent. */
static size_t folder_bytes(const struct event *event)
{
    const char *path = event->path ? event->path : "";
    const char *slash = strrchr(path, '/');
    if (is_folder(event))
        return strlen(path);
    return slash ? (size_t)(slash - path) : 0;
}

size_t burst_common_folder(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t common = 0;
    size_t i = 0;
    while (i < a_bytes && i < b_bytes && a[i] == b[i]) {
        if (a[i] == '/')
            common = i;
        i++;
    }
    bool a_ends = i == a_bytes && (i == b_bytes || b[i] == '/');
    bool b_ends = i == b_bytes && (i == a_bytes || a[i] == '/');
    return a_ends || b_ends ? i : common;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Bytes that an event's file has: before it was deleted, after anything else. */
static uint64_t file_bytes(const struct event *event, enum burst_kind kind)
{
    bool gone = kind == BURST_DELETED || kind == BURST_REMOVED;
    const struct attr *attr = gone ? &event->before : &event->after;
    return S_ISREG(attr->mode) ? attr->size : 0;
}

/* ---- does it belong? ---- */

static struct recent *find_recent(struct open_burst *open, uint64_t object)
{
    for (size_t i = 0; object && i < RECENT; i++)
        if (open->recent[i].object == object)
            return &open->recent[i];
    return NULL;
}

static bool is_refusal(enum burst_kind kind)
{
    return kind == BURST_REFUSED || kind == BURST_FAILED;
}

static bool is_near(const struct burst *burst, const struct event *event)
{
    return event->time <= burst->last_time || event->time - NEIGHBOUR_NS <= burst->last_time;
}

static bool shares_folder(const struct burst *burst, const struct event *event)
{
    return same_text(burst->path, event->path) ||
           burst_common_folder(burst->folder, strlen(burst->folder), event->path ? event->path : "",
                               folder_bytes(event)) > 0;
}

static bool belongs(struct open_burst *open, const struct event *event, enum burst_kind kind)
{
    struct burst *burst = &open->burst;
    if (burst->session != event->session || burst->actor != event->actor.id ||
        burst->undone_by != event->undone_by || kind == BURST_OTHER || !is_near(burst, event))
        return false;
    if (kind == BURST_CHANGED && burst->kind == BURST_CREATED)
        return find_recent(open, event->object) != NULL;
    if (burst->kind != kind)
        return false;
    if (is_refusal(kind) && (burst->op != event->op || burst->error_code != event->error_code ||
                             !same_text(burst->reason, event->reason)))
        return false;
    return shares_folder(burst, event);
}

/* ---- joining ---- */

/* Counts a thing once as long as it is remembered, and always with its latest size. */
static void count_thing(struct open_burst *open, const struct event *event)
{
    struct burst *burst = &open->burst;
    struct recent *known = find_recent(open, event->object);
    bool again = known || (burst->events > 0 && is_refusal(burst->kind) &&
                           same_text(burst->path, event->path));
    uint64_t bytes = file_bytes(event, burst->kind);
    if (!again) {
        burst->files += !is_folder(event);
        burst->folders += is_folder(event);
        known = &open->recent[open->recent_next++ % RECENT];
        *known = (struct recent){.object = event->object};
    }
    if (known) {
        burst->bytes += bytes - known->bytes; /* modulo 2^64: may shrink */
        known->bytes = bytes;
    }
}

static void join(struct open_burst *open, const struct event *event)
{
    struct burst *burst = &open->burst;
    bool first = burst->events == 0;
    if (!first) {
        size_t bytes = burst_common_folder(burst->folder, strlen(burst->folder),
                                           event->path ? event->path : "", folder_bytes(event));
        burst->folder[bytes] = '\0';
    }
    count_thing(open, event);
    burst->events += event->count ? event->count : 1;
    burst->last_id = event->id;
    if (first || event->time > burst->last_time)
        burst->last_time = event->time;
    if (event->after.mode)
        burst->after = event->after;
}

static bool copy_text(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

static struct open_burst *open_new(const struct event *event, enum burst_kind kind)
{
    struct open_burst *open = calloc(1, sizeof *open);
    if (!open)
        return NULL;
    struct burst *burst = &open->burst;
    *burst = (struct burst){
        .kind = kind,
        .op = event->op,
        .session = event->session,
        .actor = event->actor.id,
        .pid = event->actor.pid,
        .first_id = event->id,
        .first_time = event->time,
        .before = event->before,
        .error_code = event->error_code,
        .undone_by = event->undone_by,
        .folder = strndup(event->path ? event->path : "", folder_bytes(event)),
    };
    bool copied = copy_text(&burst->path, event->path) && copy_text(&burst->path2, event->path2) &&
                  copy_text(&burst->exe, event->actor.exe) &&
                  copy_text(&burst->reason, event->reason);
    if (burst->folder && copied) {
        join(open, event);
        return open;
    }
    open_free(open);
    return NULL;
}

/* ---- the queue ---- */

static int leave_head(struct bursts *bursts)
{
    struct open_burst *head = bursts->open[0];
    bursts->count--;
    memmove(bursts->open, bursts->open + 1, bursts->count * sizeof bursts->open[0]);
    int r = bursts->each(&head->burst, bursts->context);
    open_free(head);
    return r;
}

static int leave_stale(struct bursts *bursts, const struct event *event)
{
    while (bursts->count > 0) {
        bool waits =
            bursts->grouped && bursts->count < OPEN_MOST && is_near(&bursts->open[0]->burst, event);
        if (waits)
            return 0;
        int r = leave_head(bursts);
        if (r != 0)
            return r;
    }
    return 0;
}

int bursts_add(struct bursts *bursts, const struct event *event, struct error *err)
{
    enum burst_kind kind = burst_kind_of(event);
    int r = leave_stale(bursts, event);
    if (r != 0)
        return r;
    for (size_t i = bursts->grouped ? bursts->count : 0; i > 0; i--) {
        if (belongs(bursts->open[i - 1], event, kind)) {
            join(bursts->open[i - 1], event);
            return 0;
        }
    }
    struct open_burst *open = open_new(event, kind);
    if (!open)
        return error_set(err, ENOMEM, "show the history");
    bursts->open[bursts->count++] = open;
    return 0;
}

int bursts_end(struct bursts *bursts)
{
    while (bursts->count > 0) {
        int r = leave_head(bursts);
        if (r != 0)
            return r;
    }
    return 0;
}
