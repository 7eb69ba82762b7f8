/* history_search.c - a filter becomes SQL; see history_view.h.
 *
 * SQL is put together from constant pieces only; values are bound. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "journal/history_view.h"

#define FEW_PATHS 1000

enum bound {
    BOUND_PATH = 1,
    BOUND_BELOW,  /* "path/" … */
    BOUND_BEHIND, /* … up to "path0", which sorts just behind all of it */
    BOUND_SESSION,
    BOUND_SINCE,
    BOUND_UNTIL,
    BOUND_OP,
    BOUND_OUTCOME,
    BOUND_FIRST,
    BOUND_LAST,
    BOUND_ACTOR,
};

#define IDS_OF_PATH                                                                                \
    "(SELECT id FROM path WHERE bytes=?1 UNION ALL"                                                \
    " SELECT id FROM path WHERE bytes>=?2 AND bytes<?3)"
/* Few paths: their events by index.  Many: event by event, newest first is found soon. */
#define BY_FEW_PATHS                                                                               \
    " AND e.id IN (SELECT id FROM event WHERE path IN " IDS_OF_PATH                                \
    " UNION SELECT id FROM event WHERE path2 IS NOT NULL AND path2 IN " IDS_OF_PATH ")"
#define BY_MANY_PATHS " AND (+e.path IN " IDS_OF_PATH " OR +e.path2 IN " IDS_OF_PATH ")"

/* A process, what it became by exec, and what descends from either. */
#define BY_ACTOR(wanted)                                                                           \
    " AND e.id IN (SELECT id FROM event WHERE proc IN (WITH RECURSIVE kin(id) AS ("                \
    "SELECT id FROM proc WHERE " wanted                                                            \
    " UNION SELECT p.id FROM kin k JOIN proc p ON p.parent=k.id"                                   \
    " UNION SELECT p.id FROM kin k JOIN proc o ON o.id=k.id"                                       \
    " JOIN proc p ON p.pid=o.pid AND p.started=o.started AND p.id>o.id)"                           \
    " SELECT id FROM kin))"
#define BY_PID BY_ACTOR("pid=?11")
#define BY_EXE BY_ACTOR("CAST(exe AS TEXT) GLOB ?11")

/* What an agent did or tried, and undos: the rest only says when the journal ran and was read. */
#define IS_DEED " AND (e.op<32 OR e.op IN (35,39,40))"
#define NEWEST_FIRST " ORDER BY e.id DESC"

void search_done(struct search *search)
{
    strbuf_release(&search->below);
    strbuf_release(&search->behind);
    strbuf_release(&search->exe);
}

static void bind_path(const struct search *search, struct stmt *s)
{
    const char *path = search->filter->path;
    stmt_bind_bytes(s, BOUND_PATH, path, strlen(path));
    stmt_bind_bytes(s, BOUND_BELOW, search->below.data, search->below.bytes);
    stmt_bind_bytes(s, BOUND_BEHIND, search->behind.data, search->behind.bytes);
}

static int count_paths(struct history *h, struct search *search, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(h->db, "SELECT count(*) FROM (SELECT 1 FROM path"
                                    " WHERE bytes>=?2 AND bytes<?3 AND bytes IS NOT ?1 LIMIT ?4)");
    bind_path(search, &s);
    stmt_bind_int(&s, 4, FEW_PATHS);
    TRY(stmt_step(&s, err));
    search->few_paths = stmt_int(&s, 0) < FEW_PATHS;
    return 0;
}

static bool is_pid(const char *actor)
{
    return *actor && strlen(actor) <= 10 && strspn(actor, "0123456789") == strlen(actor);
}

/* A glob without a slash is about the program's name, wherever it lies. */
static void prepare_actor(struct search *search)
{
    const char *actor = search->filter->actor;
    search->by_pid = actor && is_pid(actor);
    if (actor && !search->by_pid)
        strbuf_add_format(&search->exe, "%s%s", strchr(actor, '/') ? "" : "*/", actor);
}

