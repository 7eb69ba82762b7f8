/* undo_apply.c - a plan is stored, done step by step, and finished, even after a crash.
 *
 *   planned ──► undo row and every step stored ──► steps done, in order ──► undone rows, state done
 *
 *   (1) The steps are stored before the first one is done.
 *   (2) How far it came stands in .ccfs/undo/N-done, written after each step: a killed daemon
 * leaves at most one step in doubt, and each step can tell whether its effect is there.  After a
 * reboot that file proves nothing (it may be older or younger than the tree): all steps are looked
 * at again. (3) What an undo took back counts as undone only when all of it is. */
#include "journal/undo_apply.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/schema.h"
#include "journal/undo_plan.h"

#define TELL_EVERY 64

int undo_db_open(int root, enum db_mode mode, struct db **out, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/" STATE_FOLDER "/journal.db", root);
    return db_open(path, mode, out, err);
}

/* ---- the place where contents are built ---- */

static void work_release(struct work *w)
{
    fd_close(&w->staging);
    fd_close(&w->progress);
    fd_close(&w->dir);
    strbuf_release(&w->folder);
}

static int work_open(struct work *w, struct error *err)
{
    CLEANUP(fd_close) int state = fd_open_beneath(w->root, STATE_FOLDER, O_DIRECTORY, 0);
    if (state < 0)
        return error_set(err, -state, "open %s", STATE_FOLDER);
    if (mkdirat(state, "undo", 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make %s/undo", STATE_FOLDER);
    w->staging = fd_open_beneath(state, "undo", O_DIRECTORY, 0);
    if (w->staging < 0)
        return error_set(err, -w->staging, "open %s/undo", STATE_FOLDER);
    w->vault = journal_vault(w->journal);
    return 0;
}

/* What was built and not used: of a step that had been done before a crash. */
static void clear_staging(const struct work *w)
{
    char ours[32];
    int bytes = snprintf(ours, sizeof ours, "%" PRIu64 "-", w->undo);
    int fd = openat(w->staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir));)
        if (strncmp(e->d_name, ours, (size_t)bytes) == 0)
            unlinkat(w->staging, e->d_name, 0);
    closedir(dir);
}

/* ---- storing ---- */

static int store_step(struct db *db, uint64_t undo, size_t n, const struct step *step,
                      struct strbuf *data, struct error *err)
{
    strbuf_clear(data);
    step_encode(step, data);
    if (data->failed)
        return error_set(err, ENOMEM, "store an undo's plan");
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(db, "INSERT INTO undo_step(undo, n, state, data) VALUES(?1, ?2, ?3, ?4)");
    stmt_bind_int(&s, 1, (int64_t)undo);
    stmt_bind_int(&s, 2, (int64_t)n);
    stmt_bind_int(&s, 3, UNDO_PLANNED);
    stmt_bind_bytes(&s, 4, data->data, data->bytes);
    return stmt_run(&s, err);
}

static int store_plan(struct db *db, uint64_t undo, const struct steps *steps, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
    TRY(transaction_begin(db, &t, err));
    for (size_t i = 0; i < steps->count; i++)
        TRY(store_step(db, undo, i + 1, &steps->list[i], &data, err));
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "INSERT INTO undo(id, time, state) VALUES(?1, ?2, ?3)");
    stmt_bind_int(&s, 1, (int64_t)undo);
    stmt_bind_int(&s, 2, clock_now_ns());
    stmt_bind_int(&s, 3, UNDO_PLANNED);
    TRY(stmt_run(&s, err));
    return transaction_commit(&t, err);
}

/* ---- how far it came ---- */

struct progress {
    char boot[BOOT_ID_BYTES];
    unsigned char done[8]; /* little endian */
};

static void boot_id(char out[BOOT_ID_BYTES])
{
    memset(out, 0, BOOT_ID_BYTES);
    CLEANUP(fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fd_pread_all(fd, out, BOOT_ID_BYTES, 0) < 0)
        memset(out, 0, BOOT_ID_BYTES);
}

