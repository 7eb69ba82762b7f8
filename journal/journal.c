/* journal.c - records changes; see journal.h for what it promises.
 *
 *     journal_begin ──► intake: PENDING ──► journal_confirm / journal_fail ──► DONE ──► writer ──►
 * SQLite
 *
 *   (1) Numbers (events, versions, processes, sessions) are given here, from memory, and never
 * twice. (2) A version is discarded only after its event is on record as failed, and never when it
 * is the last home of an inode. (3) Opening: lock, look at identities, settle the intake, drain it,
 * end write sessions, then record.
 *
 * Lock order: notes, then the intake's; an actor's come before both. */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/actor.h"
#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/db.h"
#include "journal/durable.h"
#include "journal/hasher.h"
#include "journal/intake.h"
#include "journal/notes.h"
#include "journal/record.h"
#include "journal/recover.h"
#include "journal/seal.h"
#include "journal/writer.h"

#define RANGES_MAX 8192
#define DRAIN_MS 15000 /* without a step forward */
#define NUMBER_MAX (INT64_MAX / 4) /* beyond any that was ever given */

struct journal {
    int root;  /* borrowed */
    int state; /* .ccfs */
    int lock;
    struct db *db; /* the writer's, while its thread runs */
    struct vault *vault;
    struct intake *intake;
    struct notes *notes;
    struct writer *writer;
    struct durable *durable;
    enum durability durability;
    struct sealer *sealer; /* the writer's, while its thread runs */
    struct hasher *_Atomic hasher; /* NULL: none was asked for */
    bool proof_fails; /* the writer's: it was said already */
    struct actors *actors;
    _Atomic uint64_t next_proc;
    _Atomic uint64_t next_session;
    uint64_t first_session; /* of this run */
    pthread_mutex_t vault_hold;
    pthread_mutex_t gc_runs;
    _Atomic int64_t gc_until; /* 0: no end */
    _Atomic int draining; /* how many wait: refusals are not held back meanwhile */
    struct journal_recovery recovered;
};

/* ---- making one ---- */

