/* spans.c - see spans.h. */
#include "journal/spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "FORMAT.md: little-endian");

void spans_release(struct spans *s)
{
    free(s->list);
    *s = SPANS_NONE;
}

static int push(struct spans *s, struct span span)
{
    struct span *list = list_grown(s->list, s->count, &s->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    s->list = list;
    s->list[s->count++] = span;
    return 0;
}

int spans_add(struct spans *s, uint64_t number)
{
    struct span *last = s->count ? &s->list[s->count - 1] : NULL;
    if (!last || last->last + 1 != number)
        return push(s, (struct span){number, number});
    last->last = number;
    return 0;
}

bool spans_have(const struct spans *s, uint64_t number)
{
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->list[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->list[low].first <= number;
}

void spans_bind(struct stmt *q, int at, const struct spans *s)
{
    if (s->count > 0)
        stmt_bind_bytes(q, at, s->list, s->count * sizeof *s->list);
}

int spans_read(struct stmt *q, int column, struct spans *out)
{
    size_t bytes = 0;
    const unsigned char *data = stmt_bytes(q, column, &bytes);
    if (bytes % sizeof(struct span) != 0)
        return -EBADMSG;
    for (size_t at = 0; at < bytes; at += sizeof(struct span)) {
        struct span span;
        const struct span *last = out->count ? &out->list[out->count - 1] : NULL;
        memcpy(&span, data + at, sizeof span);
        if (span.first > span.last || span.last > INT64_MAX || (last && span.first <= last->last))
            return -EBADMSG;
        TRY(push(out, span));
    }
    return 0;
}
