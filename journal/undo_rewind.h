/* undo_rewind.h - private to journal/: takes events back on the tree, newest first.
 *
 * Each event of the time that is looked at is taken back in VIEW_PAST, so that the paths of older
 * ones lead to the things they meant; the selected ones in VIEW_TARGET too.  What cannot be
 * separated from an event that stays, or does not look as the journal last saw it, becomes a
 * conflict. */
#ifndef JOURNAL_UNDO_REWIND_H
#define JOURNAL_UNDO_REWIND_H

#include "journal/undo_plan.h"
#include "journal/vault.h"

/* What becomes of an event. */
enum fate {
    FATE_TAKEN,     /* selected: it is taken back */
    FATE_STAYS,     /* it is not */
    FATE_CANCELLED, /* it and its opposite both happened: together they changed nothing */
    FATE_PAST,      /* nothing is planned: taken back in VIEW_PAST and in what its thing held */
};

enum aspect {
    ASPECT_CONTENT,
    ASPECT_MODE,
    ASPECT_OWNER,
    ASPECT_MTIME,
    ASPECT_XATTRS,
    ASPECTS,
};

/* A change of a thing that had no name at the time: it was removed and still open. */
struct orphan {
    struct orphan *older;
    struct event event;
    enum fate fate;
};

/* What the journal calls an object. */
struct thing {
    struct thing *next;
    uint64_t object;
    struct node *node;    /* NULL: not met yet */
    struct attr last;     /* as the journal last saw it; mode 0: it did not */
    struct attr first;    /* as the oldest event so far found it … */
    uint64_t first_event; /* … which was this one */
    bool swapped;         /* it changed places with another one, which left no change time */
    bool looked_outside;
    uint64_t found_by;       /* the newest event that found it changed outside; 0: none */
    bool unclear;            /* its newest change was recorded without a result */
    uint64_t stays[ASPECTS]; /* the newest event that stays and changed it */
    struct orphan *orphans;
    struct orphan *oldest_orphan;
};

/* The newest event about a path that is not taken back; 0: none. */
typedef int undo_newest_event(void *context, const char *path, uint64_t *out, struct error *err);

struct rewind {
    unsigned how;  /* enum undo_how */
    struct db *db; /* NULL: what is read is all there is */
    undo_newest_event *newest;
    void *newest_context;
    struct undo_tree *tree;
    struct vault *vault;
    struct intact *intact;
    struct undo_plan *plan;
    struct map things;   /* by object */
    struct map returned; /* event -> link by which an earlier undo brought its thing back */
    struct map inos;     /* of files with several names: what to look for when one was removed */
    struct thing *all;
    struct noted *noted; /* undo_effect.h */
    bool searched;
};

void rewind_open(struct rewind *r, struct undo_tree *tree, struct vault *vault,
                 struct undo_plan *plan);
void rewind_close(struct rewind *r);
/* First for each selected event, any order: what it is about must be followed. */
MUST_USE int rewind_expect(struct rewind *r, const struct event *event, struct error *err);
/* Then for every change, newest first. */
MUST_USE int rewind_event(struct rewind *r, const struct event *event, enum fate fate,
                          struct error *err);
/* Had the object lost its last name when that event happened? */
typedef int rewind_was_nameless(void *context, uint64_t object, uint64_t event, bool *out,
                                struct error *err);
/* At last: conflicts that could only be known now. */
MUST_USE int rewind_end(struct rewind *r, rewind_was_nameless *ask, void *context,
                        struct error *err);

#endif
