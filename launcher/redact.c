/* redact.c - see redact.h.
 *
 * What could be the beginning of a value waits for what follows: a value that comes in two pieces
 * is found, too. */
#include "launcher/redact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/base/list.h"
#include "journal/base/text.h"
#include "launcher/json.h"

#define PIECES_LIMIT 10000

struct piece {
    char name[VARIABLE_NAME_LIMIT]; /* of the secret */
    char *bytes;                    /* owned */
    size_t count;
    const char *next; /* where it is in the text that is looked at; NULL: nowhere */
};

struct redactor {
    struct piece *pieces;
    size_t piece_count, piece_room;
    size_t longest;
    int fd;
    struct strbuf text; /* not yet written */
};

void redactor_free(struct redactor **r)
{
    if (!*r)
        return;
    for (size_t i = 0; i < (*r)->piece_count; i++) {
        explicit_bzero((*r)->pieces[i].bytes, (*r)->pieces[i].count);
        free((*r)->pieces[i].bytes);
    }
    free((*r)->pieces);
    strbuf_wipe(&(*r)->text);
    free(*r);
    *r = NULL;
}

/* ---- what is looked for ---- */

static bool is_known(const struct redactor *r, const char *bytes, size_t count)
{
    for (size_t i = 0; i < r->piece_count; i++)
        if (r->pieces[i].count == count && memcmp(r->pieces[i].bytes, bytes, count) == 0)
            return true;
    return false;
}

static int add_piece(struct redactor *r, const char *name, const char *bytes, size_t count)
{
    if (count < REDACT_SHORTEST || is_known(r, bytes, count))
        return 0;
    if (r->piece_count == PIECES_LIMIT)
        return -E2BIG;
    struct piece *more = list_grown(r->pieces, r->piece_count, &r->piece_room, sizeof *more);
    char *copy = malloc(count);
    if (more)
        r->pieces = more;
    if (!more || !copy) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, bytes, count);
    struct piece *p = &r->pieces[r->piece_count++];
    *p = (struct piece){.bytes = copy, .count = count};
    snprintf(p->name, sizeof p->name, "%s", name);
    r->longest = count > r->longest ? count : r->longest;
    return 0;
}

/* Between the quotes of {"":"…"}. */
static int add_as_json(struct redactor *r, const char *name, const char *bytes, size_t count,
                       bool escaped)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(json_free) struct json *j = json_new();
    strbuf_add(&text, bytes, count);
    if (escaped)
        json_bytes(j, "", bytes, count);
    else
        json_exact(j, "", strbuf_text(&text));
    if (text.failed || json_line(j, &line, NULL) < 0)
        return -ENOMEM;
    static const char before[] = "{\"\":\"";
    static const char after[] = "\"}\n";
    if (line.bytes < sizeof before + sizeof after)
        return 0;
    return add_piece(r, name, line.data + sizeof before - 1,
                     line.bytes - (sizeof before - 1) - (sizeof after - 1));
}

static int add_forms(struct redactor *r, const char *name, const char *bytes, size_t count)
{
    CLEANUP(strbuf_release) struct strbuf escaped = STRBUF_EMPTY;
    text_escape(&escaped, bytes, count);
    int failed = escaped.failed ? -ENOMEM : add_piece(r, name, bytes, count);
    if (failed == 0)
        failed = add_piece(r, name, strbuf_text(&escaped), escaped.bytes);
    if (failed == 0)
        failed = add_as_json(r, name, bytes, count, true);
    if (failed == 0 && text_is_utf8(bytes, count) && !memchr(bytes, '\0', count))
        failed = add_as_json(r, name, bytes, count, false);
    return failed;
}

/* The lines of a value may come apart: in a log with the time before each. */
static int add_secret(struct redactor *r, const struct secret *s)
{
    size_t bytes = s->bytes;
    while (bytes && s->value[bytes - 1] == '\n')
        bytes--;
    TRY(add_forms(r, s->name, s->value, bytes));
    for (const char *at = s->value; at < s->value + bytes;) {
        const char *end = memchr(at, '\n', (size_t)(s->value + bytes - at));
        size_t line = end ? (size_t)(end - at) : (size_t)(s->value + bytes - at);
        if (line >= 2 * REDACT_SHORTEST)
            TRY(add_forms(r, s->name, at, line));
        at += line + 1;
    }
    return 0;
}

int redactor_learn(struct redactor *r, const struct secrets *all, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < all->count; i++)
        failed = add_secret(r, &all->items[i]);
    return failed < 0 ? error_set(err, -failed, "take secrets out") : 0;
}