static int state_open(int root, struct error *err)
{
    int fd = openat(root, STATE_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_say(err, ENOENT,
                         "this is not a workspace (it has no %s); make it one with: ccfs init",
                         STATE_FOLDER);
    return fd < 0 ? error_set(err, errno, "open the workspace's %s", STATE_FOLDER) : fd;
}

static int database_open(int state, enum db_mode mode, struct db **out, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/journal.db", state);
    return db_open(path, mode, out, err);
}

int journal_create(int root, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    CLEANUP(vault_close) struct vault *vault = NULL;

    if (mkdirat(root, STATE_FOLDER, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make the workspace's %s", STATE_FOLDER);
    CLEANUP(fd_close) int state = state_open(root, err);
    TRY(state);
    TRY(database_open(state, DB_CREATE, &db, err));
    TRY(vault_open(state, &vault, err));
    if (mkdirat(state, "undo", 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, "make the workspace's %s/undo", STATE_FOLDER);
    return intake_create(state, INTAKE_RING_BYTES, err);
}

/* ---- opening one ---- */

static int lock_busy(int fd, struct error *err)
{
    char text[32] = {0};
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return error_say(err, EBUSY,
                         "the workspace is in use by another ccfs (pid %ld); end that one, or "
                         "wait",
                         pid);
    return error_say(err, EBUSY, "the workspace is in use by another ccfs; end that one, or wait");
}

static int lock_take(int state, struct error *err)
{
    CLEANUP(fd_close)
    int fd = openat(state, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return error_set(err, errno, "open the workspace's lock");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? lock_busy(fd, err)
                                    : error_set(err, errno, "lock the workspace");
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || fd_pwrite_all(fd, text, (size_t)n, 0) < 0)
        log_line("cannot write the pid into the workspace's lock");
    return fd_take(&fd);
}

/* A query for one number, which a sound journal has below NUMBER_MAX. */
static int number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, sql);
    int r = stmt_step(&q, err);
    TRY(r);
    *out = r == 1 ? stmt_int(&q, 0) : 0;
    if (*out < 0 || *out > NUMBER_MAX)
        return error_say(err, EBADMSG,
                         "the journal is damaged: it holds an impossible number; keep a "
                         "copy of .ccfs before anything else");
    return 0;
}

static int meta_get(struct db *db, const char *key, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT value FROM meta WHERE key = ?1");
    stmt_bind_text(&q, 1, key);
    int r = stmt_step(&q, err);
    *out = r == 1 ? stmt_int(&q, 0) : 0;
    return r < 0 ? r : 0;
}

static int meta_set(struct db *db, const char *key, int64_t value, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)");
    stmt_bind_text(&q, 1, key);
    stmt_bind_int(&q, 2, value);
    return stmt_run(&q, err);
}

/* "clean": the run ended in order, and this is the next version's number.  "running": it began with
 * this one.  What says so must be durable before the first version is made. */
static int versions_number(struct journal *j, struct recovery *found, struct error *err)
{
    int64_t clean = 0;
    int64_t first = 0;
    int64_t known = 0;
    TRY(meta_get(j->db, "clean", &clean, err));
    TRY(meta_get(j->db, "running", &first, err));
    if (clean <= 0 && found->damaged == 0) /* an unreadable record may know a version */
        TRY(recover_orphans(j->vault, j->db, (uint64_t)first, found, err));
    TRY(number(j->db,
               "SELECT max(ifnull((SELECT max(id) FROM version), 0),"
               " ifnull((SELECT max(highest) FROM tombstone), 0))",
               &known, err));
    uint64_t next = (uint64_t)(clean > known ? clean : known + 1);
    if (clean <= 0) {
        uint64_t highest = vault_highest(j->vault);
        next = highest >= next ? highest + 1 : next;
    }
    vault_set_next(j->vault, next);
    TRY(meta_set(j->db, "running", (int64_t)next, err));
    return db_exec(j->db, "DELETE FROM meta WHERE key = 'clean'", err);
}

static int numbers_set(struct journal *j, const struct recovery *found, struct error *err)
{
    int64_t event = 0;
    int64_t proc = 0;
    int64_t session = 0;
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM event", &event, err));
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM proc", &proc, err));
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM session", &session, err));
    uint64_t highest =
        found->highest_event > (uint64_t)event ? found->highest_event : (uint64_t)event;
    intake_set_next_event(j->intake, highest + 1);
    atomic_store(&j->next_proc, (uint64_t)proc + 1);
    atomic_store(&j->next_session, (uint64_t)session + 1);
    j->first_session = (uint64_t)session + 1;
    return 0;
}

static void boot_read(char out[64])
{
    CLEANUP(fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, 63);
    out[n > 0 ? n : 0] = '\0';
}

/* Did the system itself go down since the last run?  In doubt it did. */
static int boot_is_another(struct db *db, bool *out, struct error *err)
{
    char boot[64];
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT value FROM meta WHERE key = 'boot'");
    int r = stmt_step(&q, err);
    TRY(r);
    const char *then = r == 1 ? stmt_text(&q, 0) : NULL;
    boot_read(boot);
    *out = !then || !boot[0] || strcmp(then, boot) != 0;
    return 0;
}

static int boot_set(struct db *db, struct error *err)
{
    char boot[64];
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "INSERT OR REPLACE INTO meta(key, value) VALUES('boot', ?1)");
    boot_read(boot);
    stmt_bind_text(&q, 1, boot);
    return stmt_run(&q, err);
}

/* A daemon that was only killed left all its writes in memory; a power loss did not. */
static int recover_power(struct journal *j, struct recovery *found, struct error *err)
{
    int64_t clean = 0;
    int64_t first = 0;
    bool another = false;
    TRY(meta_get(j->db, "clean", &clean, err));
    TRY(meta_get(j->db, "running", &first, err));
    TRY(boot_is_another(j->db, &another, err));
    if (clean <= 0 && another)
        TRY(recover_torn(j->vault, j->db, (uint64_t)first, found, err));
    return boot_set(j->db, err);
}

