/* budget.h - private to journal/: how much the vault takes, and whether it may take more.
 *
 * What is put in and taken out is counted as it happens, in allocated blocks; what was there before
 * is measured in the background (retention.c), and the sum again from time to time.
 *
 *   (1) Below the limit a question costs one load.
 *   (2) At the limit whoever is about to destroy something waits until retention has tried to make
 *       room, for some seconds at most; then it is refused.  Nothing is forgotten instead.
 * Threads: any. */
#ifndef JOURNAL_BUDGET_H
#define JOURNAL_BUDGET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/base/error.h"

struct budget {
    _Atomic int64_t used; /* since the vault was opened; when measured: all of it */
    _Atomic bool measured;
    _Atomic uint64_t limit; /* 0: none */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted;       /* under lock: somebody needs room, or a session ended */
    bool stop;         /* under lock */
    int64_t full_till; /* under lock, monotonic: retention has tried, and could not */
};

void budget_init(struct budget *b);
void budget_end(struct budget *b);
void budget_add(struct budget *b, int64_t bytes);
/* -ENOSPC with a sentence. */
MUST_USE int budget_room(struct budget *b, struct error *err);
bool budget_is_tight(const struct budget *b);

/* ---- for retention ---- */

/* Wakes it. */
void budget_want(struct budget *b);
void budget_stop(struct budget *b);
bool budget_is_wanted(struct budget *b); /* retention has something more pressing to do */
/* Until it is wanted, stopped, or so long.  true: stopped; what was wanted is still wanted. */
bool budget_wait(struct budget *b, int64_t seconds, bool *wanted);
/* It has tried to make room. */
void budget_tried(struct budget *b);

#endif
