/* fuzz.h - what a fuzz target is: it takes any bytes and must neither crash nor hang, and tells a
 * few inputs to begin with.
 *
 * Built with clang and -D CCFS_FUZZER=ON it is a libFuzzer program (driver.c is left out); else
 * driver.c feeds it what it tells, and mutations of that, the same in each run. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Input number `number`, up to `room` bytes; how many, SIZE_MAX: there is none. */
size_t fuzz_seed(size_t number, uint8_t *out, size_t room);

/* How many mutations driver.c makes of them. */
extern const unsigned long fuzz_runs;

/* For targets whose inputs are texts. */
size_t fuzz_seed_text(const char *const *texts, size_t count, size_t number, uint8_t *out,
                      size_t room);

#endif
