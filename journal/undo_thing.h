/* undo_thing.h - private to journal/: what the journal calls an object, and what is in its way.
 *
 * A thing is known by its object; its node in the tree is found by a path of the past, or by its
 * inode where no path leads to it.  It is changed only while the disk shows the state that the
 * journal last saw. */
#ifndef JOURNAL_UNDO_THING_H
#define JOURNAL_UNDO_THING_H

#include "journal/undo_rewind.h"

/* The newest event that stays and is known to be about a thing; 0: none. */
uint64_t rewind_staying(const struct link *link);

/* event: that would be taken back; by: the one in the way, 0: none known; node: what it is about, NULL:
 * not found. */
MUST_USE int rewind_trouble(struct rewind *r, const char *path, enum trouble trouble,
                            uint64_t event, uint64_t by, const struct node *node,
                            struct error *err);
/* One conflict a thing is enough.  by: the event in the way, 0: none known. */
MUST_USE int trouble_with(struct rewind *r, struct node *node, const struct event *e,
                          enum trouble trouble, uint64_t by, struct error *err);
/* What the journal does not tell is a conflict for the selected, and nothing for the others. */
MUST_USE int trouble_if_taken(struct rewind *r, const struct event *e, enum fate fate,
                              struct error *err);

struct thing *thing_of(const struct rewind *r, uint64_t object); /* NULL: not met */
/* NULL: no memory, or object 0. */
struct thing *thing_make(struct rewind *r, uint64_t object);
/* Two objects can be one thing: an undo brought it back as another inode. */
void thing_join(struct thing *t, struct node *node);
/* The node of a thing, known or found in a slot of the past; NULL: something else is there.  Forced, a
 * file that stands there instead of it is taken for it. */
struct node *thing_node(const struct rewind *r, struct thing *t, const struct slot *slot,
                        const struct attr *known);
/* What takes the place of something that comes back.  1: it is forced out of the way, 0: it stays and is
 * a conflict now. */
MUST_USE int thing_make_room(struct rewind *r, struct node *node, const struct event *e,
                             struct link *there, struct error *err);
/* The node with that inode, wherever it is.  The whole workspace is searched once for all that are
 * expected; again for one that only an earlier undo can have made. */
MUST_USE int thing_find_survivor(struct rewind *r, const struct attr *known, struct node **out,
                                 struct error *err);
bool thing_is_inode(const struct attr *a, const struct attr *b);
/* What an event tells about its object. */
const struct attr *thing_known(const struct event *e);

/* A state that an event tells: its result, or (before) what it found. */
void thing_see(struct thing *t, const struct attr *attr, enum op op);
void thing_see_before(struct thing *t, struct attr attr);
/* What an event found: of those that come, the oldest counts. */
void thing_see_first(struct thing *t, const struct attr *attr, uint64_t event);
/* What lies on the disk is as the journal last saw it; true for what does not lie there. */
bool thing_is_as_last_seen(const struct node *node);
/* A write session may go on behind events that came after it, and end last: what it left counts, and so
 * does what a change left that failed. */
MUST_USE int thing_catch_up(struct db *db, struct thing *t, struct error *err);
/* Is it as the journal last saw it?  1: it is, 0: it is not, and now a conflict. */
MUST_USE int thing_verify(struct rewind *r, struct node *node, const struct event *e,
                          struct error *err);
/* Did somebody outside change the file between this event and a later one?  1: that is a conflict now,
 * 0: no, or forced. */
MUST_USE int thing_found_outside(struct rewind *r, struct thing *t, const struct event *e,
                                 struct error *err);
/* A selected event about something that is not in the target.  If its creation is selected too,
 * nothing is left to do, and it is not undone; only the end tells. */
MUST_USE int thing_note_gone(struct rewind *r, struct node *node, const struct event *e,
                             uint64_t by, struct error *err);

/* The newest event that stays and took a name of the node away; 0: none. */
uint64_t node_removed_by(const struct node *node);
/* Names that the target leaves it, also those that were never looked at. */
size_t node_names_left(const struct node *node);
/* Where a name shall be without the event; NULL: nowhere. */
MUST_USE int link_target(struct rewind *r, struct link *link, struct slot *slot,
                         const struct event *e, struct error *err);
void link_stays(struct link *link, const struct event *e, enum fate fate);

bool changes_content(enum op op);

#endif