static int recover(struct journal *j, int root, struct error *err)
{
    struct recovery found = {0};
    int64_t stored = 0;
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM event", &stored, err));
    found.stored = (uint64_t)stored;
    recover_intake(root, j->vault, j->intake, &found);
    TRY(writer_drain(j->writer, err));
    found.damaged += writer_damaged(j->writer);
    TRY(recover_power(j, &found, err));
    TRY(recover_write_sessions(root, j->vault, j->db, &found, err));
    TRY(versions_number(j, &found, err));
    TRY(numbers_set(j, &found, err));
    j->recovered = found.done;
    if (found.damaged > 0)
        log_line("%u records of the journal's intake were damaged and left out", found.damaged);
    return 0;
}

/* ---- threads of our own ---- */

/* Before the writer drains: refusals older than a second go, all of them where they would be in the
 * way. */
static void before_drain(void *context)
{
    struct journal *j = context;
    uint64_t queued = intake_head(j->intake) - intake_tail(j->intake);
    bool all = atomic_load(&j->draining) > 0 || queued > INTAKE_RING_BYTES / 4;
    notes_let_go(j->notes, all ? INT64_MAX : clock_now_ns() - NS_PER_S);
}

/* A failure here loses nothing: what is not hashed or sealed now is later. */
static void after_batch(void *context)
{
    struct journal *j = context;
    struct error err = ERROR_NONE;
    if (!j->sealer) /* recovery drains, too */
        return;
    int r = hasher_store(atomic_load(&j->hasher), j->db, &err);
    if (r == 0)
        r = sealer_step(j->sealer, &err);
    if (r < 0 && r != -EBUSY && !j->proof_fails) {
        error_prefix(&err, r, "the journal is not sealed for now");
        log_error(&err);
    }
    j->proof_fails = r < 0 && r != -EBUSY;
}

static void discard_idle(void *context, uint64_t version)
{
    const struct journal *j = context;
    vault_discard(j->vault, version);
}

static uint64_t record_actor(void *context, const struct actor *seen)
{
    struct journal *j = context;
    struct actor a = *seen;
    struct record *r = NULL;
    const struct reservation want = record_proc_size(&a);
    if (intake_reserve(j->intake, &want, INTAKE_REPORT, &r, NULL) < 0)
        return 0;
    a.id = atomic_fetch_add(&j->next_proc, 1);
    record_proc_pack(r, &a);
    intake_publish(r, RECORD_DONE);
    return a.id;
}

static int memory_make(struct journal *j, struct error *err)
{
    j->notes = notes_new();
    j->actors = actors_new(record_actor, j);
    return j->notes && j->actors ? 0 : error_set(err, ENOMEM, "open the journal");
}

static int last_time(struct db *db, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT time FROM event ORDER BY id DESC LIMIT 1");
    int r = stmt_step(&q, err);
    *out = r == 1 ? stmt_int(&q, 0) : 0;
    return r < 0 ? r : 0;
}

/* From the last thing that an earlier run recorded to now nobody looked. */
static void note_gap(struct journal *j, int64_t last)
{
    struct change_spec gap = {.op = OP_GAP, .before = {.mtime = last}};
    if (last > 0)
        journal_note(j, &gap, OUTCOME_OK, 0, NULL);
}

static int parts_open(struct journal *j, int root, struct error *err)
{
    j->state = state_open(root, err);
    TRY(j->state);
    j->lock = lock_take(j->state, err);
    TRY(j->lock);
    TRY(database_open(j->state, DB_WRITE, &j->db, err));
    TRY(intake_create(j->state, INTAKE_RING_BYTES, err));
    TRY(intake_open(j->state, &j->intake, err));
    TRY(vault_open(j->state, &j->vault, err));
    TRY(memory_make(j, err));
    TRY(durable_open(j->vault, j->intake, &j->durable, err));
    const struct writer_hook hook = {
        .before_drain = before_drain,
        .after_batch = after_batch,
        .idle = discard_idle,
        .context = j,
    };
    return writer_open(j->db, j->intake, hook, &j->writer, err);
}

