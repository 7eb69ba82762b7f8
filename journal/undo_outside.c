/* undo_outside.c - what an undo finds changed outside is put on record before it is touched. */
#include "journal/db.h"
#include "journal/outside.h"
#include "journal/undo_plan.h"

size_t undo_plan_outside(const struct undo_plan *plan)
{
    return plan->outside_count;
}

int undo_note_outside(struct journal *j, int root, const struct undo_plan *plan,
                      struct actor_ref who, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    if (plan->outside_count == 0)
        return 0;
    TRY(db_open_in(root, DB_READ, &db, err));
    for (size_t i = 0; i < plan->outside_count; i++) {
        const struct undo_outside *o = &plan->outside[i];
        int noted = outside_is_noted(db, o->path, &o->found, err);
        TRY(noted);
        if (!noted)
            journal_note_external(j, who, o->path, &o->known, &o->found);
    }
    return journal_drain(j, err);
}
