/* compiler.h - the compiler's own words, spelled once. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text_at, first) __attribute__((format(printf, text_at, first)))
#define VPRINTF_LIKE(text_at) __attribute__((format(printf, text_at, 0)))
#define CLEANUP(end) __attribute__((cleanup(end)))
#define UNUSED __attribute__((unused))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
