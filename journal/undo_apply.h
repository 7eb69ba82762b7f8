/* undo_apply.h - private to journal/: steps are done, each as an event of its own.
 *
 *   undo_apply.c     stores a plan, does its steps, remembers how far it came
 *   undo_resume.c    finishes what was cut off, or takes it back
 *   undo_do.c        names and metadata
 *   undo_content.c   contents: built beside and put in place, or written into the file itself */
#ifndef JOURNAL_UNDO_APPLY_H
#define JOURNAL_UNDO_APPLY_H

#include "journal/base/strbuf.h"
#include "journal/db.h"
#include "journal/journal.h"
#include "journal/undo.h"
#include "journal/undo_step.h"

#define BOOT_ID_BYTES 36

struct work {
    struct journal *journal;
    struct vault *vault; /* the journal's */
    int root;
    int staging;  /* .ccfs/undo */
    int progress; /* .ccfs/undo/N-done */
    char boot[BOOT_ID_BYTES];
    struct actor_ref who;
    const struct undo_hooks *hooks; /* may be NULL */
    uint64_t undo;
    bool resumed;         /* an effect may already be there */
    struct strbuf folder; /* the one that was used last */
    int dir;
};
#define WORK_NONE ((struct work){.staging = -1, .progress = -1, .dir = -1})

MUST_USE int step_do(struct work *w, const struct step *step, struct error *err);

/* ---- what undo_apply.c and undo_resume.c share ---- */

MUST_USE int work_open(struct work *w, struct error *err);
void work_release(struct work *w);
MUST_USE int progress_open(struct work *w, struct error *err);
MUST_USE int progress_write(const struct work *w, uint64_t done, struct error *err);
/* Steps that are known to be done. */
int64_t progress_read(const struct work *w);
/* The same from outside, of whatever undo; 0 where it is not known. */
size_t progress_peek(int root, uint64_t undo);
/* The stored steps behind number `behind`. */
typedef int step_each(const struct step *step, size_t n, void *context, struct error *err);
MUST_USE int undo_for_steps(struct db *db, uint64_t undo, int64_t behind, step_each *each,
                            void *context, struct error *err);
/* From the event that announces it to the end.  aborted: the unfinished undo that it rolls back, 0:
 * none; from when its plan is stored on, that one is given up. */
MUST_USE int undo_run(struct work *w, struct db *db, const struct undo_plan *plan, uint64_t aborted,
                      struct error *err);
MUST_USE int undo_finish(struct work *w, struct db *db, struct error *err);

/* ---- what undo_do.c and undo_content.c share ---- */

/* Where a step works: name in dir (borrowed), and what is there now (mode 0: nothing). */
struct spot {
    int dir;
    const char *name;
    struct attr now;
};
MUST_USE int spot_find(struct work *w, const char *path, struct spot *out, struct error *err);
void work_forget_folder(struct work *w);

/* An event of this undo at a spot: `before` and the folder's time are filled in. */
struct change_spec spot_spec(const struct work *w, const struct step *step, enum op op,
                             const struct spot *at);
int64_t folder_mtime(int dir);
/* Opens the file at a spot although its mode may forbid it to its owner.  fd or -errno. */
int spot_open(const struct spot *at, int flags);
/* Around reading and setting extended attributes of a thing whose mode forbids it to its owner. */
MUST_USE int access_open(int fd, uint32_t mode);
void access_close(int fd, uint32_t mode);
/* Gives an open file (or O_PATH descriptor) the wished owner and mode, and its time if asked. */
MUST_USE int wish_apply(int fd, const struct step *step, struct error *err);
/* Is it the thing that the plan saw? */
bool spot_is(const struct spot *at, const struct attr *expected);
int spot_changed(const char *path, struct error *err);

MUST_USE int content_stage(struct work *w, const struct step *step, struct error *err);
MUST_USE int content_place(struct work *w, const struct step *step, struct error *err);
MUST_USE int content_replace(struct work *w, const struct step *step, struct error *err);
MUST_USE int content_patch(struct work *w, const struct step *step, struct error *err);
/* The wished xattrs of a thing that is there, as an event. */
MUST_USE int xattrs_reset(struct work *w, const struct step *step, struct error *err);

#endif
