/* event_csv.h - an event as a line of CSV (RFC 4180), for spreadsheets.
 *
 * Names are escaped as everywhere (text.h), so a line is a line.  A field that a spreadsheet would
 * take for a formula (it begins with = + - @) gets an apostrophe in front. */
#ifndef LAUNCHER_EVENT_CSV_H
#define LAUNCHER_EVENT_CSV_H

#include "journal/base/strbuf.h"
#include "journal/event.h"

/* Both append a line; out->failed tells that memory ran out. */
void event_csv_heading(struct strbuf *out);
void event_csv_line(const struct event *event, struct strbuf *out);

#endif
