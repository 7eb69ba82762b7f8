/* clock.h - UTC nanoseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static inline int64_t clock_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* CLOCK_REALTIME, which orders records for people; the order of events is that of their numbers. */
static inline int64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return clock_ns(t);
}

/* Since some moment or other: for spans, which a clock that is set must not change. */
static inline int64_t clock_steady_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return clock_ns(t);
}

static inline struct timespec clock_timespec(int64_t ns)
{
    int64_t seconds = ns / NS_PER_S;
    int64_t rest = ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    return (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

/* So long from now, of the steady clock: where a wait ends (thread_cond_init()). */
static inline struct timespec clock_steady_in(int64_t ns)
{
    return clock_timespec(clock_steady_ns() + ns);
}

#endif
