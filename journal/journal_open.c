/* journal_open.c - a journal's parts, from the lock to the writer's thread, and its end.
 *
 * Opening: lock, settle what an earlier run left (journal_earlier.c), then record. */
#include <errno.h>
#include <stdlib.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/intake_guard.h"
#include "journal/journal_part.h"

#define DRAIN_MS 15000 /* without a step forward */

/* ---- threads of our own ---- */

/* Before the writer drains: refusals older than a second go, all of them where they would be in the
 * way.  Where SQLite's stores into its mapped index are refused for want of room, it never comes to
 * ask for some. */
static void before_drain(void *context)
{
    struct journal *j = context;
    if (intake_is_guarded(j->intake))
        journal_use_reserve(j);
    bool is_short = reserve_is_near(&j->reserve);
    intake_keep_short(j->intake, is_short);
    uint64_t many = is_short ? INTAKE_SHORT_BYTES : INTAKE_RING_BYTES / 4;
    bool all = atomic_load(&j->draining) > 0 || intake_queued(j->intake) > many;
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

/* Numbers are given only when recovery is over. */
static bool note_outside(void *context, const char *path, const struct attr *known,
                         const struct attr *found)
{
    struct journal *j = context;
    return j->sealer && journal_note_outside(j, path, known, found);
}

static void discard_idle(void *context, uint64_t version)
{
    const struct journal *j = context;
    vault_discard(j->vault, version);
}

/* ---- its parts ---- */

static bool spend_reserve(void *context)
{
    struct journal *j = context;
    return reserve_spend(&j->reserve);
}

static bool has_reserve(void *context)
{
    struct journal *j = context;
    return reserve_is_there(&j->reserve);
}

static int memory_make(struct journal *j, struct error *err)
{
    j->notes = notes_new();
    j->actors = actors_new(journal_record_actor, j);
    return j->notes && j->actors ? 0 : error_set(err, ENOMEM, "open the journal");
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
    j->state = journal_state_open(root, err);
    TRY(j->state);
    j->lock = journal_lock_take(j->state, err);
    TRY(j->lock);
    TRY(reserve_open(j->state, &j->reserve, err));
    if (guard_begin(j->state))
        TRY(keeper_start(&j->reserve, &j->keeper, err));
    TRY(journal_database_open(j->state, DB_WRITE, &j->db, err));
    TRY(intake_create(j->state, INTAKE_RING_BYTES, err));
    TRY(intake_open(j->state, &j->intake, err));
    TRY(vault_open(j->state, &j->vault, err));
    TRY(memory_make(j, err));
    TRY(durable_open(j->vault, j->intake, &j->durable, err));
    const struct writer_hook hook = {
        .before_drain = before_drain,
        .after_batch = after_batch,
        .outside = note_outside,
        .idle = discard_idle,
        .make_room = spend_reserve,
        .has_room = has_reserve,
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
    keeper_stop(&j->keeper); /* SQLite, too, stores until it is closed */
    reserve_close(&j->reserve);
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
    j->reserve = RESERVE_NONE;
    j->lock = -1;
    pthread_mutex_init(&j->vault_hold, NULL);
    pthread_mutex_init(&j->gc_runs, NULL);
    TRY(parts_open(j, root, err));
    TRY(journal_recover(j, err));
    TRY(sealer_open(j->db, &j->sealer, err));
    TRY(db_number(j->db, "SELECT time FROM event ORDER BY id DESC LIMIT 1", &last, err));
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
    if (intake_queued(j->intake) > 0)
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

void journal_close(struct journal **j)
{
    if (!*j)
        return;
    notes_let_go((*j)->notes, INT64_MAX);
    hasher_stop(atomic_load(&(*j)->hasher));
    writer_stop((*j)->writer);
    seal_all(*j);
    journal_mark_clean(*j);
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

void journal_use_reserve(struct journal *j)
{
    reserve_spend_if_tight(&j->reserve);
    if (intake_is_tight(j->intake)) /* what a quota leaves only a try tells */
        (void)reserve_spend(&j->reserve);
}

int journal_health(struct journal *j, struct error *err)
{
    return intake_health(j->intake, err);
}

int journal_drain(struct journal *j, struct error *err)
{
    atomic_fetch_add(&j->draining, 1);
    notes_let_go(j->notes, INT64_MAX);
    uint64_t told = atomic_load(&j->outside_told);
    int r = intake_wait_for_tail(j->intake, intake_head(j->intake), DRAIN_MS, err);
    if (r == 0 && atomic_load(&j->outside_told) != told) /* what it met is behind that */
        r = intake_wait_for_tail(j->intake, intake_head(j->intake), DRAIN_MS, err);
    atomic_fetch_sub(&j->draining, 1);
    return r;
}
