/* event_json.c - see event_json.h. */
#include "launcher/event_json.h"

#include <stdio.h>
#include <time.h>

#include "journal/base/clock.h"

#define SHA256_BYTES 32

void event_time_text(int64_t ns, char text[EVENT_TIME_BYTES])
{
    char stamp[40];
    struct tm tm;
    struct timespec time = clock_timespec(ns);
    gmtime_r(&time.tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, EVENT_TIME_BYTES, "%s.%09ldZ", stamp, time.tv_nsec);
}

void event_json_time(struct json *j, const char *key, int64_t ns)
{
    char text[EVENT_TIME_BYTES];
    event_time_text(ns, text);
    json_text(j, key, text);
}

const char *event_kept_name(enum kept kept)
{
    static const char *const names[] = {
        [KEPT_NONE] = "none", [KEPT_INODE] = "inode",   [KEPT_CLONE] = "clone",
        [KEPT_COPY] = "copy", [KEPT_BLOCKS] = "blocks",
    };
    size_t at = (size_t)kept;
    return at < COUNT_OF(names) ? names[at] : "unknown";
}

static void put_number(struct json *j, const char *key, uint64_t number)
{
    if (number)
        json_uint(j, key, number);
    else
        json_null(j, key);
}

static void put_sha256(struct json *j, const unsigned char *sum)
{
    char hex[2 * SHA256_BYTES + 1];
    for (size_t i = 0; sum && i < SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    json_text(j, "sha256", sum ? hex : NULL);
}

static void put_attr(struct json *j, const char *key, const struct attr *attr,
                     const unsigned char *sha256)
{
    if (!attr->mode) {
        json_null(j, key);
        return;
    }
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", attr->mode & 07777);
    json_begin_object(j, key);
    json_text(j, "type", type_name(attr->mode));
    json_text(j, "mode", mode);
    json_uint(j, "uid", attr->uid);
    json_uint(j, "gid", attr->gid);
    json_uint(j, "nlink", attr->nlink);
    json_uint(j, "size", attr->size);
    event_json_time(j, "mtime", attr->mtime);
    put_sha256(j, sha256);
    json_end(j);
}

static void put_actor(struct json *j, const struct event *e)
{
    const struct actor *actor = &e->actor;
    if (!actor->id) {
        json_null(j, "actor");
        return;
    }
    json_begin_object(j, "actor");
    json_int(j, "pid", e->tid ? e->tid : actor->pid);
    json_int(j, "tgid", actor->pid);
    json_uint(j, "uid", actor->uid);
    json_uint(j, "gid", actor->gid);
    json_text(j, "exe", actor->exe);
    json_text(j, "cmdline", actor->cmdline);
    json_text(j, "container", actor->container);
    if (actor->started)
        event_json_time(j, "started", actor->started);
    else
        json_null(j, "started");
    json_bool(j, "inferred", e->flags & EVENT_INFERRED);
    json_end(j);
}

static void put_ranges(struct json *j, const struct event *e)
{
    if (!e->range_count) {
        json_null(j, "ranges");
        return;
    }
    json_begin_array(j, "ranges");
    for (size_t i = 0; i < e->range_count; i++) {
        json_begin_object(j, NULL);
        json_int(j, "offset", e->ranges[i].offset);
        json_int(j, "length", e->ranges[i].length);
        json_end(j);
    }
    json_end(j);
}

static void put_vault(struct json *j, const struct event *e)
{
    if (!e->version) {
        json_null(j, "vault");
        return;
    }
    json_begin_object(j, "vault");
    json_uint(j, "version", e->version);
    json_text(j, "kept", event_kept_name(e->kept));
    json_end(j);
}

/* A gap says since when nothing was recorded. */
static void put_from(struct json *j, const struct event *e)
{
    if (e->op == OP_GAP && e->before.mtime)
        event_json_time(j, "from", e->before.mtime);
}

void event_json_fill(struct json *j, const struct event *e)
{
    json_uint(j, "id", e->id);
    event_json_time(j, "time", e->time);
    put_from(j, e);
    put_number(j, "session", e->session);
    json_text(j, "op", op_name(e->op));
    json_text(j, "path", e->path);
    json_text(j, "to", e->path2);
    json_text(j, "outcome", outcome_name(e->outcome));
    json_text(j, "reason", e->reason);
    put_number(j, "errno", (uint64_t)(e->error_code > 0 ? e->error_code : 0));
    json_uint(j, "count", e->count);
    put_actor(j, e);
    put_attr(j, "before", &e->before, e->sha256_before);
    put_attr(j, "after", &e->after, e->sha256_after);
    put_attr(j, "replaced", &e->before2, NULL);
    put_ranges(j, e);
    put_vault(j, e);
    json_bool(j, "settled", e->flags & EVENT_SETTLED);
    json_bool(j, "by_undo", e->flags & EVENT_BY_UNDO);
    put_number(j, "undoes", e->undoes);
    put_number(j, "undone_by", e->undone_by);
}

int event_json_line(const struct event *event, struct strbuf *out, struct error *err)
{
    struct json *j = json_new();
    event_json_fill(j, event);
    int r = json_line(j, out, err);
    json_free(&j);
    return r;
}
