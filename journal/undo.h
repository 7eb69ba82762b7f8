/* undo.h - takes changes back.
 *
 *   (1) Undo destroys nothing: what it removes or replaces goes into the vault first, and every
 * step is an event of its own (EVENT_BY_UNDO, undoes = the event it takes back). (2) A plan is
 * computed from the journal and the present tree alone; nothing is touched meanwhile. (3) A path
 * whose present state is not what the journal last saw is a conflict; with one conflict nothing is
 * applied. (4) Undoing twice leaves the same tree as undoing once. (5) An undo that was cut off can be
 * finished or taken back, and no other one is planned before. */
#ifndef JOURNAL_UNDO_H
#define JOURNAL_UNDO_H

#include "journal/history.h"
#include "journal/journal.h"

struct undo_plan; /* opaque, owned by the caller */

/* What is done about conflicts. */
enum undo_how {
    UNDO_SKIP = 1,       /* what is in conflict is left as it is, the rest is taken back */
    UNDO_FORCE = 2,      /* what was changed outside is replaced; the undo's events keep a copy */
    UNDO_DEPENDENTS = 4, /* later events that stand on those chosen are taken back too */
};

/* ids: events to take back, any order; those already undone, refused, failed or unknown are left
 * out.  how: bits of enum undo_how.  What was done to a removed file while it was still open comes
 * back with it. Reads through h; root as in journal.h.  *out is yours, also when it holds
 * conflicts: undo_plan_free() it. -EBUSY: an earlier undo was cut off: undo_resume() first. */
MUST_USE int undo_plan_make(struct history *h, int root, const uint64_t *ids, size_t count,
                            unsigned how, struct undo_plan **out, struct error *err);
void undo_plan_free(struct undo_plan **plan);

/* What the plan does, in the user's words. */
enum undo_verb {
    UNDO_BRING_BACK, /* path: deleted, comes back */
    UNDO_PUT_BACK,   /* path: changed, gets its old content */
    UNDO_RENAME,     /* path -> path2 */
    UNDO_REMOVE,     /* path: was created, goes (into the vault) */
    UNDO_RESET,      /* path: mode, owner, times, extended attributes */
};
struct undo_item {
    enum undo_verb verb;
    const char *path; /* borrowed from the plan */
    const char *path2;
    uint32_t mode; /* type */
    uint64_t bytes;
    uint64_t event; /* newest event that it takes back */
};
size_t undo_plan_items(const struct undo_plan *plan, const struct undo_item **out);
/* What would help. */
enum undo_obstacle {
    UNDO_BY_EVENT,   /* `by` came later and stays: UNDO_DEPENDENTS */
    UNDO_BY_OUTSIDE, /* changed outside ccfs: UNDO_FORCE */
    UNDO_IMPOSSIBLE, /* what it takes is not there */
};
struct undo_conflict {
    enum undo_obstacle obstacle;
    const char *path;
    const char *reason; /* "changed outside ccfs, …", "#12 write by … came later …", … */
    uint64_t event;     /* that would be taken back; 0: none in particular */
    uint64_t by;        /* that is in the way, 0: none */
    uint64_t object;    /* what it is about, 0: unknown */
};
size_t undo_plan_conflicts(const struct undo_plan *plan, const struct undo_conflict **out);
/* Conflicts that UNDO_SKIP has left out. */
size_t undo_plan_skipped(const struct undo_plan *plan, const struct undo_conflict **out);
/* How many files the plan has found that are not as the journal last saw them. */
size_t undo_plan_outside(const struct undo_plan *plan);
/* Puts on record what the plan has found changed outside, each change once. */
MUST_USE int undo_note_outside(struct journal *j, int root, const struct undo_plan *plan,
                               struct actor_ref who, struct error *err);
/* The events that it takes back; not those by which names change and come out where they are, as by
 * a rename there and back, where that could tell a later undo the time of a folder. */
size_t undo_plan_events(const struct undo_plan *plan, const uint64_t **out);
/* Those that were chosen too and leave it nothing to do.  Who makes the same plan again must choose
 * them again: what is left of them is not in the way of the others then. */
size_t undo_plan_idle(const struct undo_plan *plan, const uint64_t **out);

/* What the kernel must be told.  Called as each step is done: who holds a lock that the kernel may
 * wait for collects, and tells when it is released. */
struct undo_hooks {
    /* Entry `path` (bytes, relative; "" the workspace) appeared, vanished or changed, as far as it
     * may have, also where the step failed.  May be NULL. */
    void (*changed)(void *context, const char *path);
    /* done of total steps.  May be NULL. */
    void (*progress)(void *context, size_t done, size_t total);
    void *context;
};
struct undo_result {
    uint64_t undo; /* id of its OP_UNDO event */
    size_t brought_back, put_back, renamed, removed, reset;
};
/* Applies a plan without conflicts (-EEXIST otherwise).  j: the open journal of the same workspace.
 * who: whoever asked.  A plan that takes back nothing records nothing: result 0.  One that tells of
 * no item has nothing to change: its events count as undone, and no step of it can be taken back.
 * A file that is open somewhere or has several names keeps its inode; else one that gets back a
 * whole content becomes another inode, of the same object. -ESTALE: something changed outside
 * meanwhile.  On failure nothing is lost; undo_resume() does the rest. */
MUST_USE int undo_apply(struct journal *j, int root, struct undo_plan *plan, struct actor_ref who,
                        const struct undo_hooks *hooks, struct undo_result *out, struct error *err);

/* ---- an undo that was cut off ---- */

/* The undo that is not finished, whether it goes on right now or not, and how far it is; id 0: none.
 * Reads only. */
struct undo_unfinished {
    uint64_t id;
    size_t done; /* steps; 0 also where that is not known any more */
    size_t total;
};
MUST_USE int undo_find_unfinished(int root, struct undo_unfinished *out, struct error *err);
/* Finishes undos that were cut off: before a mount serves anybody, and before the next plan. */
MUST_USE int undo_resume(struct journal *j, int root, unsigned *finished, struct error *err);
/* Takes back what the undo that was cut off has done.  how: bits of enum undo_how.  out->undo: the
 * undo that did so, 0: nothing had been done.  -ENOENT: none was cut off.  -EEXIST: something changed
 * since, which *plan (yours) tells; nothing was done.  -EALREADY: it is one that rolls back. */
MUST_USE int undo_abort(struct journal *j, int root, unsigned how, struct actor_ref who,
                        const struct undo_hooks *hooks, struct undo_plan **plan,
                        struct undo_result *out, struct error *err);

/* ---- the way back: an undo's steps are events, and taking them back redoes what it undid ---- */

/* The newest undo that was not taken back, and takes no undo back itself; 0: none.  -ENOENT: no
 * journal. */
MUST_USE int undo_last(int root, uint64_t *out, struct error *err);
/* Steps of an undo that are not taken back.  *ids is yours (free()); count 0: nothing to do.
 * -ENOENT: undo is no undo's number. */
MUST_USE int undo_steps(int root, uint64_t undo, uint64_t **ids, size_t *count, struct error *err);

#endif
