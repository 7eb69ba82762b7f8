/* redact.c - see redact.h.
 *
 * What could be the beginning of a value waits for what follows: a value that comes in two pieces
 * is found, too. */
#include "launcher/redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/json.h"

struct piece {
    const char *name; /* of the secret, borrowed from `names` */
    char *bytes;      /* owned */
    size_t count;
    const char *next; /* where it is in the text that is looked at; NULL: nowhere */
};

struct redactor {
    char names[SECRETS_LIMIT][VARIABLE_NAME_LIMIT];
    struct piece *pieces;
    size_t piece_count;
    size_t longest;
    int fd;
    struct strbuf text; /* not yet written */
    uint64_t taken;
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
    if ((*r)->text.data)
        explicit_bzero((*r)->text.data, (*r)->text.room);
    strbuf_release(&(*r)->text);
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
    struct piece *more = realloc(r->pieces, (r->piece_count + 1) * sizeof *more);
    char *copy = malloc(count);
    if (more)
        r->pieces = more;
    if (!more || !copy) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, bytes, count);
    r->pieces[r->piece_count++] = (struct piece){.name = name, .bytes = copy, .count = count};
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
static int add_secret(struct redactor *r, const char *name, const struct secret *s)
{
    size_t bytes = s->bytes;
    while (bytes && s->value[bytes - 1] == '\n')
        bytes--;
    TRY(add_forms(r, name, s->value, bytes));
    for (const char *at = s->value; at < s->value + bytes;) {
        const char *end = memchr(at, '\n', (size_t)(s->value + bytes - at));
        size_t line = end ? (size_t)(end - at) : (size_t)(s->value + bytes - at);
        if (line >= 2 * REDACT_SHORTEST)
            TRY(add_forms(r, name, at, line));
        at += line + 1;
    }
    return 0;
}

int redactor_new(const struct secrets *all, struct redactor **out, struct error *err)
{
    CLEANUP(redactor_free) struct redactor *r = calloc(1, sizeof *r);
    int failed = r ? 0 : -ENOMEM;
    for (size_t i = 0; failed == 0 && i < all->count; i++) {
        memcpy(r->names[i], all->items[i].name, sizeof r->names[i]);
        failed = add_secret(r, r->names[i], &all->items[i]);
    }
    if (failed < 0)
        return error_say(err, ENOMEM, "no memory to take secrets out");
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
    for (size_t i = 0; i < r->piece_count; i++)
        r->pieces[i].next = memmem(at, r->text.bytes, r->pieces[i].bytes, r->pieces[i].count);
    for (const struct piece *p = find(r, at, end); p && p->next < decided; p = find(r, at, end)) {
        TRY(fd_write_all(r->fd, at, (size_t)(p->next - at)));
        TRY(write_name(r, p->name));
        r->taken++;
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

uint64_t redactor_taken(const struct redactor *r)
{
    return r->taken;
}