/* Without its thread: whatever is left in the intake is met by the next opening. */
static void parts_close(struct journal **at)
{
    struct journal *j = *at;
    if (!j)
        return;
    struct hasher *hasher = atomic_load(&j->hasher);
    hasher_free(&hasher);
    writer_close(&j->writer);
    durable_close(&j->durable);
    sealer_close(&j->sealer);
    notes_free(&j->notes);
    actors_free(&j->actors);
    intake_close(&j->intake);
    vault_close(&j->vault);
    db_close(&j->db);
    fd_close(&j->lock);
    fd_close(&j->state);
    pthread_mutex_destroy(&j->vault_hold);
    pthread_mutex_destroy(&j->gc_runs);
    free(j);
    *at = NULL;
}

int journal_open(int root, struct journal **out, struct error *err)
{
    CLEANUP(parts_close) struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return error_set(err, ENOMEM, "open the journal");
    int64_t last = 0;
    j->root = root;
    j->state = -1;
    j->lock = -1;
    pthread_mutex_init(&j->vault_hold, NULL);
    pthread_mutex_init(&j->gc_runs, NULL);
    TRY(parts_open(j, root, err));
    TRY(recover(j, root, err));
    TRY(sealer_open(j->db, &j->sealer, err));
    TRY(last_time(j->db, &last, err));
    note_gap(j, last);
    TRY(writer_start(j->writer, err));
    TRY(durable_start(j->durable, err));
    *out = j;
    j = NULL;
    return 0;
}

/* The last of what was found and recorded. */
static void seal_all(struct journal *j)
{
    struct error err = ERROR_NONE;
    if (intake_head(j->intake) != intake_tail(j->intake))
        return; /* the next opening drains it, and seals it */
    int r = hasher_store(atomic_load(&j->hasher), j->db, &err);
    if (r == 0)
        r = sealer_finish(j->sealer, &err);
    if (r < 0)
        log_error(&err);
}

int journal_keep_proof(struct journal *j, const struct signing_key *key, struct error *err)
{
    struct hasher *hasher = NULL;
    TRY(hasher_start(j->root, j->vault, &hasher, err));
    atomic_store(&j->hasher, hasher);
    sealer_sign(j->sealer, key);
    if (sealer_lacks_key(j->sealer))
        log_line("the journal's seals are signed, and no journal.signing_key is configured: "
                 "nothing more is sealed until it is");
    return 0;
}

/* All is in SQLite, and on the disk: the next opening need not look through the vault. */
static void mark_clean(struct journal *j)
{
    struct error err = ERROR_NONE;
    if (intake_head(j->intake) != intake_tail(j->intake))
        return;
    if (durable_all(j->durable, &err) < 0 || meta_set(j->db, "clean", (int64_t)vault_new(j->vault), &err) < 0)
        log_error(&err);
}

void journal_close(struct journal **j)
{
    if (!*j)
        return;
    notes_let_go((*j)->notes, INT64_MAX);
    hasher_stop(atomic_load(&(*j)->hasher));
    writer_stop((*j)->writer);
    seal_all(*j);
    mark_clean(*j);
    parts_close(j);
}

struct vault *journal_vault(struct journal *j)
{
    return j->vault;
}

int journal_root(const struct journal *j)
{
    return j->root;
}

uint64_t journal_first_session(const struct journal *j)
{
    return j->first_session;
}

void journal_hold_vault(struct journal *j)
{
    pthread_mutex_lock(&j->vault_hold);
}

void journal_let_go_vault(struct journal *j)
{
    pthread_mutex_unlock(&j->vault_hold);
}

void journal_gc_begin(struct journal *j)
{
    pthread_mutex_lock(&j->gc_runs);
}

void journal_gc_end(struct journal *j)
{
    pthread_mutex_unlock(&j->gc_runs);
}

void journal_gc_until(struct journal *j, int64_t seconds)
{
    atomic_store(&j->gc_until, clock_now_ns() + seconds * NS_PER_S);
}

