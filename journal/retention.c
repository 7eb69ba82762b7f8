/* retention.c - see retention.h. */
#include "journal/retention.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal/base/log.h"
#include "journal/base/thread.h"
#include "journal/budget.h"

#define LOOK_S 2 /* at the budget */
#define HOUR_LOOKS 1800
#define LAST_S 5 /* that a run may take when the daemon ends */

struct retention {
    struct journal *journal;
    const struct gc_limits *limits;
    struct budget *budget;
    pthread_t thread;
    bool failing; /* the thread's own: it was said already */
};

/* What is counted while the walk lasts may count twice, until the next measure. */
static void measure(struct retention *r)
{
    uint64_t bytes = 0;
    uint64_t versions = 0;
    int64_t before = atomic_load(&r->budget->used);
    if (vault_usage(journal_vault(r->journal), &bytes, &versions) < 0)
        return;
    budget_add(r->budget, (int64_t)bytes - before);
    atomic_store(&r->budget->measured, true);
}

/* Where room is needed, some more is made, so that it is not needed again at once. */
static struct gc_limits limits_now(const struct retention *r)
{
    struct gc_limits limits = *r->limits;
    if (budget_is_tight(r->budget))
        limits.vault_bytes -= limits.vault_bytes / 8;
    return limits;
}

static void run(struct retention *r)
{
    const struct gc_limits limits = limits_now(r);
    const struct actor_ref self = journal_actor(r->journal, getpid(), getuid(), getgid());
    struct gc_result done = {0};
    struct error err = ERROR_NONE;
    int got = gc_run(r->journal, &limits, self, false, &done, &err);
    bool quiet = got == 0 || got == -EBUSY || got == -ECANCELED;
    if (!quiet && !r->failing) {
        error_prefix(&err, got, "nothing is dropped for now");
        log_error(&err);
    }
    r->failing = !quiet;
    budget_tried(r->budget);
}

static void *retention_main(void *context)
{
    struct retention *r = context;
    bool wanted = true;
    bool stop = false;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    measure(r);
    for (unsigned looks = 0; !stop || wanted; looks++) {
        if (looks % HOUR_LOOKS == HOUR_LOOKS - 1)
            measure(r);
        if (wanted || budget_is_tight(r->budget) || looks % HOUR_LOOKS == 0)
            run(r);
        if (stop)
            break;
        stop = budget_wait(r->budget, LOOK_S, &wanted);
    }
    return NULL;
}

static int start_thread(struct retention *r)
{
    int code = -thread_start(&r->thread, retention_main, r);
    return code;
}

int retention_start(struct journal *j, const struct gc_limits *limits, struct retention **out,
                    struct error *err)
{
    struct retention *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ENOMEM, "start retention");
    *r = (struct retention){
        .journal = j, .limits = limits, .budget = vault_budget(journal_vault(j))};
    atomic_store(&r->budget->limit, limits->vault_bytes);
    int code = start_thread(r);
    if (code != 0) {
        free(r);
        return error_set(err, code, "start retention");
    }
    *out = r;
    return 0;
}

void retention_nudge(struct retention *r)
{
    if (r)
        budget_want(r->budget);
}

void retention_stop(struct retention **r)
{
    if (!*r)
        return;
    journal_gc_until(r[0]->journal, LAST_S);
    budget_stop(r[0]->budget);
    pthread_join(r[0]->thread, NULL);
    free(*r);
    *r = NULL;
}
