/* journal.h - remembers every change so that it can be taken back.
 *
 *   (1) Before an operation that destroys bytes or names reaches the workspace, its pre-image is in the
 *       vault and its event is pending in the intake.  No journal, no write.
 *   (2) A change is pending, then confirmed or failed; after a crash only pending ones are examined and
 *       settled from what is on disk.
 *   (3) Event numbers ascend in the order in which changes began; a number is used once.
 *
 * The intake is a mapped file: what is in it survives the daemon.  One writer thread drains it into
 * SQLite; when it is full, operations wait.
 *
 * A power loss: what was kept and recorded is on the disk when journal_make_durable() returns; strict: when
 * a change that destroys something begins.  Relaxed, events are behind by a quarter of a second, copies by
 * one to two, and what did not get there is told apart at the next journal_open(), never put back.
 *
 * Threads: a journal is shared, a change belongs to one thread, which has at most one at a time.
 * Errors:  0 or a negative errno; *err then holds a sentence and the outputs are untouched. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/base/error.h"
#include "journal/event.h"
#include "journal/state.h"
#include "journal/vault.h"

struct journal; /* opaque: only journal*.c see inside */

/* Makes .ccfs (0700) with an empty journal where there is none; idempotent.  root: the workspace's
 * descriptor, borrowed. */
MUST_USE int journal_create(int root, struct error *err);

/* Takes the workspace's lock, recovers what an earlier run left, starts the writer.  root is borrowed
 * and must outlive the journal.  *out is yours: journal_close() it.
 * -EBUSY: another process holds it.  -ENOENT: no workspace.  -EPROTO: a newer ccfs wrote it.
 * -EBADMSG: damaged, or not a journal of ours: it was not touched. */
MUST_USE int journal_open(int root, struct journal **out, struct error *err);
/* Drains, and closes; NULL is fine; *j becomes NULL. */
void journal_close(struct journal **j);

struct vault *journal_vault(struct journal *j);
int journal_root(const struct journal *j); /* as it was given */
/* Sessions of this run have this number or a higher one. */
uint64_t journal_first_session(const struct journal *j);

/* Between the two, retention drops nothing: whoever undoes holds the vault from the plan to the last
 * step. */
void journal_hold_vault(struct journal *j);
void journal_let_go_vault(struct journal *j);

/* One gc at a time; it ends early when the daemon does: so many seconds from now on. */
void journal_gc_begin(struct journal *j);
void journal_gc_end(struct journal *j);
void journal_gc_until(struct journal *j, int64_t seconds);
bool journal_gc_may_go_on(struct journal *j);
bool journal_gc_ends(struct journal *j); /* what is not pressing waits for the next daemon */

enum durability {
    DURABILITY_RELAXED,
    DURABILITY_STRICT,
};
/* Before the first change. */
void journal_set_durability(struct journal *j, enum durability d);
/* Everything kept and recorded so far is on the disk when it returns. */
MUST_USE int journal_make_durable(struct journal *j, struct error *err);

/* The writer seals soon what there is.  false: it cannot, the key is not here. */
bool journal_hurry_seal(struct journal *j);

/* What recovery did at journal_open(). */
struct journal_recovery {
    unsigned settled;   /* pending changes decided from what is on disk */
    unsigned sessions;  /* write sessions ended */
    unsigned discarded; /* versions of changes that never happened */
    unsigned torn;      /* versions that a power loss kept from the disk */
};
struct journal_recovery journal_recovered(const struct journal *j);

struct signing_key;
/* For whoever stays: from now on contents are hashed in the background, and seals are signed with key
 * (signature.h; borrowed until the journal is closed; NULL: they are not). */
MUST_USE int journal_keep_proof(struct journal *j, const struct signing_key *key,
                                struct error *err);

/* ---- actors and sessions (actor.c) ---- */

struct actor_ref {
    uint64_t actor;   /* 0: unknown */
    uint64_t session; /* 0: none */
    int error;        /* < 0: we could not find out, so nothing may be changed in this name */
};
/* Who the thread tid is: resolved from /proc when first seen, cached, checked for reuse and exec.  uid
 * and gid as the kernel told them.  Never fails: tid 0 gives the unknown actor. */
struct actor_ref journal_actor(struct journal *j, pid_t tid, uint32_t uid, uint32_t gid);

/* Takes out of a text what is not to be remembered; room: bytes with the NUL.  Requests wait
 * for it; may be called by several threads at once. */
typedef void journal_hide(void *context, char *text, size_t room);
/* From now on command lines, of processes and sessions, and names that a proxy was asked for pass
 * through it. */
