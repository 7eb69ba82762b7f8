/* budget.c - see budget.h. */
#include "journal/budget.h"

#include <errno.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/thread.h"

#define PATIENCE_S 10 /* of one who needs room */
#define FULL_S 5      /* for so long it is believed that there is none */
#define GIB ((double)(UINT64_C(1) << 30))

void budget_init(struct budget *b)
{
    atomic_init(&b->used, 0);
    atomic_init(&b->measured, false);
    atomic_init(&b->limit, 0);
    b->wanted = b->stop = false;
    b->full_till = 0;
    pthread_mutex_init(&b->lock, NULL);
    thread_cond_init(&b->changed);
}

void budget_end(struct budget *b)
{
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}

void budget_add(struct budget *b, int64_t bytes)
{
    atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed);
}

static bool is_full(const struct budget *b)
{
    uint64_t limit = atomic_load_explicit(&b->limit, memory_order_relaxed);
    int64_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    return limit && used > 0 && (uint64_t)used >= limit;
}

bool budget_is_tight(const struct budget *b)
{
    uint64_t limit = atomic_load(&b->limit);
    int64_t used = atomic_load(&b->used);
    return limit && used > 0 && (uint64_t)used >= limit - limit / 16;
}

static void wake(struct budget *b)
{
    b->wanted = true;
    pthread_cond_broadcast(&b->changed);
}

/* Under lock.  Retention may make room meanwhile. */
static void wait_for_room(struct budget *b)
{
    const struct timespec until = clock_steady_in(PATIENCE_S * NS_PER_S);
    int r = 0;
    wake(b);
    while (r == 0 && is_full(b) && !b->stop && clock_steady_ns() >= b->full_till)
        r = pthread_cond_timedwait(&b->changed, &b->lock, &until);
}

int budget_room(struct budget *b, struct error *err)
{
    if (!is_full(b))
        return 0;
    pthread_mutex_lock(&b->lock);
    wait_for_room(b);
    pthread_mutex_unlock(&b->lock);
    if (!is_full(b))
        return 0;
    return error_say(err, ENOSPC,
                     "no room in the vault (0 of %.3g GiB left): writes are refused until there "
                     "is; ccfs gc --dry-run",
                     (double)atomic_load(&b->limit) / GIB);
}

/* ---- for retention ---- */

void budget_want(struct budget *b)
{
    pthread_mutex_lock(&b->lock);
    wake(b);
    pthread_mutex_unlock(&b->lock);
}

bool budget_is_wanted(struct budget *b)
{
    pthread_mutex_lock(&b->lock);
    bool wanted = b->wanted;
    pthread_mutex_unlock(&b->lock);
    return wanted;
}

void budget_stop(struct budget *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

bool budget_wait(struct budget *b, int64_t seconds, bool *wanted)
{
    const struct timespec until = clock_steady_in(seconds * NS_PER_S);
    int r = 0;
    pthread_mutex_lock(&b->lock);
    while (r == 0 && !b->wanted && !b->stop)
        r = pthread_cond_timedwait(&b->changed, &b->lock, &until);
    bool stop = b->stop;
    *wanted = b->wanted;
    b->wanted = false;
    pthread_mutex_unlock(&b->lock);
    return stop;
}

void budget_tried(struct budget *b)
{
    pthread_mutex_lock(&b->lock);
    b->full_till = is_full(b) ? clock_steady_ns() + FULL_S * NS_PER_S : 0;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}