bool journal_gc_ends(struct journal *j)
{
    return atomic_load(&j->gc_until) != 0;
}

bool journal_gc_may_go_on(struct journal *j)
{
    int64_t until = atomic_load(&j->gc_until);
    return until == 0 || clock_now_ns() < until;
}

bool journal_hurry_seal(struct journal *j)
{
    sealer_hurry(j->sealer);
    return !sealer_lacks_key(j->sealer);
}

struct journal_recovery journal_recovered(const struct journal *j)
{
    return j->recovered;
}

void journal_set_durability(struct journal *j, enum durability d)
{
    j->durability = d;
}

int journal_make_durable(struct journal *j, struct error *err)
{
    return durable_all(j->durable, err);
}

int journal_health(struct journal *j, struct error *err)
{
    return intake_health(j->intake, err);
}

int journal_drain(struct journal *j, struct error *err)
{
    atomic_fetch_add(&j->draining, 1);
    notes_let_go(j->notes, INT64_MAX);
    int r = intake_wait_for_tail(j->intake, intake_head(j->intake), DRAIN_MS, err);
    atomic_fetch_sub(&j->draining, 1);
    return r;
}

/* ---- changes ---- */

static struct event event_of(const struct change_spec *spec)
{
    return (struct event){
        .time = clock_now_ns(),
        .session = spec->who.session,
        .actor = {.id = spec->who.actor},
        .tid = spec->tid,
        .op = spec->op,
        .flags = spec->flags,
        .outcome = OUTCOME_OK,
        .count = 1,
        .path = spec->path,
        .path2 = spec->path2,
        .before = spec->before,
        .before2 = spec->before2,
        .dir_mtime = spec->dir_mtime,
        .dir2_mtime = spec->dir2_mtime,
        .version = spec->version,
        .kept = spec->kept,
        .ranges = spec->ranges,
        .range_count = spec->range_count,
        .xattrs = spec->xattrs,
        .xattr_bytes = spec->xattr_bytes,
        .undoes = spec->undoes,
    };
}

/* Reserves and fills; the caller publishes. */
static int event_put(struct journal *j, enum record_kind kind, const struct event *e,
                     enum intake_wish wish, struct record **out, struct error *err)
{
    const struct reservation want = record_event_size(kind, e);
    TRY(intake_reserve(j->intake, &want, wish, out, err));
    record_event_pack(*out, e);
    return 0;
}

/* Is it made of bytes that were copied?  Renames and links reach the disk in order by themselves. */
static bool is_copied(enum kept kept)
{
    return kept == KEPT_COPY || kept == KEPT_CLONE || kept == KEPT_BLOCKS;
}

/* Strict: nothing of the workspace changes before what it destroys is on the disk. */
static int hold_strictly(struct journal *j, const struct change_spec *spec, struct error *err)
{
    bool strict = j->durability == DURABILITY_STRICT;
    return strict && spec->version ? durable_all(j->durable, err) : 0;
}

/* A change by nobody would be in no session, and no undo of a session would find it. */
static int check_known(const struct change_spec *spec, struct error *err)
{
    if (spec->who.error == 0)
        return 0;
    return error_set(err, -spec->who.error, "find out who asks for a change, so it was refused");
}

int journal_begin(struct journal *j, const struct change_spec *spec, struct change *change,
                  struct error *err)
{
    struct event e = event_of(spec);
    struct record *r = NULL;
    TRY(check_known(spec, err));
    if (is_copied(spec->kept))
        durable_note(j->durable, spec->version, true);
    TRY(event_put(j, RECORD_CHANGE, &e, INTAKE_CHANGE, &r, err));
    FAULT_POINT("begin_filled");
    struct change begun = {
        .journal = j,
        .event = r->event,
        .version = spec->version,
        .record = r,
    };
    intake_publish(r, RECORD_PENDING);
    int held = hold_strictly(j, spec, err);
    if (held < 0)
        journal_fail(&begun, -held);
    else
        *change = begun;
    return held;
}

