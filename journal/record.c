/* record.c - what the records of the intake say; see record.h.
 *
 * A payload is a fixed part, then what varies: ranges first (they are aligned), then bytes, then
 * texts with their NUL.  A text of length 0 is NULL.  Numbers are the machine's own: the intake
 * does not travel. */
#include "journal/record.h"

#include <errno.h>
#include <string.h>

#include "journal/base/crc.h"
#include "journal/base/fault.h"

struct packed_event {
    struct record_end end;
    int64_t time;
    uint64_t session;
    uint64_t actor;
    struct attr before;
    struct attr before2;
    int64_t dir_mtime;
    int64_t dir2_mtime;
    uint64_t version;
    uint64_t undoes;
    int32_t tid;
    uint32_t op;
    uint32_t flags;
    uint32_t kept;
    uint32_t range_count;
    uint32_t xattr_bytes;
    uint32_t path_bytes;
    uint32_t path2_bytes;
    uint32_t reason_bytes;
    uint32_t unused;
};

struct packed_proc {
    uint64_t id;
    int64_t started;
    uint64_t parent;
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
    uint32_t exe_bytes;
    uint32_t cmdline_bytes;
    uint32_t container_bytes;
};

struct packed_session {
    uint64_t id;
    int64_t began;
    int64_t ended;
    int32_t status;
    uint32_t name_bytes;
    uint32_t backend_bytes;
    uint32_t command_bytes;
};

#define ENDED_WITH_NOTHING 2

struct packed_update {
    uint64_t event;
    struct attr after;
    uint32_t ended;
    uint32_t range_count;
};

/* The fixed parts are copied whole, and ranges follow them aligned. */
_Static_assert(sizeof(struct record) % 8 == 0 && sizeof(struct packed_event) % 8 == 0 &&
                   sizeof(struct packed_update) % 8 == 0,
               "what follows is aligned");

/* ---- packing ---- */

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static char *put(char *at, const void *data, size_t bytes)
{
    if (bytes > 0)
        memcpy(at, data, bytes);
    return at + bytes;
}

struct reservation record_event_size(enum record_kind kind, const struct event *e)
{
    return (struct reservation){
        .kind = kind,
        .numbered = true,
        .payload_bytes = sizeof(struct packed_event) + e->range_count * sizeof *e->ranges +
                         e->xattr_bytes + text_bytes(e->path) + text_bytes(e->path2) +
                         text_bytes(e->reason),
        .open_bytes = sizeof(struct record_end),
    };
}

void record_event_pack(struct record *r, const struct event *e)
{
    struct packed_event p = {
        .end = {.after = e->after,
                .outcome = e->outcome,
                .error_code = e->error_code,
                .count = e->count},
        .time = e->time,
        .session = e->session,
        .actor = e->actor.id,
        .before = e->before,
        .before2 = e->before2,
        .dir_mtime = e->dir_mtime,
        .dir2_mtime = e->dir2_mtime,
        .version = e->version,
        .undoes = e->undoes,
        .tid = e->tid,
        .op = e->op,
        .flags = e->flags,
        .kept = e->kept,
        .range_count = (uint32_t)e->range_count,
        .xattr_bytes = (uint32_t)e->xattr_bytes,
        .path_bytes = (uint32_t)text_bytes(e->path),
        .path2_bytes = (uint32_t)text_bytes(e->path2),
        .reason_bytes = (uint32_t)text_bytes(e->reason),
    };
    record_end_seal(&p.end);
    char *at = put(record_payload(r), &p, sizeof p);
    at = put(at, e->ranges, e->range_count * sizeof *e->ranges);
    at = put(at, e->xattrs, e->xattr_bytes);
    at = put(at, e->path, p.path_bytes);
    at = put(at, e->path2, p.path2_bytes);
    put(at, e->reason, p.reason_bytes);
}