static int progress_open(struct work *w, struct error *err)
{
    char name[32];
    boot_id(w->boot);
    snprintf(name, sizeof name, "%" PRIu64 "-done", w->undo);
    fd_close(&w->progress);
    w->progress = openat(w->staging, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return w->progress < 0 ? error_set(err, errno, "store how far an undo came") : 0;
}

static int progress_write(const struct work *w, uint64_t done, struct error *err)
{
    struct progress p;
    memcpy(p.boot, w->boot, sizeof p.boot);
    for (int i = 0; i < 8; i++)
        p.done[i] = (unsigned char)(done >> (8 * i));
    int r = fd_pwrite_all(w->progress, &p, sizeof p, 0);
    return r < 0 ? error_set(err, -r, "store how far an undo came") : 0;
}

/* Steps that are known to be done. */
static int64_t progress_read(const struct work *w)
{
    struct progress p;
    uint64_t done = 0;
    if (fd_pread_all(w->progress, &p, sizeof p, 0) < 0 ||
        memcmp(p.boot, w->boot, sizeof p.boot) != 0)
        return 0;
    for (int i = 0; i < 8; i++)
        done |= (uint64_t)p.done[i] << (8 * i);
    return done <= INT64_MAX ? (int64_t)done : 0;
}

/* ---- finishing ---- */

static int run_with(struct stmt s, uint64_t first, uint64_t second, struct error *err)
{
    CLEANUP(stmt_done) struct stmt own = s;
    stmt_bind_int(&own, 1, (int64_t)first);
    stmt_bind_int(&own, 2, (int64_t)second);
    return stmt_run(&own, err);
}

static int note_undone(struct db *db, uint64_t event, uint64_t undo, struct error *err)
{
    return run_with(db_query(db, "INSERT OR REPLACE INTO undone(event, undo) VALUES(?1, ?2)"),
                    event, undo, err);
}

/* What an undo had taken back counts again when that undo is taken back as a whole. */
static int note_redone(struct db *db, uint64_t redone, uint64_t undo, struct error *err)
{
    return run_with(db_query(db, "DELETE FROM undone WHERE undo=?1 AND ?2<>?1"), redone, undo, err);
}

static int note_returned(struct db *db, uint64_t version, struct error *err)
{
    return run_with(db_query(db, "UPDATE version SET state=?2 WHERE id=?1"), version,
                    VERSION_RETURNED, err);
}

static int finish_step(struct db *db, uint64_t undo, const struct step *step, struct error *err)
{
    if (step->kind == STEP_MOVE_OUT)
        return note_returned(db, step->version, err);
    if (step->kind != STEP_EVENTS && step->kind != STEP_REDONE)
        return 0;
    for (size_t i = 0; i < step_id_count(step); i++) {
        uint64_t id = step_id_at(step, i);
        TRY(step->kind == STEP_EVENTS ? note_undone(db, id, undo, err)
                                      : note_redone(db, id, undo, err));
    }
    return 0;
}

typedef int step_each(const struct step *step, size_t n, void *context, struct error *err);

static int read_step(struct db *db, uint64_t undo, int64_t *n, struct arena *memory,
                     struct step *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "SELECT n, data FROM undo_step WHERE undo=?1 AND n>?2"
                                 " ORDER BY n LIMIT 1");
    stmt_bind_int(&s, 1, (int64_t)undo);
    stmt_bind_int(&s, 2, *n);
    int r = stmt_step(&s, err);
    if (r <= 0)
        return r;
    size_t bytes;
    *n = stmt_int(&s, 0);
    const void *data = stmt_bytes(&s, 1, &bytes);
    r = data ? step_decode(data, bytes, memory, out) : -EBADMSG;
    if (r < 0)
        return error_say(err, -r,
                         "step %" PRId64 " of undo #%" PRIu64 " cannot be read: the journal is "
                         "damaged; keep a copy of .ccfs before anything else",
                         *n, undo);
    return 1;
}

/* The stored steps behind number `behind`.  Each is read by a query of its own, so that none is
 * open while a step is done. */
static int for_steps(struct db *db, uint64_t undo, int64_t behind, step_each *each, void *context,
                     struct error *err)
{
    for (;;) {
        CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
        struct step step;
        int r = read_step(db, undo, &behind, &memory, &step, err);
        if (r <= 0)
            return r;
        TRY(each(&step, (size_t)behind, context, err));
    }
}

struct finish {
    struct db *db;
    uint64_t undo;
};

static int finish_each(const struct step *step, size_t n, void *context, struct error *err)
{
    const struct finish *f = context;
    (void)n;
    return finish_step(f->db, f->undo, step, err);
}

