/* strbuf.h - bytes that grow; always NUL-terminated behind the last one. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/base/compiler.h"

struct strbuf {
    char *data; /* owned; never NULL after the first append */
    size_t bytes;
    size_t room;
    bool failed; /* memory ran out once: nothing more is appended; ask once, at the end */
};

#define STRBUF_EMPTY ((struct strbuf){0})

void strbuf_release(struct strbuf *s); /* CLEANUP(strbuf_release) struct strbuf s = STRBUF_EMPTY; */
/* The same for what holds a secret: nothing of it stays in memory that is given back here. */
void strbuf_wipe(struct strbuf *s); /* CLEANUP(strbuf_wipe) */
void strbuf_clear(struct strbuf *s);
void strbuf_add(struct strbuf *s, const void *data, size_t bytes);
void strbuf_add_text(struct strbuf *s, const char *text);
void strbuf_add_format(struct strbuf *s, const char *format, ...) PRINTF_LIKE(2, 3);
const char *strbuf_text(const struct strbuf *s); /* "" when empty */
/* The bytes become the caller's (free()); NULL when memory ran out. */
char *strbuf_take(struct strbuf *s);

#endif
