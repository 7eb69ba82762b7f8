/* strbuf.c - see strbuf.h. */
#include "journal/base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_release(struct strbuf *s)
{
    free(s->data);
    *s = STRBUF_EMPTY;
}

void strbuf_wipe(struct strbuf *s)
{
    if (s->data)
        explicit_bzero(s->data, s->room);
    strbuf_release(s);
}

void strbuf_clear(struct strbuf *s)
{
    s->bytes = 0;
    if (s->data)
        s->data[0] = '\0';
}

static bool make_room(struct strbuf *s, size_t more)
{
    if (s->failed)
        return false;
    if (s->room - s->bytes > more)
        return true;
    size_t room = s->room ? s->room : 64;
    while (room - s->bytes <= more)
        room *= 2;
    char *data = realloc(s->data, room);
    if (!data) {
        s->failed = true;
        return false;
    }
    s->data = data;
    s->room = room;
    return true;
}

void strbuf_add(struct strbuf *s, const void *data, size_t bytes)
{
    if (!make_room(s, bytes))
        return;
    if (bytes)
        memcpy(s->data + s->bytes, data, bytes);
    s->bytes += bytes;
    s->data[s->bytes] = '\0';
}

void strbuf_add_text(struct strbuf *s, const char *text)
{
    strbuf_add(s, text, strlen(text));
}

void strbuf_add_format(struct strbuf *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (bytes < 0 || !make_room(s, (size_t)bytes))
        return;
    va_start(args, format);
    vsnprintf(s->data + s->bytes, (size_t)bytes + 1, format, args);
    va_end(args);
    s->bytes += (size_t)bytes;
}

const char *strbuf_text(const struct strbuf *s)
{
    return s->data ? s->data : "";
}

char *strbuf_take(struct strbuf *s)
{
    strbuf_add(s, "", 0);
    char *data = s->failed ? NULL : s->data;
    if (s->failed)
        free(s->data);
    *s = STRBUF_EMPTY;
    return data;
}
