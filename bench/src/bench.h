/* bench.h - what the measured programs have in common: the clock, and ending at the first error.
 *
 * Each does one thing in the folder it is told to, and prints how many seconds that took (or lines
 * of "name seconds").  Making ready is not measured.  They link nothing of ccfs. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "journal/base/compiler.h"

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A call that must not fail: a measurement of something else is none. */
#define MUST(call) bench_must((long long)(call), #call)
static inline long long bench_must(long long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static inline void bench_must_equal(long long result, long long expected, const char *what)
{
    if (bench_must(result, what) == expected)
        return;
    fprintf(stderr, "%s: %lld instead of %lld\n", what, result, expected);
    exit(1);
}

/* The same numbers in each run and on each system. */
static inline uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline long bench_number(const char *text)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    if (!*text || *end || n < 0) {
        fprintf(stderr, "\"%s\" is no number\n", text);
        exit(2);
    }
    return n;
}

#endif
