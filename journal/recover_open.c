/* recover_open.c - ends what is open in the database: write sessions, and changes of a file that
 * was not where they said.
 *
 * A file may have been renamed, removed or replaced while it was written: its name leads nowhere,
 * or to somebody else.  It is known by its inode, and looked for where the journal says that it
 * went, at last in the whole workspace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/arena.h"
#include "journal/base/clock.h"
#include "journal/base/log.h"
#include "journal/recover.h"
#include "journal/undo_tree.h"

struct open_session {
    uint64_t id;
    uint64_t object;
    uint64_t version;
    enum kept kept;
    enum op op;
    bool settled; /* a change, whose ranges are known and which may not have happened */
    int64_t time;
    struct attr before;
    char *path;
};

/* All that is ended in one run. */
struct ending {
    int root;
    struct vault *vault;
    struct db *db;
    bool power_lost;
    struct arena memory;
    struct undo_tree tree; /* searched when the first file was not found otherwise */
    bool searched;
};

static void open_session_release(struct open_session *o)
{
    free(o->path);
    o->path = NULL;
}

static int open_session_next(struct db *db, uint64_t behind, struct open_session *out,
                             struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db,
        "SELECT e.id, e.object, e.version, v.kept, e.b_ino, e.b_born, e.b_mode, e.b_size,"
        " p.bytes, e.b_mtime, e.time, e.b_ctime, e.op, e.flags & 2, e.b_uid, e.b_gid FROM event e"
        " LEFT JOIN version v ON v.id = e.version"
        " LEFT JOIN path p ON p.id = e.path"
        " WHERE e.outcome = 3 AND e.id > ?1 ORDER BY e.id LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)behind);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    const char *path = stmt_text(&q, 8);
    *out = (struct open_session){
        .id = (uint64_t)stmt_int(&q, 0),
        .object = (uint64_t)stmt_int(&q, 1),
        .version = (uint64_t)stmt_int(&q, 2),
        .kept = (enum kept)stmt_int(&q, 3),
        .before = {.ino = (uint64_t)stmt_int(&q, 4),
                   .born = stmt_int(&q, 5),
                   .mode = (uint32_t)stmt_int(&q, 6),
                   .size = (uint64_t)stmt_int(&q, 7),
                   .mtime = stmt_int(&q, 9),
                   .ctime = stmt_int(&q, 11),
                   .uid = (uint32_t)stmt_int(&q, 14),
                   .gid = (uint32_t)stmt_int(&q, 15)},
        .op = (enum op)stmt_int(&q, 12),
        .settled = stmt_int(&q, 13) != 0,
        .time = stmt_int(&q, 10),
        .path = strdup(path ? path : ""),
    };
    return out->path ? 1 : error_set(err, ENOMEM, "recover the journal");
}

/* Where the object is since its last move, before or after the session began: renamed, exchanged,
 * or kept in the vault, because it was removed or replaced. */
static int place_since(struct db *db, const struct open_session *o, char **path, uint64_t *version,
                       struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db,
        "SELECT iif(e.object = ?1, q.bytes, iif(e.op = 9, p.bytes, NULL)), e.version FROM event e"
        " LEFT JOIN path p ON p.id = e.path LEFT JOIN path q ON q.id = e.path2"
        " WHERE e.id IN (SELECT id FROM event WHERE object = ?1"
        "  UNION SELECT id FROM event WHERE replaced = ?1)"
        " AND e.outcome = 0 AND e.op IN (6, 8, 9) ORDER BY e.id DESC LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)o->object);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    if (stmt_is_null(&q, 0)) {
        *version = (uint64_t)stmt_int(&q, 1);
        return 0;
    }
    *path = strdup(stmt_text(&q, 0));
    return *path ? 0 : error_set(err, ENOMEM, "recover the journal");
}

static void free_path(char **path)
{
    free(*path);
}

static int want_one(struct map *inos, struct stmt *q, struct error *err)
{
    static char wanted;
    if (map_put(inos, (uint64_t)stmt_int(q, 0), 0, &wanted) < 0)
        return error_set(err, ENOMEM, "recover the journal");
    return 0;
}

/* Once for all that are open. */
static int search(struct ending *e, struct error *err)
{
    CLEANUP(map_release) struct map inos;
    map_init(&inos);
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(e->db, "SELECT b_ino FROM event WHERE outcome = 3 AND b_mode IS NOT NULL");
    int r;
    while ((r = stmt_step(&q, err)) == 1)
        TRY(want_one(&inos, &q, err));
    TRY(r);
    e->searched = true;
    return tree_search(&e->tree, &inos, err);
}

/* In a folder that was renamed, or by another name. */
static int find_anywhere(struct ending *e, const struct open_session *o, struct attr *out,
                         struct error *err)
{
    if (!e->searched)
        TRY(search(e, err));
    const struct node *node = map_get(&e->tree.inodes, o->before.ino, (uint64_t)o->before.born);
    *out = node && attr_same_object(&node->attr, &o->before) ? node->attr : (struct attr){0};
    return 0;
}

/* The file as it is now; mode 0: not found. */
static int find_file(struct ending *e, const struct open_session *o, struct attr *out,
                     struct error *err)
{
    CLEANUP(free_path) char *path = NULL;
    uint64_t version = 0;
    char name[VAULT_NAME];
    if (recover_look(e->root, o->path, out) && recover_is(out, &o->before))
        return 0;
    TRY(place_since(e->db, o, &path, &version, err));
    if (path && recover_look(e->root, path, out) && recover_is(out, &o->before))
        return 0;
    if (version && attr_read(vault_place(e->vault, version, name), name, out) == 0 &&
        recover_is(out, &o->before))
        return 0;
    return find_anywhere(e, o, out, err);
}