void journal_confirm(struct change *change, const struct attr *after)
{
    struct record *r = change->record;
    change->journal = NULL;
    change->record = NULL;
    if (after)
        record_end_of(r)->after = *after;
    record_end_seal(record_end_of(r));
    intake_finish(r, RECORD_DONE);
}

/* A version that is an inode's last home says that the change happened, whatever was reported. */
void journal_fail(struct change *change, int error_code)
{
    struct journal *j = change->journal;
    if (!j)
        return; /* it could not even begin */
    struct record_end *end = record_end_of(change->record);
    bool happened = change->version && vault_is_last_home(j->vault, change->version);
    if (happened) {
        log_line("event %" PRIu64 " was reported as failed, but the file lives in the vault alone: "
                 "kept as done",
                 change->event);
        end->flags = EVENT_SETTLED;
    } else {
        end->outcome = OUTCOME_FAILED;
        end->error_code = error_code;
    }
    uint64_t version = change->version;
    journal_confirm(change, NULL);
    FAULT_POINT("fail_recorded");
    if (version && !happened)
        vault_discard(j->vault, version);
}

void journal_abandon(struct change *change)
{
    int saved = errno;
    if (change->journal)
        journal_fail(change, ECANCELED);
    errno = saved;
}

void journal_note(struct journal *j, const struct change_spec *spec, enum outcome outcome,
                  int error_code, const char *reason)
{
    struct event e = event_of(spec);
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    bool hold = outcome == OUTCOME_DENIED && atomic_load(&j->draining) == 0;
    e.outcome = outcome;
    e.error_code = error_code;
    e.reason = reason;
    if (hold && notes_count(j->notes, &e))
        return;
    if (event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, &err) < 0) {
        error_prefix(&err, -err.code, "%s of %s is not on record", outcome_name(outcome),
                     op_name(e.op));
        log_error(&err);
        return;
    }
    intake_publish(r, hold ? RECORD_PENDING : RECORD_DONE);
    if (hold)
        notes_hold(j->notes, r, &e);
}

void journal_note_external(struct journal *j, struct actor_ref who, const char *path,
                           const struct attr *before, const struct attr *after)
{
    const struct change_spec spec = {
        .op = OP_EXTERNAL, .who = who, .path = path, .before = *before};
    struct event e = event_of(&spec);
    struct record *r = NULL;
    e.after = *after;
    if (event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, NULL) == 0)
        intake_publish(r, RECORD_DONE);
}

/* ---- write sessions ---- */

int journal_write_begin(struct journal *j, const struct change_spec *spec, uint64_t *event,
                        struct error *err)
{
    struct event e = event_of(spec);
    struct record *r = NULL;
    TRY(check_known(spec, err));
    e.outcome = OUTCOME_OPEN;
    if (is_copied(spec->kept))
        durable_note(j->durable, spec->version, spec->kept != KEPT_BLOCKS);
    TRY(event_put(j, RECORD_CHANGE, &e, INTAKE_CHANGE, &r, err));
    struct change begun = {.journal = j, .event = r->event, .version = spec->version, .record = r};
    intake_publish(r, RECORD_PENDING);
    int held = hold_strictly(j, spec, err);
    if (held < 0) {
        journal_fail(&begun, -held);
        return held;
    }
    *event = r->event;
    intake_finish(r, RECORD_DONE);
    return 0;
}

int journal_write_kept(struct journal *j, uint64_t version, bool whole, struct error *err)
{
    durable_note(j->durable, version, whole);
    bool strict = j->durability == DURABILITY_STRICT;
    return strict && !whole ? durable_all(j->durable, err) : 0;
}

/* At most RANGES_MAX, which cover the given ones: neighbours are joined.  *own: to be freed. */
static const struct range *ranges_bounded(const struct range *ranges, size_t *count,
                                          struct range **own)
{
    if (*count <= RANGES_MAX)
        return ranges;
    size_t each = (*count + RANGES_MAX - 1) / RANGES_MAX;
    size_t n = 0;
    *own = calloc(RANGES_MAX, sizeof **own);
    if (!*own) {
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i += each, n++) {
        size_t last = i + each < *count ? i + each - 1 : *count - 1;
        int64_t end = ranges[last].offset + ranges[last].length;
        (*own)[n] = (struct range){.offset = ranges[i].offset, .length = end - ranges[i].offset};
    }
    *count = n;
    return *own;
}

