/* past.h - the workspace as it was: what had which path at an earlier instant, and what it held.
 *
 * The present tree is taken, and every event back to the instant is taken back on it, newest first,
 * in memory (undo_rewind.h); contents are rebuilt from the present file and from what the vault
 * keeps. (1) Nothing is changed, and nothing is guessed: a content comes whole and as it was, or
 * not at all.  What the vault keeps is compared with what was recorded of it; what changed outside
 * ccfs, or was being written at the instant, is said to be so. (2) What counts is what happened,
 * also what was undone or redone later.
 *
 * Errors of a content: -EBADMSG the vault's bytes are not those that were kept; -ENODATA they
 * expired, or a power loss came first; -ESTALE it changed outside ccfs meanwhile, or the journal
 * does not say enough; -EBUSY it was being written then, or is now; else as errno. */
#ifndef JOURNAL_PAST_H
#define JOURNAL_PAST_H

#include "journal/base/strbuf.h"
#include "journal/history.h"

struct past_instant {
    uint64_t event; /* just before this one; above all of them: now */
    int64_t time;   /* UTC ns */
};
/* The instant before an event.  -ENOENT: there is no such. */
MUST_USE int past_before_event(struct history *h, uint64_t event, struct past_instant *out,
                               struct error *err);
/* The instant `time`, UTC ns. */
MUST_USE int past_at_time(struct history *h, int64_t time, struct past_instant *out,
                          struct error *err);
/* Now: behind everything that is recorded. */
MUST_USE int past_now(struct history *h, struct past_instant *out, struct error *err);

struct past;

/* The workspace now.  h and root are borrowed; *out is yours: past_close() it. */
MUST_USE int past_open(struct history *h, int root, struct past **out, struct error *err);
void past_close(struct past **p);
/* Back to an instant; never forward again (-EINVAL).  What past_find() found before is as it is
 * then. */
MUST_USE int past_go(struct past *p, const struct past_instant *instant, struct error *err);

struct past_thing {
    const char *path; /* valid until past_go() */
    struct attr attr; /* as it was then; ino 0 where it is not the one that it was */
    uint64_t object;  /* 0: no event told of it */
    void *node;       /* private */
};

/* What had that path (relative, sound; "" the workspace).  1, 0: nothing did, -errno. */
MUST_USE int past_find(struct past *p, const char *path, struct past_thing *out, struct error *err);
/* A name that an object had: any, where an event since the instant told of it, else `path`, if it
 * had that.  1, 0: it had none, -errno. */
MUST_USE int past_find_object(struct past *p, uint64_t object, const char *path,
                              struct past_thing *out, struct error *err);
/* What was in a folder, in no order.  each() returns 0, or a number that ends it and is returned.
 */
typedef int past_each(void *context, const struct past_thing *thing);
MUST_USE int past_list(struct past *p, const struct past_thing *folder, past_each *each,
                       void *context, struct error *err);

/* The bytes of a file, in an unnamed file of their own: *out, read from its start, is yours. */
MUST_USE int past_content(struct past *p, const struct past_thing *file, int *out,
                          struct error *err);
/* Where a symlink led. */
MUST_USE int past_target(struct past *p, const struct past_thing *link, struct strbuf *out,
                         struct error *err);
/* Extended attributes of a file or folder, as xattr.h stores them. */
MUST_USE int past_xattrs(struct past *p, const struct past_thing *thing, struct strbuf *out,
                         struct error *err);

/* The events whose undo makes `path` what it was at the instant, for undo_plan_make(): what
 * happened since to the things that were there then, wherever they are now, and how those that are
 * there now, and were not, came there.  What came and went elsewhere is let alone.  path as
 * past_find(), "" not. *ids is yours (free()).  -ENOTSUP: an undo since then reached behind the
 * instant: past_content() can tell what was, but not by way of an undo. */
MUST_USE int past_events_to_undo(struct history *h, int root, const char *path,
                                 const struct past_instant *instant, uint64_t **ids, size_t *count,
                                 struct error *err);

#endif
