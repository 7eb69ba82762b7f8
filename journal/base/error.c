/* error.c - see error.h. */
#include "journal/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_text(int code, char *buffer, unsigned long bytes)
{
    return strerror_r(code, buffer, bytes); /* the GNU one: may return a constant */
}

static VPRINTF_LIKE(3) void say(struct error *err, int code, const char *format, va_list args)
{
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
}

int error_set(struct error *err, int code, const char *format, ...)
{
    if (code <= 0)
        code = EIO;
    if (!err)
        return -code;
    va_list args;
    va_start(args, format);
    say(err, code, format, args);
    va_end(args);
    char text[128];
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s",
             error_text(code, text, sizeof text));
    return -code;
}

int error_say(struct error *err, int code, const char *format, ...)
{
    if (code <= 0)
        code = EIO;
    if (!err)
        return -code;
    va_list args;
    va_start(args, format);
    say(err, code, format, args);
    va_end(args);
    return -code;
}

int error_pass(struct error *err, const struct error *said)
{
    if (said->code == 0)
        return 0;
    return error_say(err, said->code, "%.*s", (int)sizeof said->message - 1, said->message);
}

int error_prefix(struct error *err, int r, const char *format, ...)
{
    if (!err || r >= 0)
        return r;
    char said[sizeof err->message];
    memcpy(said, err->message, sizeof said);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", said);
    return r;
}
