/* undo_make.c - from a selection of events to a plan; see undo_make.h.
 *
 *   (1) A plan is computed from the journal and the present tree alone; nothing is touched
 * meanwhile. (2) Memory depends on what is selected and not on what came after it. */
#include "journal/undo_make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/schema.h"
#include "journal/sealed.h"
#include "journal/undo_check.h"
#include "journal/undo_effect.h"
#include "journal/undo_intact.h"
#include "journal/undo_item.h"
#include "journal/undo_name.h"
#include "journal/undo_order.h"
#include "journal/undo_pick.h"
#include "journal/undo_window.h"
#include "journal/vault.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* ---- the selection ---- */

struct maker {
    struct history *history;
    struct sealed *sealed;
    int root;
    struct undo_plan *plan;
    struct undo_tree tree;
    struct rewind rewind;
    struct vault *vault;
    struct intact intact;
    struct db *db;
    const struct pick *pick;
    uint64_t first;    /* the oldest event that is taken back */
    size_t steps_seen; /* of the undo that is being read */
    size_t steps_taken;
    struct error *err;
};

static bool was_applied(const struct event *e)
{
    return op_changes(e->op) && (e->outcome == OUTCOME_OK || e->outcome == OUTCOME_OPEN);
}

static int take_if_picked(const struct event *e, void *context)
{
    struct maker *m = context;
    if (!was_applied(e) || e->undone_by || !pick_takes(m->pick, e))
        return 0;
    if (ids_add(&m->plan->events, e->id) < 0)
        return no_memory(m->err);
    return rewind_expect(&m->rewind, e, m->err);
}

static int select_events(struct maker *m)
{
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = pick_first(m->pick);
    filter.last_id = pick_last(m->pick);
    if (filter.first_id)
        TRY(history_events(m->history, &filter, take_if_picked, m, m->err));
    m->first = m->plan->events.count ? m->plan->events.list[0] : 0;
    return 0;
}

/* ---- newest first ---- */

/* When every step of an earlier undo is taken back, so is that undo. */
static int note_undo(struct maker *m, const struct event *e, bool taken)
{
    if (e->op == OP_UNDO) {
        bool whole = m->steps_seen > 0 && m->steps_seen == m->steps_taken;
        m->steps_seen = m->steps_taken = 0;
        return whole && ids_add(&m->plan->redone, e->id) < 0 ? no_memory(m->err) : 0;
    }
    if ((e->flags & EVENT_BY_UNDO) && was_applied(e) && !e->undone_by) {
        m->steps_seen++;
        m->steps_taken += taken;
    }
    return 0;
}

static int rewind_one(const struct event *e, void *context)
{
    struct maker *m = context;
    bool taken = ids_have(&m->plan->events, e->id);
    TRY(note_undo(m, e, taken));
    if (!was_applied(e) || e->id < m->first)
        return 0;
    enum fate fate = taken                                        ? FATE_TAKEN
                     : e->undone_by || (e->flags & EVENT_BY_UNDO) ? FATE_CANCELLED
                                                                  : FATE_STAYS;
    return rewind_event(&m->rewind, e, fate, m->err);
}

static int note_id(const struct event *e, void *context)
{
    uint64_t *id = context;
    *id = e->id;
    return 0;
}

static int newest_id(struct maker *m, uint64_t *out)
{
    struct history_filter filter = HISTORY_ALL;
    filter.limit = 1;
    *out = 0;
    return history_events(m->history, &filter, note_id, out, m->err);
}

/* Down to the oldest selected event; if that is a step of an undo, down to where this undo begins.
 */
static int rewind_all(struct maker *m)
{
    uint64_t last;
    TRY(newest_id(m, &last));
    while (last > 0 && (last >= m->first || m->steps_taken > 0)) {
        uint64_t first = last > WINDOW ? last - WINDOW + 1 : 1;
        if (first < m->first && last >= m->first)
            first = m->first;
        TRY(window_walk(m->history, first, last, rewind_one, m, m->err));
        last = first - 1;
    }
    return 0;
}

/* One that is taken back itself is in nobody's way. */
static int newest_event_of(void *context, const char *path, uint64_t *out, struct error *err)
{
    struct maker *m = context;
    struct history_filter filter = HISTORY_ALL;
    filter.path = path;
    filter.first_id = m->first;
    filter.limit = 1;
    filter.changes_only = true;
    *out = 0;
    TRY(history_events(m->history, &filter, note_id, out, err));
    if (ids_have(&m->plan->events, *out))
        *out = 0;
    return 0;
}

/* ---- removed and still open ---- */

