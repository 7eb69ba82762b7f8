/* recover.h - private to journal/: settles what an earlier run left, from what is on disk.
 *
 *   (1) In doubt a change happened and its pre-image stays: nothing that was destroyed is ever
 * lost. (2) Settling twice gives what settling once gave: it reads the tree and writes the intake.
 *   (3) The only place where a user's inode lives is never discarded. */
#ifndef JOURNAL_RECOVER_H
#define JOURNAL_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/db.h"
#include "journal/event.h"
#include "journal/intake.h"
#include "journal/journal.h"
#include "journal/vault.h"

/* What a look at the workspace found; mode 0: nothing is there. */
struct sight {
    struct attr path;
    struct attr path2;
    bool unknown;         /* it could not be looked at */
    bool xattrs_the_same; /* those that the event names have their old values */
};

enum verdict {
    VERDICT_HAPPENED,
    VERDICT_DID_NOT,
};

/* Pure.  e: a pending change, as it was recorded. */
enum verdict recover_settle(const struct event *e, const struct sight *sight);

struct recovery {
    struct journal_recovery done;
    uint64_t stored; /* in: the highest event that the database has, and with it all before */
    uint64_t highest_event; /* number in the intake, also of records that say nothing */
    int64_t damaged;        /* records that cannot be read, here or in one that was cut off */
    bool power_lost;        /* the system went down: bytes may be on the disk, times not */
};

/* The same object, and there. */
bool recover_is(const struct attr *there, const struct attr *known);
/* What is at path, which may be NULL; mode 0: nothing.  false: it could not be looked at. */
bool recover_look(int root, const char *path, struct attr *out);

/* Of a change that did not happen, or of which nothing can be seen: it may have moved the file's
 * change time all the same, by a link in the vault that was taken back, or as it set what was set
 * already, and no event of its own tells so.  now, where that is all that is new; mode 0: nothing
 * can be said. */
struct attr recover_left(const struct event *e, const struct attr *now);

/* Completes every record between tail and head.  root: the workspace. */
void recover_intake(int root, struct vault *v, struct intake *in, struct recovery *out);
/* After a power loss: versions of the last run (from number `first` on) that are not all there are torn:
 * set aside, so that no undo can take them for whole.  After the intake was drained, before write
 * sessions are ended. */
MUST_USE int recover_torn(struct vault *v, struct db *db, uint64_t first, struct recovery *out,
                          struct error *err);
/* Ends the write sessions that are open in the database (after the intake was drained), and the
 * changes whose file recover_intake() did not find. */
MUST_USE int recover_open(int root, struct vault *v, struct db *db, struct recovery *out,
                          struct error *err);
/* Discards versions from number `first` on that no event knows; where records were damaged they are
 * set aside. */
MUST_USE int recover_orphans(struct vault *v, struct db *db, uint64_t first, struct recovery *out,
                             struct error *err);

#endif