static int finish(struct work *w, struct db *db, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    struct finish f = {.db = db, .undo = w->undo};
    TRY(journal_drain(w->journal, err));
    TRY(transaction_begin(db, &t, err));
    TRY(for_steps(db, w->undo, 0, finish_each, &f, err));
    TRY(run_with(db_query(db, "DELETE FROM undo_step WHERE undo=?1 AND ?2=?1"), w->undo, w->undo,
                 err));
    TRY(run_with(db_query(db, "UPDATE undo SET state=?2 WHERE id=?1"), w->undo, UNDO_DONE, err));
    TRY(transaction_commit(&t, err));
    clear_staging(w);
    return 0;
}

/* ---- applying ---- */

/* The OP_UNDO event, whose number names the undo. */
static int announce(struct work *w, struct error *err)
{
    struct change change = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_UNDO, .who = w->who};
    TRY(journal_begin(w->journal, &spec, &change, err));
    w->undo = change.event;
    journal_confirm(&change, NULL);
    return 0;
}

static void tell_progress(const struct work *w, size_t done, size_t total)
{
    if (w->hooks && w->hooks->progress && (done % TELL_EVERY == 0 || done == total))
        w->hooks->progress(w->hooks->context, done, total);
}

static int do_steps(struct work *w, const struct steps *steps, struct error *err)
{
    TRY(progress_open(w, err));
    for (size_t i = 0; i < steps->count; i++) {
        TRY(step_do(w, &steps->list[i], err));
        FAULT_POINT("undo_step");
        TRY(progress_write(w, i + 1, err));
        FAULT_POINT("undo_marked");
        tell_progress(w, i + 1, steps->count);
    }
    return 0;
}

static void count_items(const struct undo_plan *plan, struct undo_result *out)
{
    size_t *const counts[] = {
        [UNDO_BRING_BACK] = &out->brought_back,
        [UNDO_PUT_BACK] = &out->put_back,
        [UNDO_RENAME] = &out->renamed,
        [UNDO_REMOVE] = &out->removed,
        [UNDO_RESET] = &out->reset,
    };
    for (size_t i = 0; i < plan->item_count; i++)
        ++*counts[plan->items[i].verb];
}

int undo_apply(struct journal *j, int root, struct undo_plan *plan, struct actor_ref who,
               const struct undo_hooks *hooks, struct undo_result *out, struct error *err)
{
    CLEANUP(work_release) struct work w = WORK_NONE;
    CLEANUP(db_close) struct db *db = NULL;
    struct undo_result result = {0};

    if (plan->conflict_count)
        return error_say(err, EEXIST, "nothing was undone: %zu conflicts", plan->conflict_count);
    *out = result;
    if (plan->events.count == 0)
        return 0;
    w.journal = j;
    w.root = root;
    w.who = who;
    w.hooks = hooks;
    TRY(work_open(&w, err));
    TRY(undo_db_open(root, DB_WRITE, &db, err));
    TRY(announce(&w, err));
    TRY(store_plan(db, w.undo, &plan->steps, err));
    FAULT_POINT("undo_stored");
    TRY(do_steps(&w, &plan->steps, err));
    TRY(finish(&w, db, err));
    result.undo = w.undo;
    count_items(plan, &result);
    *out = result;
    return 0;
}

/* ---- resuming ---- */

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
    TRY(for_steps(db, w->undo, progress_read(w), resume_step, w, err));
    return finish(w, db, err);
}

/* The oldest undo that is not finished; 0: none. */
static int next_unfinished(struct db *db, uint64_t *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "SELECT id FROM undo WHERE state=?1 ORDER BY id LIMIT 1");
    stmt_bind_int(&s, 1, UNDO_PLANNED);
    int r = stmt_step(&s, err);
    *out = r == 1 ? (uint64_t)stmt_int(&s, 0) : 0;
    return r < 0 ? r : 0;
}

int undo_resume(struct journal *j, int root, unsigned *finished, struct error *err)
{
    CLEANUP(work_release) struct work w = WORK_NONE;
    CLEANUP(db_close) struct db *db = NULL;
    unsigned count = 0;

    TRY(undo_db_open(root, DB_WRITE, &db, err));
    w.journal = j;
    w.root = root;
    w.resumed = true;
    TRY(next_unfinished(db, &w.undo, err));
    if (w.undo)
        TRY(work_open(&w, err));
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