struct reservation record_proc_size(const struct actor *a)
{
    return (struct reservation){
        .kind = RECORD_PROC,
        .payload_bytes = sizeof(struct packed_proc) + text_bytes(a->exe) + text_bytes(a->cmdline) +
                         text_bytes(a->container),
    };
}

void record_proc_pack(struct record *r, const struct actor *a)
{
    struct packed_proc p = {
        .id = a->id,
        .started = a->started,
        .parent = a->parent,
        .pid = a->pid,
        .uid = a->uid,
        .gid = a->gid,
        .exe_bytes = (uint32_t)text_bytes(a->exe),
        .cmdline_bytes = (uint32_t)text_bytes(a->cmdline),
        .container_bytes = (uint32_t)text_bytes(a->container),
    };
    char *at = put(record_payload(r), &p, sizeof p);
    at = put(at, a->exe, p.exe_bytes);
    at = put(at, a->cmdline, p.cmdline_bytes);
    put(at, a->container, p.container_bytes);
}

struct reservation record_session_size(enum record_kind kind, const struct record_session *s)
{
    return (struct reservation){
        .kind = kind,
        .payload_bytes = sizeof(struct packed_session) + text_bytes(s->name) +
                         text_bytes(s->backend) + text_bytes(s->command),
    };
}

void record_session_pack(struct record *r, const struct record_session *s)
{
    struct packed_session p = {
        .id = s->id,
        .began = s->began,
        .ended = s->ended,
        .status = s->status,
        .name_bytes = (uint32_t)text_bytes(s->name),
        .backend_bytes = (uint32_t)text_bytes(s->backend),
        .command_bytes = (uint32_t)text_bytes(s->command),
    };
    char *at = put(record_payload(r), &p, sizeof p);
    at = put(at, s->name, p.name_bytes);
    at = put(at, s->backend, p.backend_bytes);
    put(at, s->command, p.command_bytes);
}

struct reservation record_update_size(const struct record_update *u)
{
    return (struct reservation){
        .kind = RECORD_WRITE_UPDATE,
        .payload_bytes = sizeof(struct packed_update) + u->range_count * sizeof *u->ranges,
    };
}

void record_update_pack(struct record *r, const struct record_update *u)
{
    struct packed_update p = {
        .event = u->event,
        .after = u->after,
        .ended = u->nothing ? ENDED_WITH_NOTHING : u->ended,
        .range_count = (uint32_t)u->range_count,
    };
    char *at = put(record_payload(r), &p, sizeof p);
    put(at, u->ranges, u->range_count * sizeof *u->ranges);
}

struct record_end *record_end_of(struct record *r)
{
    return record_payload(r);
}

void record_end_seal(struct record_end *end)
{
    FAULT_POINT("end_filled");
    end->crc = crc32c(0, end, offsetof(struct record_end, crc));
}

/* ---- unpacking ---- */

/* What of a payload has not been taken yet. */
struct rest {
    const char *at;
    size_t bytes;
    bool bad;
};

static struct rest rest_of(const struct record *r)
{
    return (struct rest){.at = record_payload(r), .bytes = r->payload_bytes};
}

static const void *take(struct rest *rest, uint64_t bytes)
{
    if (rest->bad || bytes > rest->bytes) {
        rest->bad = true;
        return NULL;
    }
    const char *taken = rest->at;
    rest->at += bytes;
    rest->bytes -= bytes;
    return bytes > 0 ? taken : NULL;
}

static const char *take_text(struct rest *rest, uint32_t bytes)
{
    const char *text = take(rest, bytes);
    if (text && memchr(text, '\0', bytes) != text + bytes - 1) {
        rest->bad = true;
        return NULL;
    }
    return text;
}

static bool take_fixed(struct rest *rest, void *out, size_t bytes)
{
    const void *fixed = take(rest, bytes);
    if (fixed)
        memcpy(out, fixed, bytes);
    return fixed != NULL;
}

