/* plan.h - what an undo is going to do, in the user's words, and as JSON. */
#ifndef LAUNCHER_PLAN_H
#define LAUNCHER_PLAN_H

#include "journal/undo.h"
#include "launcher/json.h"
#include "launcher/render.h"

/* At most about twenty lines, then "… and N more".  redo: it takes an undo back. */
MUST_USE int plan_print(const struct undo_plan *plan, const struct screen *screen, bool redo);
/* What stands in the way. */
MUST_USE int plan_print_conflicts(const struct undo_plan *plan, const struct screen *screen);
/* Fills the open object: events, items, conflicts. */
void plan_json(const struct undo_plan *plan, struct json *j);

#endif
