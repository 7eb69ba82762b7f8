/* notes.h - private to journal/: alike refusals that follow within a second become one event.
 *
 * A refusal is in the intake at once; while it is held here, alike ones only raise its count there.
 */
#ifndef JOURNAL_NOTES_H
#define JOURNAL_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/record.h"

struct notes;

struct notes *notes_new(void); /* NULL: no memory */
void notes_free(struct notes **n);
/* Counted into one that is held? */
bool notes_count(struct notes *n, const struct event *e);
/* Holds a pending RECORD_NOTE (of e), letting go of whatever had its place. */
void notes_hold(struct notes *n, struct record *r, const struct event *e);
/* Completes those that began before `time` (INT64_MAX: all). */
void notes_let_go(struct notes *n, int64_t time);

#endif
