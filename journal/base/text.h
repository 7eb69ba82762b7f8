/* text.h - bytes shown as text, losslessly.
 *
 * Names and command lines are bytes.  Shown (terminal, JSON), valid printable UTF-8 stays as it is; a
 * backslash becomes \\, a newline \n, a tab \t, every other control character and every byte that is
 * not valid UTF-8 becomes \xHH.  text_unescape() gives the bytes back. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/strbuf.h"

void text_escape(struct strbuf *out, const void *data, size_t bytes);
/* Of a whole text: newlines, tabs and backslashes stay, so it cannot be taken back. */
void text_escape_content(struct strbuf *out, const void *data, size_t bytes);
bool text_unescape(struct strbuf *out, const char *text); /* false: not such a text */
bool text_is_utf8(const void *data, size_t bytes);
/* Columns that text takes on a terminal: counts UTF-8 characters. */
size_t text_columns(const char *text);

#endif
