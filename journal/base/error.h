/* error.h - an error travels in the caller's own storage.
 *
 * A function that can fail returns 0 or a negative errno; *err then holds a sentence for a person.
 * err may be NULL everywhere: then only the number travels. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "journal/base/compiler.h"

struct error {
    int code; /* positive errno, 0 when nothing failed */
    char message[512];
};

#define ERROR_NONE ((struct error){0})

/* Where an error is first known.  With code > 0 its text follows the sentence (": No such file…");
 * error_say() leaves it out, for sentences that already say everything.  Both return -code, never 0
 * (code 0 counts as EIO). */
int error_set(struct error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
int error_say(struct error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
/* On the way up, by one who knows more than the callee: "undo session 7: <what it said>".  Returns r. */
int error_prefix(struct error *err, int r, const char *format, ...) PRINTF_LIKE(3, 4);
/* On to the caller, who has not heard of said: the same words under the same number; 0 where it says
 * nothing.  It may have come through a pipe: no more of it is read than there is. */
int error_pass(struct error *err, const struct error *said);

/* The text of an errno, safe in threads; buffer is the caller's. */
const char *error_text(int code, char *buffer, unsigned long bytes);

/* The only macro that returns. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_result_ = (call);                                                                  \
        if (try_result_ < 0)                                                                       \
            return try_result_;                                                                    \
    } while (0)

#endif