int search_prepare(struct history *h, const struct history_filter *filter, struct search *search,
                   struct error *err)
{
    search->filter = filter;
    prepare_actor(search);
    search->by_path = filter->path && *filter->path;
    search->first_id = filter->first_id;
    search->last_id = filter->last_id;
    if (search->by_path) {
        strbuf_add_format(&search->below, "%s/", filter->path);
        strbuf_add_format(&search->behind, "%s0", filter->path);
    }
    if (search->below.failed || search->behind.failed || search->exe.failed)
        return error_set(err, ENOMEM, "read the journal");
    return search->by_path ? count_paths(h, search, err) : 0;
}

struct stmt search_query(struct history *h, const struct search *search, const char *select,
                         const char *order)
{
    const struct history_filter *f = search->filter;
    const char *by_path = search->few_paths ? BY_FEW_PATHS : BY_MANY_PATHS;
    CLEANUP(strbuf_release) struct strbuf sql = STRBUF_EMPTY;
    strbuf_add_format(&sql, "%s WHERE 1%s%s%s%s%s%s%s%s%s%s%s", select,
                      search->by_path ? by_path : "", f->session ? " AND e.session=?4" : "",
                      f->since ? " AND e.time>=?5" : "", f->until ? " AND e.time<?6" : "",
                      f->op != OP_NONE ? " AND e.op=?7" : "",
                      f->outcome >= 0 ? " AND e.outcome=?8" : " AND e.outcome<>4",
                      search->first_id ? " AND e.id>=?9" : "",
                      search->last_id ? " AND e.id<=?10" : "", f->changes_only ? IS_CHANGE : "",
                      !f->actor        ? ""
                      : search->by_pid ? BY_PID
                                       : BY_EXE,
                      order);
    struct stmt s = db_query_once(h->db, strbuf_text(&sql));
    if (search->by_path)
        bind_path(search, &s);
    if (f->session)
        stmt_bind_int(&s, BOUND_SESSION, (int64_t)f->session);
    if (f->since)
        stmt_bind_int(&s, BOUND_SINCE, f->since);
    if (f->until)
        stmt_bind_int(&s, BOUND_UNTIL, f->until);
    if (f->op != OP_NONE)
        stmt_bind_int(&s, BOUND_OP, (int64_t)f->op);
    if (f->outcome >= 0)
        stmt_bind_int(&s, BOUND_OUTCOME, f->outcome);
    if (search->first_id)
        stmt_bind_int(&s, BOUND_FIRST, (int64_t)search->first_id);
    if (search->last_id)
        stmt_bind_int(&s, BOUND_LAST, (int64_t)search->last_id);
    if (f->actor && search->by_pid)
        stmt_bind_int(&s, BOUND_ACTOR, strtoll(f->actor, NULL, 10));
    else if (f->actor)
        stmt_bind_text(&s, BOUND_ACTOR, strbuf_text(&search->exe));
    return s;
}

/* A glob that matches a folder matches what is below it. */
static bool matches(const struct history_filter *filter, const char *path)
{
    return path && (!filter->glob || fnmatch(filter->glob, path, FNM_LEADING_DIR) == 0) &&
           (!filter->fits || filter->fits(filter->fits_context, path));
}

bool filter_fits(const struct history_filter *filter, const char *path, const char *path2)
{
    bool any = !filter->glob && !filter->fits;
    return any || matches(filter, path) || matches(filter, path2);
}

/* Turns "the newest N" into bounds.  What is recorded meanwhile is above them. */
int search_limit(struct history *h, struct search *search, bool *empty, struct error *err)
{
    uint64_t found = 0;
    bool looks_at_paths = search->filter->glob || search->filter->fits;
    CLEANUP(stmt_done)
    struct stmt s = search_query(h, search,
                                 looks_at_paths ? "SELECT e.id,p.bytes,q.bytes FROM event e"
                                                  " LEFT JOIN path p ON p.id=e.path"
                                                  " LEFT JOIN path q ON q.id=e.path2"
                                                : "SELECT e.id,NULL,NULL FROM event e",
                                 search->filter->limit_deeds ? IS_DEED NEWEST_FIRST : NEWEST_FIRST);
    while (found < search->filter->limit) {
        int r = stmt_step(&s, err);
        TRY(r);
        if (r == 0)
            break;
        if (!filter_fits(search->filter, stmt_text(&s, 1), stmt_text(&s, 2)))
            continue;
        uint64_t id = (uint64_t)stmt_int(&s, 0);
        if (found++ == 0)
            search->last_id = id;
        search->first_id = id;
    }
    *empty = found == 0;
    return 0;
}
