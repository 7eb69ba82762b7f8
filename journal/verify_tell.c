/* verify_tell.c - one thing that is not as it was recorded, counted and handed on. */
#include <stdarg.h>
#include <stdio.h>

#include "journal/verify_part.h"

void verify_tell(struct verify *v, int64_t event, const char *format, ...)
{
    char says[400];
    va_list args;
    va_start(args, format);
    vsnprintf(says, sizeof says, format, args);
    va_end(args);
    v->result->problems++;
    v->found(v->context, event, says);
}
