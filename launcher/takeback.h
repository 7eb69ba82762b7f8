/* takeback.h - what undo and redo have in common: chosen events are planned, shown, asked about and
 * taken back.
 *
 * The plan is shown before anything is touched.  Where a daemon runs it applies the plan, so that
 * the kernel hears of it; else this process does, under the workspace's lock, with a plan made anew
 * there. */
#ifndef LAUNCHER_TAKEBACK_H
#define LAUNCHER_TAKEBACK_H

#include "journal/undo.h"
#include "launcher/cli.h"
#include "launcher/look.h"
#include "launcher/render.h"

struct takeback {
    const struct cli_verb *verb;
    const char *nothing; /* what is said where there is nothing to do */
    bool redo;           /* the events are steps of an undo */
    bool skip;           /* enum undo_how, as typed */
    bool force;
    bool dependents;
    bool dry_run;
    bool yes;
    bool json;
    struct look look;
    struct screen screen; /* stdout */
    struct strbuf title;  /* "This takes back …" */
    uint64_t *ids;
    size_t count;
    size_t room;
    struct undo_plan *plan;
    struct undo_result result;
};

void takeback_release(struct takeback *back);
/* Looks at the journal; an undo that was cut off is finished first. */
MUST_USE int takeback_open(struct takeback *back, const struct cli *cli, struct error *err);
/* The options about conflicts, for the table of a verb. */
#define TAKEBACK_OPTIONS(back)                                                                     \
    {"skip-conflicts", 0, OPTION_FLAG, &(back).skip, NULL, "leave what is in conflict as it is"},  \
        {"force",       0,    OPTION_FLAG,                                                         \
         &(back).force, NULL, "replace what was changed outside (a copy is kept)"},                \
        {"with-dependents",  0,    OPTION_FLAG,                                                    \
         &(back).dependents, NULL, "take later events back too that stand in the way"},            \
        {"dry-run", 'n', OPTION_FLAG, &(back).dry_run, NULL, "show the plan, change nothing"},     \
        {"yes", 'y', OPTION_FLAG, &(back).yes, NULL, "do not ask"},                                \
    {                                                                                              \
        "json", 'j', OPTION_FLAG, &(back).json, NULL, "plan and result as one JSON object"         \
    }

unsigned takeback_how(const struct takeback *back); /* enum undo_how */
/* 0 or -ENOMEM. */
MUST_USE int takeback_add(struct takeback *back, uint64_t event);
/* Exit code, or -errno. */
MUST_USE int takeback_run(struct takeback *back, struct error *err);

#endif
