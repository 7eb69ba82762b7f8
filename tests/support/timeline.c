/* timeline.c - see timeline.h. */
#include "tests/support/timeline.h"

#include <inttypes.h>

#include "journal/base/strbuf.h"
#include "journal/undo.h"
#include "journal/verify.h"
#include "tests/support/tree.h"

#define REFUSED "err 17 " /* EEXIST */

struct moment moment_now(struct mount *m)
{
    uint64_t last = mount_last_event(m); /* drains */
    return (struct moment){.tree = tree_text(m->root), .event = last};
}

void moment_forget(struct moment *then)
{
    free(then->tree);
    then->tree = NULL;
}

void assert_is_as(struct mount *m, const char *tree, const char *what)
{
    char *now = tree_text(m->root);
    bool same = tree_text_same(tree, now);
    free(now);
    if (!same)
        fail_msg("%s: the tree is another one", what);
}

struct selection selection_span(uint64_t first, uint64_t last)
{
    size_t count = last < first ? 0 : (size_t)(last - first + 1);
    uint64_t *ids = calloc(count + 1, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = first + i;
    return (struct selection){ids, count};
}

static uint64_t ask_undo(struct mount *m, const struct selection *which, bool *refused)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    uint64_t undo = 0;
    strbuf_add_text(&request, "undo ids=");
    for (size_t i = 0; i < which->count; i++)
        strbuf_add_format(&request, "%s%" PRIu64, i ? "," : "", which->ids[i]);
    char *reply = mount_ask(m, request.data);
    *refused = strncmp(reply, REFUSED, strlen(REFUSED)) == 0;
    if (!*refused && sscanf(reply, "ok undo=%" SCNu64, &undo) != 1)
        fail_msg("the undo failed: %s", reply);
    print_message("%.300s\n= %s\n", request.data, reply);
    free(reply);
    return undo;
}

uint64_t take_back(struct mount *m, const struct selection *which)
{
    bool refused = false;
    return which->count ? ask_undo(m, which, &refused) : 0;
}

void take_forth(struct mount *m, uint64_t undo)
{
    struct error err = ERROR_NONE;
    struct selection steps = {0};
    bool refused = false;
    if (undo_steps(m->root, undo, &steps.ids, &steps.count, &err) < 0)
        fail_msg("the steps of undo #%" PRIu64 ": %s", undo, err.message);
    if (steps.count && ask_undo(m, &steps, &refused) == 0)
        fail_msg("undo #%" PRIu64 " cannot be redone", undo);
    free(steps.ids);
}

void there_and_back(struct mount *m, const struct selection *which, const char *then,
                    const char *now, const char *what)
{
    bool refused = false;
    uint64_t undo = ask_undo(m, which, &refused);
    if (refused)
        fail_msg("%s: refused", what);
    assert_is_as(m, then, what);
    if (undo)
        take_forth(m, undo);
    assert_is_as(m, now, "the redo");
}

static void tell_problem(void *context, int64_t event, const char *says)
{
    (void)context;
    print_message("#%" PRId64 " %s\n", event, says);
}

void assert_verified(struct mount *m)
{
    const struct verify_wish wish = {0};
    struct verify_result result = {0};
    struct error err = ERROR_NONE;
    if (verify_journal(m->root, &wish, tell_problem, NULL, &result, &err) < 0)
        fail_msg("verify: %s", err.message);
    if (result.problems)
        fail_msg("verify finds %" PRIu64 " problems", result.problems);
}
