/* unfinished.c - see unfinished.h. */
#include "launcher/unfinished.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/base/log.h"
#include "launcher/plan.h"

int unfinished_resume(struct look *look, unsigned *finished, struct error *err)
{
    CLEANUP(journal_close) struct journal *journal = NULL;
    TRY(look_take_journal(look, &journal, err));
    if (journal)
        return undo_resume(journal, look->workspace.root, finished, err);
    TRY(control_ask(&look->daemon, "undo-resume", NULL, NULL, err));
    *finished = (unsigned)control_number(&look->daemon, "finished");
    return 0;
}

void unfinished_tell(const struct look *look)
{
    struct undo_unfinished u = {0};
    if (undo_find_unfinished(look->workspace.root, &u, NULL) == 0 && u.id)
        log_line("undo #%" PRIu64 " is not finished: ccfs undo --resume goes on with it, --abort "
                 "takes back what it did",
                 u.id);
}

/* ---- taking back ---- */

struct abort {
    struct undo_plan *plan; /* NULL where the daemon did it */
    struct undo_result result;
};

static void abort_release(struct abort *a)
{
    undo_plan_free(&a->plan);
}

static int abort_here(struct look *look, struct journal *journal, unsigned how, struct abort *out,
                      struct error *err)
{
    const struct actor_ref who = journal_actor(journal, getpid(), getuid(), getgid());
    const struct screen screen = screen_of(stderr);
    int r =
        undo_abort(journal, look->workspace.root, how, who, NULL, &out->plan, &out->result, err);
    if (out->plan && (r == 0 || r == -EEXIST) && plan_print_conflicts(out->plan, &screen) < 0)
        return error_set(err, ENOMEM, "show what is in the way");
    return r;
}

static int abort_by_daemon(struct look *look, unsigned how, struct abort *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    strbuf_add_text(&request, "undo-abort");
    control_add_number(&request, "how", how);
    if (request.failed)
        return error_set(err, ENOMEM, "ask the daemon");
    TRY(control_ask(&look->daemon, strbuf_text(&request), NULL, NULL, err));
    out->result = (struct undo_result){.undo = control_number(&look->daemon, "undo")};
    return 0;
}

static int take_back(struct look *look, unsigned how, struct abort *out, struct error *err)
{
    CLEANUP(journal_close) struct journal *journal = NULL;
    TRY(look_take_journal(look, &journal, err));
    return journal ? abort_here(look, journal, how, out, err)
                   : abort_by_daemon(look, how, out, err);
}

/* ---- the two options ---- */

static int resume(struct look *look, uint64_t undo, bool json, struct error *err)
{
    unsigned finished = 0;
    TRY(unfinished_resume(look, &finished, err));
    if (json)
        printf("{\"unfinished\":%" PRIu64 ",\"finished\":%u}\n", undo, finished);
    else
        printf("undo #%" PRIu64 " is finished\n", undo);
    return EXIT_DONE;
}

static int abort_undo(struct look *look, uint64_t undo, unsigned how, bool json, struct error *err)
{
    CLEANUP(abort_release) struct abort a = {0};
    const struct undo_conflict *skipped = NULL;
    TRY(take_back(look, how, &a, err));
    if (json)
        printf("{\"unfinished\":%" PRIu64 ",\"taken_back_by\":%" PRIu64 "}\n", undo, a.result.undo);
    else
        printf("undo #%" PRIu64 " is taken back\n", undo);
    return a.plan && undo_plan_skipped(a.plan, &skipped) ? EXIT_CONFLICT : EXIT_DONE;
}

int unfinished_settle(struct look *look, enum unfinished_wish wish, unsigned how, bool json,
                      struct error *err)
{
    struct undo_unfinished u = {0};
    TRY(undo_find_unfinished(look->workspace.root, &u, err));
    if (!u.id) {
        puts(json ? "{\"unfinished\":null}" : "no undo is unfinished");
        return EXIT_DONE;
    }
    return wish == UNFINISHED_RESUME ? resume(look, u.id, json, err)
                                     : abort_undo(look, u.id, how, json, err);
}
