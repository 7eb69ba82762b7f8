/* thread.h - threads that do something by the side.
 *
 * Signals belong to those who wait for them, so such a thread has them blocked; not those that it
 * brings upon itself (SIGBUS, SIGSEGV …): blocked, these end the process whatever handler it has. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "journal/base/compiler.h"

/* 0 or -errno. */
MUST_USE int thread_start(pthread_t *out, void *(*run)(void *context), void *context);

/* One whose waits end by the steady clock: clock_steady_in(). */
void thread_cond_init(pthread_cond_t *out);

#endif
