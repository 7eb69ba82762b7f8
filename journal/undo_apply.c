/* undo_apply.c - a plan is stored, done step by step, and finished.
 *
 *   planned ──► undo row and every step stored ──► steps done, in order ──► undone rows, a row of
 * taken, state done
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
#include "journal/schema.h"
#include "journal/undo_plan.h"
#include "journal/undone.h"

#define TELL_EVERY 64

struct finish {
    struct db *db;
    struct vault *vault;
    uint64_t undo;
    struct ids events; /* taken back */
    struct ids redone;
};

static void finish_release(struct finish *f)
{
    ids_release(&f->events);
    ids_release(&f->redone);
}

/* ---- the place where contents are built ---- */

void work_release(struct work *w)
{
    fd_close(&w->staging);
    fd_close(&w->progress);
    fd_close(&w->dir);
    strbuf_release(&w->folder);
}

int work_open(struct work *w, struct error *err)
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

/* What was built and not used: of a step that had been done before a crash, or of an undo that was
 * given up.  No other one is under way. */
static void clear_staging(const struct work *w)
{
    int fd = openat(w->staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.')
            unlinkat(w->staging, e->d_name, 0);
    closedir(dir);
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

int progress_open(struct work *w, struct error *err)
{
    char name[32];
    boot_id(w->boot);
    snprintf(name, sizeof name, "%" PRIu64 "-done", w->undo);
    fd_close(&w->progress);
    w->progress = openat(w->staging, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return w->progress < 0 ? error_set(err, errno, "store how far an undo came") : 0;
}

int progress_write(const struct work *w, uint64_t done, struct error *err)
{
    struct progress p;
    memcpy(p.boot, w->boot, sizeof p.boot);
    for (int i = 0; i < 8; i++)
        p.done[i] = (unsigned char)(done >> (8 * i));
    int r = fd_pwrite_all(w->progress, &p, sizeof p, 0);
    return r < 0 ? error_set(err, -r, "store how far an undo came") : 0;
}

int64_t progress_read(const struct work *w)
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

size_t progress_peek(int root, uint64_t undo)
{
    CLEANUP(work_release) struct work w = WORK_NONE;
    char path[64];
    snprintf(path, sizeof path, STATE_FOLDER "/undo/%" PRIu64 "-done", undo);
    boot_id(w.boot);
    w.progress = fd_open_beneath(root, path, O_RDONLY, 0);
    return w.progress < 0 ? 0 : (size_t)progress_read(&w);
}

/* ---- finishing ---- */

static int run_with(struct stmt s, uint64_t first, uint64_t second, struct error *err)
{
    CLEANUP(stmt_done) struct stmt own = s;
    stmt_bind_int(&own, 1, (int64_t)first);
    stmt_bind_int(&own, 2, (int64_t)second);
    return stmt_run(&own, err);
}

/* One that was taken back before stays as it is. */
static int note_undone(struct finish *f, uint64_t event, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s =
        db_query(f->db, "INSERT OR IGNORE INTO undone(event, undo) VALUES(?1, ?2) RETURNING event");
    stmt_bind_int(&s, 1, (int64_t)event);
    stmt_bind_int(&s, 2, (int64_t)f->undo);
    int fresh = stmt_step(&s, err);
    TRY(fresh);
    return fresh && ids_add(&f->events, event) < 0 ? error_set(err, ENOMEM, "finish an undo") : 0;
}

/* What an undo had taken back counts again when that undo is taken back as a whole: the table of
 * what is undone then follows from all rows (undone.h). */
static int note_redone(struct finish *f, uint64_t redone, struct error *err)
{
    if (redone == f->undo)
        return 0;
    return ids_add(&f->redone, redone) < 0 ? error_set(err, ENOMEM, "finish an undo") : 0;
}

static int note_returned(struct db *db, uint64_t version, struct error *err)
{
    return run_with(db_query(db, "UPDATE version SET state=?2 WHERE id=?1"), version,
                    VERSION_RETURNED, err);
}

static int finish_step(struct finish *f, const struct step *step, struct error *err)
{
    if (step->kind == STEP_MOVE_OUT)
        return note_returned(f->db, step->version, err);
    if (step->kind != STEP_EVENTS && step->kind != STEP_REDONE)
        return 0;
    for (size_t i = 0; i < step_id_count(step); i++) {
        uint64_t id = step_id_at(step, i);
        TRY(step->kind == STEP_EVENTS ? note_undone(f, id, err) : note_redone(f, id, err));
    }
    return 0;
}

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

/* Each is read by a query of its own, so that none is open while a step is done. */
int undo_for_steps(struct db *db, uint64_t undo, int64_t behind, step_each *each, void *context,
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

static int finish_each(const struct step *step, size_t n, void *context, struct error *err)
{
    (void)n;
    return finish_step(context, step, err);
}

static int ids_to_spans(struct ids *ids, struct spans *out)
{
    ids_sort(ids);
    for (size_t i = 0; i < ids->count; i++)
        TRY(spans_add(out, ids->list[i]));
    return 0;
}

/* The row that is sealed: table undone can be made of all of them. */
static int store_taken(struct finish *f, struct error *err)
{
    CLEANUP(taken_release) struct taken t = {.undo = (int64_t)f->undo};
    if (ids_to_spans(&f->events, &t.events) < 0 || ids_to_spans(&f->redone, &t.redone) < 0)
        return error_set(err, ENOMEM, "finish an undo");
    return taken_store(f->db, &t, err);
}

int undo_finish(struct work *w, struct db *db, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    CLEANUP(finish_release)
    struct finish f = {.db = db, .vault = w->vault, .undo = w->undo};
    TRY(journal_drain(w->journal, err));
    TRY(transaction_begin(db, &t, err));
    TRY(undo_for_steps(db, w->undo, 0, finish_each, &f, err));
    TRY(store_taken(&f, err));
    if (f.redone.count > 0)
        TRY(undone_rewrite(db, err));
    TRY(run_with(db_query(db, "DELETE FROM undo_step WHERE undo=?1 AND ?2=?1"), w->undo, w->undo,
                 err));
    TRY(run_with(db_query(db, "UPDATE undo SET state=?2 WHERE id=?1"), w->undo, UNDO_DONE, err));
    TRY(transaction_commit(&t, err));
    clear_staging(w);
    return 0;
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

/* What an undo that is rolled back has brought out of the vault is out of it. */
static int give_up_each(const struct step *step, size_t n, void *context, struct error *err)
{
    const struct finish *f = context;
    (void)n;
    if (step->kind != STEP_MOVE_OUT || vault_has(f->vault, step->version))
        return 0;
    return note_returned(f->db, step->version, err);
}

static int give_up(const struct finish *f, uint64_t undo, struct error *err)
{
    struct finish own = *f;
    TRY(undo_for_steps(f->db, undo, 0, give_up_each, &own, err));
    TRY(run_with(db_query(f->db, "DELETE FROM undo_step WHERE undo=?1 AND ?2=?1"), undo, undo,
                 err));
    return run_with(db_query(f->db, "UPDATE undo SET state=?2 WHERE id=?1"), undo, UNDO_ABORTED,
                    err);
}

/* In one go with giving up the undo that this one rolls back: one of the two is always there. */
static int store_plan(struct work *w, struct db *db, const struct steps *steps, uint64_t aborted,
                      struct error *err)
{
    const struct finish f = {.db = db, .undo = w->undo, .vault = w->vault};
    CLEANUP(transaction_rollback) struct transaction t = {0};
    CLEANUP(strbuf_release) struct strbuf data = STRBUF_EMPTY;
    TRY(transaction_begin(db, &t, err));
    for (size_t i = 0; i < steps->count; i++)
        TRY(store_step(db, w->undo, i + 1, &steps->list[i], &data, err));
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "INSERT INTO undo(id, time, state) VALUES(?1, ?2, ?3)");
    stmt_bind_int(&s, 1, (int64_t)w->undo);
    stmt_bind_int(&s, 2, clock_now_ns());
    stmt_bind_int(&s, 3, UNDO_PLANNED);
    TRY(stmt_run(&s, err));
    if (aborted)
        TRY(give_up(&f, aborted, err));
    return transaction_commit(&t, err);
}

/* ---- applying ---- */

/* The OP_UNDO event, whose number names the undo; it is there before anything that names it. */
static int announce(struct work *w, struct error *err)
{
    struct change change = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_UNDO, .who = w->who};
    TRY(journal_begin(w->journal, &spec, &change, err));
    w->undo = change.event;
    journal_confirm(&change, NULL);
    return journal_drain(w->journal, err);
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

int undo_run(struct work *w, struct db *db, const struct undo_plan *plan, uint64_t aborted,
             struct error *err)
{
    journal_use_reserve(w->journal);
    TRY(announce(w, err));
    TRY(store_plan(w, db, &plan->steps, aborted, err));
    FAULT_POINT("undo_stored");
    TRY(do_steps(w, &plan->steps, err));
    return undo_finish(w, db, err);
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
    TRY(db_open_in(root, DB_WRITE, &db, err));
    TRY(undo_run(&w, db, plan, 0, err));
    result.undo = w.undo;
    plan_count(plan, &result);
    *out = result;
    return 0;
}
