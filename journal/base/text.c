/* text.c - see text.h. */
#include "journal/base/text.h"

#include <string.h>

/* Bytes of the valid UTF-8 sequence (RFC 3629) at s, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : n;
}

bool text_is_utf8(const void *data, size_t bytes)
{
    const unsigned char *s = data;
    size_t n = 1;
    for (size_t i = 0; i < bytes && n > 0; i += n)
        n = utf8_sequence(s + i, bytes - i);
    return n > 0;
}

static unsigned code_point(const unsigned char *s, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned code = s[0] & first[n];
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (s[i] & 0x3f);
    return code;
}

/* C1 controls, what is not seen, and what turns the direction of a line can hide what a name is. */
static bool is_deceptive(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned from, to;
    } hidden[] = {
        {0x80, 0x9f},     {0xad, 0xad},     {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };
    unsigned code = n > 1 ? code_point(s, n) : 0;
    for (size_t i = 0; code && i < COUNT_OF(hidden); i++)
        if (code >= hidden[i].from && code <= hidden[i].to)
            return true;
    return false;
}

/* kept: bytes that stay as they are. */
static void escape_but(struct strbuf *out, const void *data, size_t bytes, const char *kept)
{
    const unsigned char *s = data;
    for (size_t i = 0; i < bytes;) {
        size_t n = utf8_sequence(s + i, bytes - i);
        if (s[i] && strchr(kept, s[i]))
            strbuf_add(out, s + i, 1);
        else if (s[i] == '\\')
            strbuf_add_text(out, "\\\\");
        else if (s[i] == '\n')
            strbuf_add_text(out, "\\n");
        else if (s[i] == '\t')
            strbuf_add_text(out, "\\t");
        else if (n == 0 || s[i] < 0x20 || s[i] == 0x7f)
            strbuf_add_format(out, "\\x%02x", s[i]);
        else if (is_deceptive(s + i, n))
            for (size_t k = 0; k < n; k++)
                strbuf_add_format(out, "\\x%02x", s[i + k]);
        else
            strbuf_add(out, s + i, n);
        i += n ? n : 1;
    }
    strbuf_add(out, "", 0);
}

void text_escape(struct strbuf *out, const void *data, size_t bytes)
{
    escape_but(out, data, bytes, "");
}

void text_escape_content(struct strbuf *out, const void *data, size_t bytes)
{
    escape_but(out, data, bytes, "\n\t\\");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool text_unescape(struct strbuf *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at != '\\') {
            strbuf_add(out, at, 1);
            continue;
        }
        at++;
        if (*at == '\\' || *at == 'n' || *at == 't') {
            strbuf_add(out, *at == 'n' ? "\n" : *at == 't' ? "\t" : "\\", 1);
        } else if (*at == 'x' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            unsigned char byte = (unsigned char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
            strbuf_add(out, &byte, 1);
            at += 2;
        } else {
            return false;
        }
    }
    strbuf_add(out, "", 0);
    return true;
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    for (const char *at = text; *at; at++)
        columns += ((unsigned char)*at & 0xc0) != 0x80;
    return columns;
}
