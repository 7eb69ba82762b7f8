/* event_json.h - an event as one JSON object, for programs.
 *
 * Keys are always there, null where nothing is known.  Times are RFC 3339, UTC, with nanoseconds;
 * numbers are exact (64 bits); modes are octal text ("0644"); names and command lines are escaped
 * as text.h says, so that every byte survives. */
#ifndef LAUNCHER_EVENT_JSON_H
#define LAUNCHER_EVENT_JSON_H

#include "journal/event.h"
#include "launcher/json.h"

/* Into the object that is open. */
void event_json_fill(struct json *j, const struct event *event);
/* A line of its own. */
MUST_USE int event_json_line(const struct event *event, struct strbuf *out, struct error *err);

#define EVENT_TIME_BYTES 64
void event_time_text(int64_t ns, char text[EVENT_TIME_BYTES]);
void event_json_time(struct json *j, const char *key, int64_t ns);
const char *event_kept_name(enum kept kept); /* "inode" */

#endif
