/* sound.c - see sound.h. */
#include "tests/support/sound.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

static void keep_first(void *context, int64_t event, const char *says)
{
    struct told *told = context;
    if (told->count++ > 0)
        return;
    told->event = event;
    snprintf(told->says, sizeof told->says, "%s", says);
}

struct told told_by_verify_as(int root, const struct verify_wish *wish,
                              struct verify_result *result)
{
    struct told told = {0};
    struct error err = ERROR_NONE;
    if (verify_journal(root, wish, keep_first, &told, result, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(told.count, result->problems);
    return told;
}

struct told told_by_verify(int root)
{
    struct verify_result result;
    return told_by_verify_as(root, &(struct verify_wish){0}, &result);
}

void assert_journal_sound(int root)
{
    struct told told = told_by_verify(root);
    if (told.count)
        fail_msg("%s", told.says);
}

void assert_journal_tells(int root, const char *words)
{
    struct told told = told_by_verify(root);
    if (told.count == 0 || !strstr(told.says, words))
        fail_msg("wanted \"%s\", got \"%s\"", words, told.count ? told.says : "sound");
}