static void update_put(struct journal *j, const struct record_update *u)
{
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    const struct reservation want = record_update_size(u);
    if (intake_reserve(j->intake, &want, INTAKE_REPORT, &r, &err) < 0) {
        error_prefix(&err, -err.code, "the end of event %" PRIu64 " is left to recovery", u->event);
        log_error(&err);
    } else {
        record_update_pack(r, u);
        intake_publish(r, RECORD_DONE);
    }
}

void journal_write_update(struct journal *j, uint64_t event, const struct attr *after,
                          const struct range *ranges, size_t count, bool ended)
{
    struct range *own = NULL;
    struct record_update u = {.event = event, .ended = ended};
    if (after)
        u.after = *after;
    u.ranges = ranges_bounded(ranges, &count, &own);
    u.range_count = count;
    update_put(j, &u);
    free(own);
}

void journal_write_nothing(struct journal *j, uint64_t event)
{
    const struct record_update u = {.event = event, .ended = true, .nothing = true};
    update_put(j, &u);
}

/* ---- actors and sessions ---- */

struct actor_ref journal_actor(struct journal *j, pid_t tid, uint32_t uid, uint32_t gid)
{
    return actors_find(j->actors, tid, uid, gid);
}

static int session_put(struct journal *j, enum record_kind kind, const struct record_session *s,
                       enum intake_wish wish, struct error *err)
{
    struct record *r = NULL;
    const struct reservation want = record_session_size(kind, s);
    TRY(intake_reserve(j->intake, &want, wish, &r, err));
    record_session_pack(r, s);
    intake_publish(r, RECORD_DONE);
    return 0;
}

static void note_session(struct journal *j, uint64_t session, uint32_t count)
{
    const struct change_spec spec = {.op = OP_SESSION, .who = {.session = session}};
    struct event e = event_of(&spec);
    struct record *r = NULL;
    e.count = count;
    if (event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, NULL) == 0)
        intake_publish(r, RECORD_DONE);
}

void journal_session_contact(struct journal *j, uint64_t session, const struct journal_contact *c)
{
    const struct change_spec spec = {
        .op = OP_NETWORK, .who = {.session = session}, .path = c->target};
    struct event e = event_of(&spec);
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    e.outcome = c->outcome;
    e.reason = c->reason;
    e.count = c->count;
    if (event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, &err) < 0)
        log_error(&err);
    else
        intake_publish(r, RECORD_DONE);
}

int journal_session_begin(struct journal *j, const char *name, const char *backend,
                          const char *command, pid_t root, uint64_t *session, struct error *err)
{
    const struct record_session s = {
        .id = atomic_fetch_add(&j->next_session, 1),
        .began = clock_now_ns(),
        .name = name,
        .backend = backend,
        .command = command,
    };
    TRY(session_put(j, RECORD_SESSION_BEGIN, &s, INTAKE_CHANGE, err));
    int r = actors_session_begin(j->actors, root, s.id);
    if (r < 0) {
        journal_session_end(j, s.id, -1);
        return error_say(err, -r, "too many sessions are alive; end one first");
    }
    note_session(j, s.id, 1);
    *session = s.id;
    return 0;
}

void journal_session_end(struct journal *j, uint64_t session, int status)
{
    const struct record_session s = {.id = session, .ended = clock_now_ns(), .status = status};
    struct error err = ERROR_NONE;
    actors_session_end(j->actors, session);
    note_session(j, session, 2);
    if (session_put(j, RECORD_SESSION_END, &s, INTAKE_REPORT, &err) < 0)
        log_error(&err);
}

unsigned journal_sessions_alive(struct journal *j)
{
    return actors_sessions(j->actors);
}
