/* driver.c - feeds a fuzz target without libFuzzer: its seeds, then mutations of them, the same in
 * each run: as many as the target says, or FUZZ_RUNS.  FUZZ_ONLY=N: that one alone.  With a folder
 * as its argument it writes the seeds there, for libFuzzer to begin with. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/compiler.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/deeds.h"

#define ROOM 8192
#define SEEDS_MOST 64

static uint8_t seeds[SEEDS_MOST][ROOM];
static size_t seed_bytes[SEEDS_MOST];
static size_t seed_count;
static unsigned long now; /* the number of this input */

/* ---- mutations ---- */

struct input {
    uint8_t data[ROOM];
    size_t bytes;
};

static size_t somewhere(const struct input *in, struct dice *dice)
{
    return in->bytes ? dice_roll(dice, (unsigned)in->bytes) : 0;
}

static void turn_bit(struct input *in, struct dice *dice)
{
    if (in->bytes)
        in->data[somewhere(in, dice)] ^= (uint8_t)(1U << dice_roll(dice, 8));
}

static void set_number(struct input *in, struct dice *dice)
{
    static const uint64_t numbers[] = {
        0,          1,          0x7f,       0x80,      0xff,
        0x7fffffff, 0x80000000, UINT64_MAX, INT64_MAX, 0x8000000000000000,
        4096,       0xffff};
    size_t at = somewhere(in, dice);
    size_t width = (size_t)1 << dice_roll(dice, 4);
    if (at + width <= in->bytes)
        memcpy(in->data + at, &numbers[dice_roll(dice, COUNT_OF(numbers))], width);
}

static void cut(struct input *in, struct dice *dice)
{
    in->bytes = somewhere(in, dice);
}

static void leave_out(struct input *in, struct dice *dice)
{
    size_t at = somewhere(in, dice);
    size_t count = dice_roll(dice, 16);
    if (at + count > in->bytes)
        return;
    memmove(in->data + at, in->data + at + count, in->bytes - at - count);
    in->bytes -= count;
}

/* A piece of a seed. */
static void insert_piece(struct input *in, struct dice *dice)
{
    size_t which = dice_roll(dice, (unsigned)seed_count);
    size_t from = seed_bytes[which] ? dice_roll(dice, (unsigned)seed_bytes[which]) : 0;
    size_t count = seed_bytes[which] - from;
    size_t at = somewhere(in, dice);
    count = count < ROOM - in->bytes ? count : ROOM - in->bytes;
    count = count ? dice_roll(dice, (unsigned)count) : 0;
    memmove(in->data + at + count, in->data + at, in->bytes - at);
    memcpy(in->data + at, seeds[which] + from, count);
    in->bytes += count;
}

static void (*const mutations[])(struct input *in, struct dice *dice) = {
    turn_bit, turn_bit, set_number, set_number, cut, leave_out, insert_piece,
};

static void make(unsigned long number, struct input *out)
{
    struct dice dice = {number * 0x9e3779b97f4a7c15U};
    size_t which = number < seed_count ? number : dice_roll(&dice, (unsigned)seed_count);
    memcpy(out->data, seeds[which], seed_bytes[which]);
    out->bytes = seed_bytes[which];
    unsigned times = number < seed_count ? 0 : 1 + dice_roll(&dice, 6);
    while (times-- > 0)
        mutations[dice_roll(&dice, COUNT_OF(mutations))](out, &dice);
}

/* ---- running ---- */

static void tell_which(void)
{
    char text[48];
    int n = snprintf(text, sizeof text, "\nFUZZ_ONLY=%lu\n", now);
    (void)!write(STDERR_FILENO, text, (size_t)n);
}

static void die_of(int signal)
{
    tell_which();
    raise(signal); /* as set up: once */
}

/* The sanitizers, where there are any, call it before they end the process. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void expect_death(void)
{
    struct sigaction action = {.sa_handler = die_of, .sa_flags = (int)SA_RESETHAND};
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(tell_which);
    else
        sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}

static void run_one(unsigned long number)
{
    static struct input input;
    now = number;
    alarm(60);
    make(number, &input);
    uint8_t *exact = malloc(input.bytes + 1); /* so that one byte too far is noticed */
    if (!exact)
        abort();
    memcpy(exact, input.data, input.bytes);
    exact = realloc(exact, input.bytes ? input.bytes : 1);
    LLVMFuzzerTestOneInput(exact, input.bytes);
    free(exact);
}

static int write_seeds(const char *folder)
{
    for (size_t i = 0; i < seed_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/seed%zu", folder, i);
        FILE *out = fopen(path, "we");
        if (!out || fwrite(seeds[i], 1, seed_bytes[i], out) != seed_bytes[i] || fclose(out) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *only = getenv("FUZZ_ONLY");
    const char *wanted = getenv("FUZZ_RUNS");
    unsigned long runs = wanted ? strtoul(wanted, NULL, 10) : fuzz_runs;
    while (seed_count < SEEDS_MOST &&
           (seed_bytes[seed_count] = fuzz_seed(seed_count, seeds[seed_count], ROOM)) != SIZE_MAX)
        seed_count++;
    if (argc > 1)
        return write_seeds(argv[1]);
    expect_death();
    if (only)
        run_one(strtoul(only, NULL, 10));
    for (unsigned long i = 0; !only && i < runs + seed_count; i++)
        run_one(i);
    printf("%lu inputs\n", only ? 1 : runs + seed_count);
    return 0;
}
