/* undo_resume.c - an undo that was cut off is finished, or what it has done is taken back; see
 * undo.h.
 *
 *   (1) Its steps are events, so taking them back is an undo as well, and can itself be cut off and
 * finished: the rolling back of a rolling back is not offered. (2) Between the two there is no
 * moment in which neither is on record. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/schema.h"
#include "journal/undo_apply.h"
#include "journal/undo_make.h"
#include "journal/undo_plan.h"

/* The oldest undo that is not finished; 0: none. */
static int next_unfinished(struct db *db, uint64_t *out, struct error *err)
{
    int64_t undo = 0;
    TRY(db_number_of(db, "SELECT id FROM undo WHERE state=?1 ORDER BY id LIMIT 1", UNDO_PLANNED,
                     &undo, err));
    *out = (uint64_t)undo;
    return 0;
}

/* ---- how far it is ---- */

static int count_steps(struct db *db, uint64_t undo, size_t *out, struct error *err)
{
    int64_t count = 0;
    TRY(db_number_of(db, "SELECT count(*) FROM undo_step WHERE undo=?1", (int64_t)undo, &count,
                     err));
    *out = (size_t)count;
    return 0;
}

int undo_find_unfinished(int root, struct undo_unfinished *out, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    struct undo_unfinished found = {0};
    TRY(db_open_in(root, DB_READ, &db, err));
    TRY(next_unfinished(db, &found.id, err));
    if (found.id) {
        TRY(count_steps(db, found.id, &found.total, err));
        found.done = progress_peek(root, found.id);
    }
    *out = found;
    return 0;
}

/* ---- finishing ---- */

/* Later the same step could succeed: the undo stays as it is. */
static bool may_pass(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -ENOMEM || r == -EROFS || r == -EMFILE;
}

/* Meanwhile somebody may have changed what a step is about.  That stays as it is and is told: an
 * undo that can never be finished would stand between its owner and the journal for ever. */
static int resume_step(const struct step *step, size_t n, void *context, struct error *err)
{
    struct work *w = context;
    int r = step_do(w, step, err);
    if (may_pass(r))
        return r;
    if (r < 0) {
        error_prefix(err, r, "undo #%" PRIu64 " left this as it is", w->undo);
        log_error(err);
        *err = ERROR_NONE;
    }
    FAULT_POINT("undo_step");
    return progress_write(w, n, err);
}

static int resume_one(struct work *w, struct db *db, struct error *err)
{
    TRY(progress_open(w, err));
    TRY(undo_for_steps(db, w->undo, progress_read(w), resume_step, w, err));
    return undo_finish(w, db, err);
}

int undo_resume(struct journal *j, int root, unsigned *finished, struct error *err)
{
    CLEANUP(work_release) struct work w = WORK_NONE;
    CLEANUP(db_close) struct db *db = NULL;
    unsigned count = 0;

    TRY(db_open_in(root, DB_WRITE, &db, err));
    w.journal = j;
    w.root = root;
    w.resumed = true;
    TRY(next_unfinished(db, &w.undo, err));
    if (w.undo) {
        journal_use_reserve(j);
        TRY(work_open(&w, err));
    }
    while (w.undo) {
        int r = resume_one(&w, db, err);
        if (r < 0)
            return error_prefix(err, r, "finishing undo #%" PRIu64, w.undo);
        count++;
        TRY(next_unfinished(db, &w.undo, err));
    }
    *finished = count;
    return 0;
}

/* ---- taking it back ---- */

static int see_abort(const struct step *step, size_t n, void *context, struct error *err)
{
    (void)n;
    (void)context;
    (void)err;
    return step->kind == STEP_ABORTED ? -EALREADY : 0;
}

static int check_rolls_forward(struct db *db, uint64_t undo, struct error *err)
{
    int r = undo_for_steps(db, undo, 0, see_abort, NULL, err);
    if (r != -EALREADY)
        return r;
    return error_say(err, EALREADY,
                     "undo #%" PRIu64
                     " takes an unfinished one back already; finish it with ccfs undo "
                     "--resume",
                     undo);
}

/* What it did, newest events of the journal all of them. */
static int plan_back(struct work *w, uint64_t undo, unsigned how, struct undo_plan **out,
                     struct error *err)
{
    CLEANUP(history_close) struct history *history = NULL;
    CLEANUP(ids_release) struct ids ids = {0};
    TRY(undo_steps(w->root, undo, &ids.list, &ids.count, err));
    TRY(history_open(w->root, &history, err));
    return plan_make(history, w->root, &ids, how, undo, out, err);
}

/* In front of all others, so that it is read first. */
static int mark_abort(struct undo_plan *plan, uint64_t undo, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
    struct step step = {.kind = STEP_ABORTED, .path = "", .event = undo};
    step_id_add(&data, undo);
    step.data = arena_copy(&plan->memory, data.data, data.bytes);
    step.data_bytes = data.bytes;
    if (data.failed || !step.data || steps_add(&plan->steps, &step) < 0)
        return error_set(err, ENOMEM, "take an undo back");
    struct step *list = plan->steps.list;
    memmove(list + 1, list, (plan->steps.count - 1) * sizeof *list);
    list[0] = step;
    return 0;
}

int undo_abort(struct journal *j, int root, unsigned how, struct actor_ref who,
               const struct undo_hooks *hooks, struct undo_plan **plan, struct undo_result *out,
               struct error *err)
{
    CLEANUP(work_release) struct work w = WORK_NONE;
    CLEANUP(db_close) struct db *db = NULL;
    uint64_t undo;

    *plan = NULL;
    *out = (struct undo_result){0};
    TRY(journal_drain(j, err));
    TRY(db_open_in(root, DB_WRITE, &db, err));
    TRY(next_unfinished(db, &undo, err));
    if (!undo)
        return error_say(err, ENOENT, "no undo is unfinished");
    TRY(check_rolls_forward(db, undo, err));
    w.journal = j;
    w.root = root;
    w.who = who;
    w.hooks = hooks;
    TRY(plan_back(&w, undo, how, plan, err));
    if ((*plan)->conflict_count)
        return error_say(err, EEXIST, "nothing was taken back: %s: %s", (*plan)->conflicts[0].path,
                         (*plan)->conflicts[0].reason);
    TRY(work_open(&w, err));
    TRY(mark_abort(*plan, undo, err));
    TRY(undo_run(&w, db, *plan, undo, err));
    out->undo = w.undo;
    plan_count(*plan, out);
    return 0;
}