void journal_set_hide(struct journal *j, journal_hide *hide, void *context);

/* From now on root and its descendants belong to a new session.  root 0: nobody, by number only. */
MUST_USE int journal_session_begin(struct journal *j, const char *name, const char *backend,
                                   const char *command, pid_t root, uint64_t *session,
                                   struct error *err);
void journal_session_end(struct journal *j, uint64_t session, int status);
/* What a session's proxy was asked for (OP_NETWORK); all borrowed. */
struct journal_contact {
    const char *target; /* "name:port" */
    enum outcome outcome;
    const char *reason; /* NULL: none */
    uint32_t count;
};
void journal_session_contact(struct journal *j, uint64_t session, const struct journal_contact *c);
unsigned journal_sessions_alive(struct journal *j);
/* Those among them whose first process, the root of all others, lives; how many. */
struct journal_root {
    uint64_t session;
    pid_t root;
};
size_t journal_session_roots(struct journal *j, struct journal_root *out, size_t limit);

/* ---- changes ---- */

/* What is known before it is applied.  All pointers are borrowed for the call. */
struct change_spec {
    enum op op;
    struct actor_ref who;
    pid_t tid;
    unsigned flags;
    const char *path;
    const char *path2;
    struct attr before;
    struct attr before2;
    int64_t dir_mtime;
    int64_t dir2_mtime;
    uint64_t version;
    enum kept kept;
    const void *xattrs;
    size_t xattr_bytes;
    const struct range *ranges;
    size_t range_count;
    uint64_t undoes;
};

struct change {
    struct journal *journal; /* NULL: none, or done */
    uint64_t event;
    uint64_t version;
    void *record; /* private */
};
#define CHANGE_NONE ((struct change){0})

/* The event is pending from here on; *change is yours until confirmed or failed.
 * -ENOSPC, -EIO: the journal cannot take it, so the operation must not happen. */
MUST_USE int journal_begin(struct journal *j, const struct change_spec *spec, struct change *change,
                           struct error *err);
/* It happened.  after: NULL or mode 0 where nothing is left. */
void journal_confirm(struct change *change, const struct attr *after);
/* It did not happen, for error_code; its version is discarded.  Keeps the event, as failed.  A change
 * that could not begin is nothing to it. */
void journal_fail(struct change *change, int error_code);
/* The same, where a file was to be kept as an inode, which moves its change time: it lies there still,
 * and how it was left goes on record. */
void journal_fail_left(struct change *change, int error_code, int dir, const char *name);
/* CLEANUP(journal_abandon): fails a change that was neither confirmed nor failed, with ECANCELED. */
void journal_abandon(struct change *change);

/* Something that needs no pending state: refusals, mounts, reading the journal.  Alike refusals
 * (operation, path, actor) that follow within a second are counted into one event. */
void journal_note(struct journal *j, const struct change_spec *spec, enum outcome outcome,
                  int error_code, const char *reason);

/* A file was found changed by somebody whom nobody mediated: before as it was known, after as it is. */
void journal_note_external(struct journal *j, struct actor_ref who, const char *path,
                           const struct attr *before, const struct attr *after);

/* ---- write sessions: long-lived, so they do not stay pending in the intake ---- */

/* The pre-image (spec->version, may be 0 or grow: KEPT_BLOCKS) is ready and bytes are about to change. */
MUST_USE int journal_write_begin(struct journal *j, const struct change_spec *spec, uint64_t *event,
                                 struct error *err);
/* More was added to its version; strict: that is on the disk when it returns, and on an error the bytes
 * must not change.  whole: it was the last. */
MUST_USE int journal_write_kept(struct journal *j, uint64_t version, bool whole, struct error *err);
/* Where it stands (ended false) or how it ended. */
void journal_write_update(struct journal *j, uint64_t event, const struct attr *after,
                          const struct range *ranges, size_t count, bool ended);

/* It ended, and nothing had changed: it is no event, and what it kept goes.  For sessions that had to begin
 * before anybody could know whether something would be written. */
void journal_write_nothing(struct journal *j, uint64_t event);

/* Everything recorded so far is in SQLite when it returns. */
MUST_USE int journal_drain(struct journal *j, struct error *err);
/* Before something that gives room back (gc, an undo) and has to be recorded first: on a disk that is
 * all but full it gets what was kept for that (reserve.h), and changes are refused meanwhile. */
void journal_use_reserve(struct journal *j);
/* 0, or the reason (-errno, sentence) why the journal takes no change any more. */
int journal_health(struct journal *j, struct error *err);

#endif
