/* log.c - see log.h. */
#include "journal/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Names in a message were chosen by somebody else: nothing in them may steer the terminal. */
static void disarm(const char *line, char *out, size_t room)
{
    size_t used = 0;
    for (; *line && used + 5 < room; line++) {
        unsigned char c = (unsigned char)*line;
        bool steers = c < 0x20 || c == 0x7f || (c == 0xc2 && (line[1] & 0xe0) == 0x80);
        if (steers)
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", c);
        else
            out[used++] = (char)c;
    }
    out[used] = '\0';
}

void log_line(const char *format, ...)
{
    char line[1024];
    char safe[4 * sizeof line];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    disarm(line, safe, sizeof safe);
    dprintf(STDERR_FILENO, "ccfs: %s\n", safe); /* one write: lines of threads do not mix */
}

void log_error(const struct error *err)
{
    log_line("%s", err->message);
}
