/* writer.c - drains the intake into SQLite; see writer.h. */
#include "journal/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/base/fault.h"
#include "journal/base/log.h"
#include "journal/base/thread.h"
#include "journal/meta.h"

#define NAP_MS 200
#define RETRY_NAPS 5     /* a second */
#define STORE_BATCH 1000 /* records in one transaction, at most */

struct writer {
    struct db *db;
    struct intake *in;
    struct store *store;
    struct writer_hook hook;
    pthread_t thread;
    bool running;
    bool failing; /* the thread's own */
    _Atomic bool stop;
    unsigned damaged; /* records, since the last commit */
};

int writer_open(struct db *db, struct intake *in, struct writer_hook hook, struct writer **out,
                struct error *err)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(err, ENOMEM, "start the journal's writer");
    w->db = db;
    w->in = in;
    w->hook = hook;
    int r = store_open(db, &w->store, err);
    if (r < 0) {
        free(w);
        return r;
    }
    *out = w;
    return 0;
}

/* ---- a batch ---- */

/* The next record if it is complete, else NULL; *position skips what is damaged. */
static struct record *next_complete(struct writer *w, uint64_t *position)
{
    uint64_t from = *position;
    struct record *r = intake_find(w->in, position, intake_head(w->in));
    if (*position != from) {
        w->damaged++;
        log_line("the journal's intake was damaged: %llu bytes of it were skipped",
                 (unsigned long long)(*position - from));
    }
    if (!r)
        return NULL;
    uint32_t state = atomic_load_explicit(&r->state, memory_order_acquire);
    return state == RECORD_DONE || state == RECORD_SKIP ? r : NULL;
}

static int store_one(struct writer *w, const struct record *r, struct error *err)
{
    if (atomic_load_explicit(&r->state, memory_order_acquire) == RECORD_SKIP)
        return 0;
    int stored = intake_sound(r) ? store_record(w->store, r, err) : 1;
    if (stored == -EFBIG || stored == -EEXIST) /* can never be stored: must not hold up the rest */
        stored = 1;
    if (stored == 1) {
        w->damaged++;
        log_line("a damaged record of the journal's intake was left out (event %llu)",
                 (unsigned long long)r->event);
    }
    return stored < 0 ? stored : 0;
}

/* Before its room is free: a recovery that is cut off must not leave the next one without a hint
 * that a version may have an event that cannot be read. */
static int note_damage(struct writer *w, struct error *err)
{
    int64_t earlier = 0;
    if (w->damaged == 0)
        return 0;
    TRY(meta_get(w->db, "damaged", &earlier, err));
    return meta_set(w->db, "damaged", earlier + w->damaged, err);
}

/* Stores up to STORE_BATCH; *position: behind the last one. */
static int store_batch(struct writer *w, uint64_t *position, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    TRY(transaction_begin(w->db, &t, err));
    for (int n = 0; n < STORE_BATCH; n++) {
        const struct record *r = next_complete(w, position);
        if (!r)
            break;
        TRY(store_one(w, r, err));
        *position = intake_behind(w->in, r, intake_head(w->in));
    }
    TRY(note_damage(w, err));
    int r = FAULT_ERROR("writer_commit");
    if (r < 0)
        return error_set(err, -r, "write the journal");
    return transaction_commit(&t, err);
}

static void after_batch(struct writer *w)
{
    if (w->hook.after_batch)
        w->hook.after_batch(w->hook.context);
}

/* The disk must know that nothing changed before the version goes: after a power loss it would seem
 * to be what a change had destroyed, and lost. */
int writer_let_idle_go(struct writer *w, struct error *err)
{
    if (!store_has_idle(w->store))
        return 0;
    TRY(intake_sync(w->in, err));
    store_each_idle(w->store, w->hook.idle, w->hook.context);
    return 0;
}

/* Up to where it reached at the beginning: who followed whoever adds to it would commit record by
 * record. */
int writer_drain(struct writer *w, struct error *err)
{
    const uint64_t end = intake_head(w->in);
    while (intake_tail(w->in) < end) {
        uint64_t position = intake_tail(w->in);
        uint64_t from = position;
        if (!next_complete(w, &position) && position == from)
            return 0;
        int r = store_batch(w, &position, err);
        w->damaged = 0; /* what is not committed is met again */
        if (r < 0) {
            store_forget(w->store);
            return r;
        }
        FAULT_POINT("writer_committed");
        store_committed(w->store);
        (void)!writer_let_idle_go(w, NULL); /* else after the next batch */
        store_each_outside(w->store, w->hook.outside,
                           w->hook.context); /* so that who waits sees it */
        intake_move_tail(w->in, position);
        FAULT_POINT("writer_moved_tail");
        after_batch(w);
    }
    return 0;
}

/* ---- the thread ---- */

static void nap(struct writer *w)
{
    const struct timespec t = {.tv_nsec = NAP_MS * 1000000L};
    for (int i = 0; i < RETRY_NAPS && !atomic_load(&w->stop); i++)
        nanosleep(&t, NULL);
}

static int drain_with_reserve(struct writer *w, struct error *err)
{
    int r = writer_drain(w, err);
    if (r != -ENOSPC || !w->hook.make_room(w->hook.context))
        return r;
    *err = ERROR_NONE;
    return writer_drain(w, err);
}

static void start_to_fail(struct writer *w, const struct error *err)
{
    if (!w->failing)
        log_error(err);
    w->failing = true;
}

static void shut_for_changes(struct writer *w)
{
    struct error err = ERROR_NONE;
    error_say(&err, ENOSPC,
              "hardly any room for the journal: nothing is changed until there is more; free space "
              "on the workspace's filesystem");
    start_to_fail(w, &err);
    intake_shut_for_changes(w->in, &err);
}

static void drain_or_shut(struct writer *w)
{
    struct error err = ERROR_NONE;
    int r = drain_with_reserve(w, &err);
    if (r == -EBUSY) /* another connection writes: not an illness, the queue waits */
        return;
    if (r < 0) {
        start_to_fail(w, &err);
        intake_shut(w->in, &err);
        nap(w);
    } else if (!w->hook.has_room(w->hook.context)) {
        shut_for_changes(w);
    } else if (w->failing) {
        w->failing = false;
        intake_reopen(w->in);
        log_line("the journal records again");
    }
}

static void *writer_main(void *context)
{
    struct writer *w = context;
    while (!atomic_load(&w->stop)) {
        intake_wait_for_work(w->in, NAP_MS);
        w->hook.before_drain(w->hook.context);
        drain_or_shut(w);
        store_each_outside(w->store, w->hook.outside, w->hook.context);
        after_batch(w);
    }
    w->hook.before_drain(w->hook.context);
    drain_or_shut(w);
    return NULL;
}

int writer_start(struct writer *w, struct error *err)
{
    int code = -thread_start(&w->thread, writer_main, w);
    if (code != 0)
        return error_set(err, code, "start the journal's writer");
    w->running = true;
    return 0;
}

void writer_stop(struct writer *w)
{
    if (!w->running)
        return;
    atomic_store(&w->stop, true);
    intake_call_writer(w->in);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void writer_close(struct writer **w)
{
    if (!*w)
        return;
    writer_stop(*w);
    store_close(&(*w)->store);
    free(*w);
    *w = NULL;
}
