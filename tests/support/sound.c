/* sound.c - see sound.h. */
#include "tests/support/sound.h"

#include <stdio.h>

#include "journal/verify.h"
#include "tests/support/test.h"

static void keep_first(void *context, int64_t event, const char *says)
{
    struct told *told = context;
    (void)event;
    if (told->count++ == 0)
        snprintf(told->says, sizeof told->says, "%s", says);
}

struct told told_by_verify(int root)
{
    struct told told = {0};
    struct error err = ERROR_NONE;
    struct verify_result result;
    const struct verify_wish wish = {0};
    if (verify_journal(root, &wish, keep_first, &told, &result, &err) < 0)
        fail_msg("%s", err.message);
    return told;
}

void assert_journal_sound(int root)
{
    struct told told = told_by_verify(root);
    if (told.count)
        fail_msg("%s", told.says);
}