int redactor_new(const struct secrets *all, struct redactor **out, struct error *err)
{
    CLEANUP(redactor_free) struct redactor *r = calloc(1, sizeof *r);
    if (!r)
        return error_say(err, ENOMEM, "no memory to take secrets out");
    TRY(redactor_learn(r, all, err));
    *out = r;
    r = NULL;
    return 0;
}

/* ---- taking out ---- */

void redactor_begin(struct redactor *r, int fd)
{
    r->fd = fd;
    strbuf_clear(&r->text);
}

static void look(struct redactor *r, const char *text, size_t bytes)
{
    for (size_t i = 0; i < r->piece_count; i++)
        r->pieces[i].next = memmem(text, bytes, r->pieces[i].bytes, r->pieces[i].count);
}

/* The first that is found from at on; of two at one place the longer one. */
static const struct piece *find(struct redactor *r, const char *at, const char *end)
{
    const struct piece *first = NULL;
    for (size_t i = 0; i < r->piece_count; i++) {
        struct piece *p = &r->pieces[i];
        if (p->next && p->next < at)
            p->next = memmem(at, (size_t)(end - at), p->bytes, p->count);
        if (p->next && (!first || p->next < first->next ||
                        (p->next == first->next && p->count > first->count)))
            first = p;
    }
    return first;
}

static int write_name(const struct redactor *r, const char *name)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    strbuf_add_format(&text, "[secret %s]", name);
    return fd_write_all(r->fd, strbuf_text(&text), text.bytes);
}

/* Leaves as much at the end as could begin a value, or go on to be a longer one. */
static int pass_on(struct redactor *r, bool all)
{
    const char *at = r->text.data;
    const char *end = at + r->text.bytes;
    size_t keep = all || !r->longest ? 0 : r->longest - 1;
    const char *decided = r->text.bytes > keep ? end - keep : at; /* what begins before it */
    look(r, at, r->text.bytes);
    for (const struct piece *p = find(r, at, end); p && p->next < decided; p = find(r, at, end)) {
        TRY(fd_write_all(r->fd, at, (size_t)(p->next - at)));
        TRY(write_name(r, p->name));
        at = p->next + p->count;
    }
    if (at < decided) {
        TRY(fd_write_all(r->fd, at, (size_t)(decided - at)));
        at = decided;
    }
    r->text.bytes = (size_t)(end - at);
    memmove(r->text.data, at, r->text.bytes);
    return 0;
}

int redactor_feed(struct redactor *r, const char *data, size_t bytes, struct error *err)
{
    strbuf_add(&r->text, data, bytes);
    if (r->text.failed)
        return error_say(err, ENOMEM, "no memory to take secrets out");
    int failed = r->text.bytes > 2 * r->longest ? pass_on(r, false) : 0;
    return failed < 0 ? error_set(err, -failed, "write what was collected") : 0;
}

int redactor_end(struct redactor *r, struct error *err)
{
    int failed = r->text.bytes ? pass_on(r, true) : 0;
    return failed < 0 ? error_set(err, -failed, "write what was collected") : 0;
}

/* ---- a text by itself ---- */

/* Bytes of text before what could be the beginning of a value that was cut off. */
static size_t before_cut(const struct redactor *r, const char *text, size_t bytes)
{
    size_t left = bytes;
    for (size_t i = 0; i < r->piece_count; i++) {
        const struct piece *p = &r->pieces[i];
        size_t most = p->count - 1 < bytes ? p->count - 1 : bytes;
        for (size_t n = most; n >= REDACT_SHORTEST && bytes - n < left; n--)
            if (memcmp(text + bytes - n, p->bytes, n) == 0)
                left = bytes - n;
    }
    return left;
}

void redactor_text(struct redactor *r, char *text, size_t room)
{
    CLEANUP(strbuf_release) struct strbuf out = STRBUF_EMPTY;
    size_t bytes = strlen(text);
    if (bytes + 1 >= room)
        bytes = before_cut(r, text, bytes);
    const char *at = text;
    const char *end = text + bytes;
    look(r, text, bytes);
    for (const struct piece *p = find(r, at, end); p; p = find(r, at, end)) {
        strbuf_add(&out, at, (size_t)(p->next - at));
        strbuf_add_format(&out, "[secret %s]", p->name);
        at = p->next + p->count;
    }
    strbuf_add(&out, at, (size_t)(end - at));
    snprintf(text, room, "%s", out.failed ? "" : strbuf_text(&out)); /* rather nothing */
}
