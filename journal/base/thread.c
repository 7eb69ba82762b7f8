/* thread.c - see thread.h. */
#include "journal/base/thread.h"

#include <signal.h>
#include <time.h>

int thread_start(pthread_t *out, void *(*run)(void *context), void *context)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP};
    sigset_t others;
    sigset_t before;
    sigfillset(&others);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    int code = pthread_create(out, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -code;
}

void thread_cond_init(pthread_cond_t *out)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(out, &steady);
    pthread_condattr_destroy(&steady);
}
