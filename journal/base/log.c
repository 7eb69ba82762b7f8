/* log.c - see log.h. */
#include "journal/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void log_line(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "ccfs: %s\n", line); /* one write: lines of threads do not mix */
}

void log_error(const struct error *err)
{
    log_line("%s", err->message);
}
