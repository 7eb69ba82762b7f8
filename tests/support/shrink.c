/* shrink.c - see shrink.h.  Leaves out ever smaller pieces, as long as leaving one out changes
 * nothing. */
#include "tests/support/shrink.h"

#include <stdlib.h>
#include <string.h>

struct shrinking {
    bool *kept;
    size_t count;
    unsigned tries;
    shrink_fails *fails;
    void *context;
};

static size_t left(const struct shrinking *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->kept[i];
    return n;
}

/* Marks off `piece` of the kept ones, the first of them at *from; *from: behind them. */
static void leave_out(const struct shrinking *s, bool *trial, size_t *from, size_t piece)
{
    memcpy(trial, s->kept, s->count * sizeof *trial);
    for (; *from < s->count && piece > 0; (*from)++) {
        piece -= trial[*from];
        trial[*from] = false;
    }
}

/* Could anything be left out? */
static bool pass(struct shrinking *s, bool *trial, size_t piece)
{
    bool shorter = false;
    for (size_t from = 0; from < s->count && s->tries > 0;) {
        leave_out(s, trial, &from, piece);
        if (memcmp(trial, s->kept, s->count * sizeof *trial) == 0)
            continue;
        s->tries--;
        if (!s->fails(s->context, trial))
            continue;
        memcpy(s->kept, trial, s->count * sizeof *trial);
        shorter = true;
    }
    return shorter;
}

size_t shrink(bool *kept, size_t count, unsigned tries, shrink_fails *fails, void *context)
{
    struct shrinking s = {kept, count, tries, fails, context};
    bool *trial = calloc(count + 1, sizeof *trial);
    size_t piece = (left(&s) + 1) / 2;
    while (trial && piece > 0 && s.tries > 0)
        if (!pass(&s, trial, piece) || piece > 1)
            piece /= 2;
    free(trial);
    return left(&s);
}