/* What may have changed: the kept blocks and what was appended, or, after a whole copy, everything.
 */
static int session_ranges(struct vault *v, const struct open_session *o, const struct attr *after,
                          struct range **out, size_t *count, struct error *err)
{
    int64_t old_size = (int64_t)o->before.size;
    int64_t new_size = (int64_t)after->size;
    struct range *list = NULL;
    size_t n = 0;
    if (o->kept == KEPT_BLOCKS && o->version && vault_has(v, o->version))
        TRY(vault_blocks_ranges(v, o->version, &list, &n, err));
    struct range *longer = reallocarray(list, n + 1, sizeof *list);
    if (!longer) {
        free(list);
        return error_set(err, ENOMEM, "recover the journal");
    }
    bool growth_only = o->kept == KEPT_BLOCKS || o->version == 0;
    int64_t from = growth_only ? old_size : 0;
    if (new_size > from)
        longer[n++] = (struct range){.offset = from, .length = new_size - from};
    *out = longer;
    *count = n;
    return 0;
}

/* It may have begun before anybody could know whether something would be written.  Who writes can
 * set the old time again, but not the change time.  A filesystem that went down may have the new
 * bytes and still the old times: it writes the one before the other. */
static bool is_untouched(const struct ending *e, const struct open_session *o,
                         const struct attr *after)
{
    const struct attr *b = &o->before;
    int64_t newest = b->mtime > b->ctime ? b->mtime : b->ctime;
    return !e->power_lost && attr_same_content(b, after) && b->ctime == after->ctime &&
           o->time - newest > ATTR_TICK_NS;
}

/* What cannot be found any more happened. */
static enum outcome outcome_of(const struct ending *end, const struct open_session *o,
                               const struct attr *a)
{
    if (!o->settled)
        return is_untouched(end, o, a) ? OUTCOME_NOTHING : OUTCOME_OK;
    const struct event e = {.op = o->op, .before = o->before, .kept = o->kept};
    const struct sight s = {.path = *a, .unknown = a->mode == 0};
    return recover_settle(&e, &s) == VERDICT_HAPPENED ? OUTCOME_OK : OUTCOME_FAILED;
}

static int end_row(const struct ending *e, const struct open_session *o, const struct attr *a,
                   const struct range *ranges, size_t count, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        e->db, "UPDATE event SET outcome = ?12, error = ?13, flags = flags | 2, ranges = iif(?14, "
               "ranges, ?2), a_ino = ?3, a_born = ?4,"
               " a_mode = ?5, a_uid = ?6, a_gid = ?7, a_nlink = ?8, a_size = ?9, a_mtime = ?10,"
               " a_ctime = ?11 WHERE id = ?1 AND outcome = 3");
    stmt_bind_int(&q, 1, (int64_t)o->id);
    enum outcome outcome = outcome_of(e, o, a);
    stmt_bind_int(&q, 12, outcome);
    if (outcome == OUTCOME_FAILED)
        stmt_bind_int(&q, 13, ECANCELED);
    stmt_bind_int(&q, 14, o->settled);
    if (count > 0)
        stmt_bind_bytes(&q, 2, ranges, count * sizeof *ranges);
    if (a->mode) {
        stmt_bind_int(&q, 3, (int64_t)a->ino);
        stmt_bind_int(&q, 4, a->born);
        stmt_bind_int(&q, 5, a->mode);
        stmt_bind_int(&q, 6, a->uid);
        stmt_bind_int(&q, 7, a->gid);
        stmt_bind_int(&q, 8, a->nlink);
        stmt_bind_int(&q, 9, (int64_t)a->size);
        stmt_bind_int(&q, 10, a->mtime);
        stmt_bind_int(&q, 11, a->ctime);
    }
    return stmt_run(&q, err);
}

static int end_session(struct ending *e, const struct open_session *o, struct error *err)
{
    struct attr after;
    struct range *ranges = NULL;
    size_t count = 0;
    TRY(find_file(e, o, &after, err));
    struct error why = ERROR_NONE;
    if (!o->settled && session_ranges(e->vault, o, &after, &ranges, &count, &why) < 0)
        log_error(&why); /* a damaged version: the row is ended without ranges */
    int r = end_row(e, o, &after, ranges, count, err);
    free(ranges);
    return r;
}

static int end_all(struct ending *e, unsigned *sessions, struct error *err)
{
    for (uint64_t behind = 0;;) {
        CLEANUP(open_session_release) struct open_session o = {0};
        int r = open_session_next(e->db, behind, &o, err);
        TRY(r);
        if (r == 0)
            return 0;
        TRY(end_session(e, &o, err));
        behind = o.id;
        *sessions += !o.settled;
    }
}

int recover_open(int root, struct vault *v, struct db *db, struct recovery *out, struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    struct ending e = {
        .root = root, .vault = v, .db = db, .power_lost = out->power_lost, .memory = ARENA_EMPTY};
    unsigned sessions = 0;
    TRY(transaction_begin(db, &t, err));
    int r = tree_open(&e.tree, root, &e.memory, err);
    if (r == 0)
        r = end_all(&e, &sessions, err);
    tree_close(&e.tree);
    arena_release(&e.memory);
    TRY(r);
    TRY(transaction_commit(&t, err));
    out->done.sessions += sessions;
    return 0;
}
