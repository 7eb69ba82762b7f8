/* event_csv.c - see event_csv.h. */
#include "launcher/event_csv.h"

#include <inttypes.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/event_json.h"

static const char heading[] =
    "id,time,session,op,path,to,outcome,reason,errno,count,pid,tid,uid,gid,exe,cmdline,"
    "size_before,size_after,mode_before,mode_after,undoes,undone_by\r\n";

void event_csv_heading(struct strbuf *out)
{
    strbuf_add_text(out, heading);
}

static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_add_text(out, "\"");
    for (const char *at = text; *at; at++)
        strbuf_add(out, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    strbuf_add_text(out, "\"");
}

static void add_field(struct strbuf *out, const char *bytes)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    strbuf_add_text(out, ",");
    if (!bytes || !*bytes)
        return;
    if (strchr("=+-@", *bytes))
        strbuf_add_text(&text, "'");
    text_escape(&text, bytes, strlen(bytes));
    if (strpbrk(strbuf_text(&text), ",\"' "))
        add_quoted(out, strbuf_text(&text));
    else
        strbuf_add_text(out, strbuf_text(&text));
    out->failed |= text.failed;
}

/* 0: nothing is known. */
static void add_number(struct strbuf *out, uint64_t number)
{
    strbuf_add_text(out, ",");
    if (number)
        strbuf_add_format(out, "%" PRIu64, number);
}

static void add_actor(struct strbuf *out, const struct event *e)
{
    if (!e->actor.id) {
        strbuf_add_text(out, ",,,,,,");
        return;
    }
    strbuf_add_format(out, ",%" PRId32 ",%" PRId32 ",%" PRIu32 ",%" PRIu32, e->actor.pid, e->tid,
                      e->actor.uid, e->actor.gid);
    add_field(out, e->actor.exe);
    add_field(out, e->actor.cmdline);
}

static void add_size(struct strbuf *out, const struct attr *attr)
{
    strbuf_add_text(out, ",");
    if (attr->mode)
        strbuf_add_format(out, "%" PRIu64, attr->size);
}

static void add_mode(struct strbuf *out, const struct attr *attr)
{
    strbuf_add_text(out, ",");
    if (attr->mode)
        strbuf_add_format(out, "%04o", attr->mode & 07777);
}

void event_csv_line(const struct event *e, struct strbuf *out)
{
    char time[EVENT_TIME_BYTES];
    event_time_text(e->time, time);
    strbuf_add_format(out, "%" PRIu64 ",%s", e->id, time);
    add_number(out, e->session);
    add_field(out, op_name(e->op));
    add_field(out, e->path);
    add_field(out, e->path2);
    add_field(out, outcome_name(e->outcome));
    add_field(out, e->reason);
    add_number(out, (uint64_t)(e->error_code > 0 ? e->error_code : 0));
    add_number(out, e->count);
    add_actor(out, e);
    add_size(out, &e->before);
    add_size(out, &e->after);
    add_mode(out, &e->before);
    add_mode(out, &e->after);
    add_number(out, e->undoes);
    add_number(out, e->undone_by);
    strbuf_add_text(out, "\r\n");
}
