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
/* 0 or -ENOMEM. */
MUST_USE int takeback_add(struct takeback *back, uint64_t event);
/* Exit code, or -errno. */
MUST_USE int takeback_run(struct takeback *back, struct error *err);

#endif