/* 1: the newest event before `event` that gave the object a name or took one took the last. */
static int lost_last_name(struct db *db, uint64_t object, uint64_t event, uint64_t *id,
                          struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "SELECT id, op=?3 OR (op=?4 AND b_nlink<2) FROM event"
                                 " WHERE object=?1 AND id<?2 AND op BETWEEN 1 AND 7 AND outcome=0"
                                 " ORDER BY id DESC LIMIT 1");
    stmt_bind_int(&s, 1, (int64_t)object);
    stmt_bind_int(&s, 2, (int64_t)event);
    stmt_bind_int(&s, 3, OP_RMDIR);
    stmt_bind_int(&s, 4, OP_UNLINK);
    int r = stmt_step(&s, err);
    *id = r == 1 ? (uint64_t)stmt_int(&s, 0) : 0;
    return r == 1 ? stmt_int(&s, 1) != 0 : r;
}

/* 1: a rename over its last name came between `first` and `event`. */
static int was_replaced(struct db *db, uint64_t object, uint64_t first, uint64_t event,
                        struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "SELECT 1 FROM event WHERE id>?1 AND id<?2 AND replaced=?3"
                                 " AND op=?4 AND outcome=0"
                                 " AND (r_nlink<2 OR (r_mode&61440)=16384) LIMIT 1");
    stmt_bind_int(&s, 1, (int64_t)first);
    stmt_bind_int(&s, 2, (int64_t)event);
    stmt_bind_int(&s, 3, (int64_t)object);
    stmt_bind_int(&s, 4, OP_RENAME);
    return stmt_step(&s, err);
}

static int was_nameless(void *context, uint64_t object, uint64_t event, bool *out,
                        struct error *err)
{
    const struct maker *m = context;
    uint64_t newest;
    int r = lost_last_name(m->db, object, event, &newest, err);
    if (r == 0)
        r = was_replaced(m->db, object, newest, event, err);
    *out = r > 0;
    return r < 0 ? r : 0;
}

/* What has nothing to do is out. */
static void leave_idle(struct undo_plan *plan)
{
    size_t kept = 0;
    ids_sort(&plan->idle);
    for (size_t i = 0; i < plan->events.count; i++)
        if (!ids_have(&plan->idle, plan->events.list[i]))
            plan->events.list[kept++] = plan->events.list[i];
    plan->events.count = kept;
}

/* What comes along is in. */
static int settle_events(struct maker *m)
{
    struct undo_plan *plan = m->plan;
    leave_idle(plan);
    for (size_t i = 0; i < plan->along.count; i++)
        if (ids_add(&plan->events, plan->along.list[i]) < 0)
            return no_memory(m->err);
    ids_sort(&plan->events);
    return 0;
}

/* ---- the plan ---- */

/* A cut-off undo has done half of what the journal says is not undone yet. */
static int check_finished(struct db *db, uint64_t aborted, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(db, "SELECT id FROM undo WHERE state=?1 AND id<>?2 LIMIT 1");
    stmt_bind_int(&s, 1, UNDO_PLANNED);
    stmt_bind_int(&s, 2, (int64_t)aborted);
    int r = stmt_step(&s, err);
    TRY(r);
    if (r == 1)
        return error_say(err, EBUSY,
                         "undo #%" PRIu64
                         " was cut off: finish it with ccfs undo --resume, or take "
                         "it back with ccfs undo --abort",
                         (uint64_t)stmt_int(&s, 0));
    return 0;
}

static void maker_release(struct maker *m)
{
    rewind_close(&m->rewind);
    tree_close(&m->tree);
    intact_close(&m->intact);
    vault_close(&m->vault);
    db_close(&m->db);
}

static int open_vault(struct maker *m)
{
    CLEANUP(fd_close) int state = fd_open_beneath(m->root, STATE_FOLDER, O_DIRECTORY, 0);
    if (state < 0)
        return error_set(m->err, -state, "open %s", STATE_FOLDER);
    return vault_open(state, &m->vault, m->err);
}

/* Where there is nothing to tell, each step would find all as it shall leave it. */
static void drop_steps(struct steps *steps)
{
    size_t kept = 0;
    while (kept < steps->count && steps->list[kept].kind <= STEP_REDONE)
        kept++;
    steps->count = kept;
}

/* What is said of a thing itself counts though it changes nothing, so that it is not in the way of
 * what came before it; names that all stay where they are do not. */