static bool end_is_sound(const struct record_end *end)
{
    return end->crc == crc32c(0, end, offsetof(struct record_end, crc)) &&
           end->outcome <= OUTCOME_OPEN;
}

void record_end_mend(struct record *r)
{
    struct record_end *end = record_end_of(r);
    if (r->payload_bytes < sizeof(struct packed_event) || end_is_sound(end))
        return;
    if (r->kind == RECORD_CHANGE)
        *end = (struct record_end){.count = 1};
    else if (r->kind != RECORD_NOTE || end->outcome != OUTCOME_DENIED)
        return;
    record_end_seal(end);
}

static struct event event_of(const struct packed_event *p, uint64_t id)
{
    return (struct event){
        .id = id,
        .time = p->time,
        .session = p->session,
        .actor = {.id = p->actor},
        .tid = p->tid,
        .op = (enum op)p->op,
        .flags = p->flags | p->end.flags,
        .outcome = (enum outcome)p->end.outcome,
        .error_code = p->end.error_code,
        .count = p->end.count,
        .before = p->before,
        .after = p->end.after,
        .before2 = p->before2,
        .dir_mtime = p->dir_mtime,
        .dir2_mtime = p->dir2_mtime,
        .version = p->version,
        .kept = (enum kept)p->kept,
        .undoes = p->undoes,
    };
}

int record_event_unpack(const struct record *r, struct event *out)
{
    struct rest rest = rest_of(r);
    struct packed_event p;
    if (!take_fixed(&rest, &p, sizeof p) || !end_is_sound(&p.end) || p.kept > KEPT_BLOCKS)
        return -EBADMSG;
    *out = event_of(&p, r->event);
    out->range_count = p.range_count;
    out->ranges = take(&rest, (uint64_t)p.range_count * sizeof *out->ranges);
    out->xattr_bytes = p.xattr_bytes;
    out->xattrs = take(&rest, p.xattr_bytes);
    out->path = take_text(&rest, p.path_bytes);
    out->path2 = take_text(&rest, p.path2_bytes);
    out->reason = take_text(&rest, p.reason_bytes);
    return rest.bad ? -EBADMSG : 0;
}

int record_proc_unpack(const struct record *r, struct actor *out)
{
    struct rest rest = rest_of(r);
    struct packed_proc p;
    if (!take_fixed(&rest, &p, sizeof p))
        return -EBADMSG;
    *out = (struct actor){
        .id = p.id,
        .pid = p.pid,
        .started = p.started,
        .parent = p.parent,
        .uid = p.uid,
        .gid = p.gid,
    };
    out->exe = take_text(&rest, p.exe_bytes);
    out->cmdline = take_text(&rest, p.cmdline_bytes);
    out->container = take_text(&rest, p.container_bytes);
    return rest.bad ? -EBADMSG : 0;
}

int record_session_unpack(const struct record *r, struct record_session *out)
{
    struct rest rest = rest_of(r);
    struct packed_session p;
    if (!take_fixed(&rest, &p, sizeof p))
        return -EBADMSG;
    *out = (struct record_session){
        .id = p.id,
        .began = p.began,
        .ended = p.ended,
        .status = p.status,
    };
    out->name = take_text(&rest, p.name_bytes);
    out->backend = take_text(&rest, p.backend_bytes);
    out->command = take_text(&rest, p.command_bytes);
    return rest.bad ? -EBADMSG : 0;
}

int record_update_unpack(const struct record *r, struct record_update *out)
{
    struct rest rest = rest_of(r);
    struct packed_update p;
    if (!take_fixed(&rest, &p, sizeof p))
        return -EBADMSG;
    *out = (struct record_update){
        .event = p.event,
        .after = p.after,
        .ended = p.ended != 0,
        .nothing = p.ended == ENDED_WITH_NOTHING,
        .range_count = p.range_count,
    };
    out->ranges = take(&rest, (uint64_t)p.range_count * sizeof *out->ranges);
    return rest.bad ? -EBADMSG : 0;
}