static int settle_effect(struct maker *m)
{
    struct undo_plan *plan = m->plan;
    if (!plan->item_count)
        TRY(items_add_times(&m->rewind, m->err));
    bool changes = plan->item_count || plan->redone.count;
    TRY(effect_settle(&m->rewind, changes, m->err));
    leave_idle(plan);
    if (plan->events.count == 0)
        plan->item_count = 0;
    return 0;
}

/* An undo believes no event that is not what it was when it was sealed, and no plan is forced. */
static int check_sealed(struct maker *m)
{
    for (size_t i = 0; i < m->plan->events.count; i++)
        TRY(sealed_check(m->sealed, m->plan->events.list[i], m->err));
    return 0;
}

static int make(struct maker *m)
{
    TRY(db_open_in(m->root, DB_READ, &m->db, m->err));
    TRY(check_finished(m->db, m->pick->aborted, m->err));
    TRY(open_vault(m));
    TRY(tree_open(&m->tree, m->root, &m->plan->memory, m->err));
    rewind_open(&m->rewind, &m->tree, m->vault, m->plan);
    TRY(intact_open(&m->intact, m->db, m->vault, m->err));
    m->rewind.intact = &m->intact;
    m->rewind.how = m->pick->how;
    m->rewind.db = m->db;
    m->rewind.newest = newest_event_of;
    m->rewind.newest_context = m;
    TRY(select_events(m));
    if (m->plan->events.count == 0)
        return 0;
    TRY(rewind_all(m));
    TRY(rewind_end(&m->rewind, was_nameless, m, m->err));
    TRY(settle_events(m));
    if (m->plan->events.count == 0 && m->plan->conflict_count == 0)
        return 0;
    TRY(check_plan(&m->rewind, m->err));
    TRY(name_conflicts(m->plan, m->history, m->err));
    TRY(items_make(&m->rewind, m->err));
    TRY(check_sealed(m));
    if (m->plan->conflict_count)
        return 0;
    TRY(settle_effect(m));
    if (m->plan->events.count == 0)
        return 0;
    TRY(order_steps(&m->rewind, m->err));
    if (!m->plan->item_count && !m->pick->aborted)
        drop_steps(&m->plan->steps);
    return 0;
}

/* One round: what is picked, as a plan. */
static int plan_picked(struct history *h, int root, const struct pick *pick, struct sealed *sealed,
                       struct undo_plan **out, struct error *err)
{
    CLEANUP(undo_plan_free) struct undo_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return no_memory(err);
    CLEANUP(maker_release)
    struct maker m = {.history = h,
                      .sealed = sealed,
                      .root = root,
                      .plan = plan,
                      .pick = pick,
                      .tree = {.dir = -1},
                      .err = err};
    TRY(make(&m));
    *out = plan;
    plan = NULL;
    return 0;
}

/* What was left out goes with the plan. */
static int hand_over_skipped(struct pick *pick, struct undo_plan *plan)
{
    for (size_t i = 0; i < pick->skipped_count; i++) {
        struct undo_conflict *c = &pick->skipped[i];
        c->path = arena_copy_text(&plan->memory, c->path);
        c->reason = arena_copy_text(&plan->memory, c->reason);
        if (!c->path || !c->reason)
            return -ENOMEM;
    }
    plan->skipped = pick->skipped;
    plan->skipped_count = pick->skipped_count;
    pick->skipped = NULL;
    return 0;
}

int undo_plan_make(struct history *h, int root, const uint64_t *ids, size_t count, unsigned how,
                   struct undo_plan **out, struct error *err)
{
    CLEANUP(ids_release) struct ids all = {0};
    for (size_t i = 0; i < count; i++)
        if (ids_add(&all, ids[i]) < 0)
            return no_memory(err);
    return plan_make(h, root, &all, how, 0, out, err);
}

int plan_make(struct history *h, int root, const struct ids *ids, unsigned how, uint64_t aborted,
              struct undo_plan **out, struct error *err)
{
    CLEANUP(undo_plan_free) struct undo_plan *plan = NULL;
    CLEANUP(sealed_close) struct sealed *sealed = NULL;
    CLEANUP(pick_release) struct pick pick;
    int again = pick_open(&pick, ids->list, ids->count, how);
    if (again < 0)
        return no_memory(err);
    pick.aborted = aborted;
    TRY(sealed_open(root, &sealed, err));
    do {
        undo_plan_free(&plan);
        TRY(plan_picked(h, root, &pick, sealed, &plan, err));
        again = plan->conflict_count ? pick_settle(&pick, h, plan, err) : 0;
        TRY(again);
    } while (again);
    if (hand_over_skipped(&pick, plan) < 0)
        return no_memory(err);
    *out = plan;
    plan = NULL;
    return 0;
}
