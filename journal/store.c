/* store.c - a record of the intake becomes rows; FORMAT.md explains them.
 *
 *   (1) Every row has an explicit number, given by the daemon: storing again changes nothing.
 *   (2) An object is met by its inode's number and birth.  An event that creates meets a new one,
 * even where both were used before; one that shows two inodes (a swap) says that they are one
 * object.
 *
 * Paths and inodes repeat; two small tables in memory save most of the look-ups. */
#include "journal/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/list.h"
#include "journal/outside.h"
#include "journal/schema.h"

#define CACHE_SLOTS 4096 /* a power of two */
/* An event can meet two new objects; the second one's number is its own with this added. */
#define SECOND_OBJECT (UINT64_C(1) << 62)

#define UNREADABLE 1

struct known_path {
    char *bytes; /* owned */
    int64_t id;
};

struct known_inode {
    uint64_t ino;
    int64_t born;
    uint64_t object; /* 0: an empty slot */
    int64_t ctime;   /* the youngest that any event is known to have left, 0: none is */
};

/* A file that was changed outside. */
struct outside {
    char *path; /* owned */
    struct attr known;
    struct attr found;
};

struct store {
    struct db *db;
    struct known_path paths[CACHE_SLOTS];
    struct known_inode inodes[CACHE_SLOTS];
    uint64_t *idle; /* owned; versions of write sessions in which nothing changed */
    size_t idle_count;
    size_t idle_room;
    size_t idle_committed;   /* so many of them; the others go with a rollback */
    struct outside *outside; /* owned */
    size_t outside_count;
    size_t outside_room;
    size_t outside_committed; /* so many of them; the others go with a rollback */
};

int store_open(struct db *db, struct store **out, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ENOMEM, "open the journal");
    s->db = db;
    *out = s;
    return 0;
}

static void outside_cut(struct store *s, size_t count)
{
    while (s->outside_count > count)
        free(s->outside[--s->outside_count].path);
}

void store_forget(struct store *s)
{
    outside_cut(s, s->outside_committed);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        free(s->paths[i].bytes);
    memset(s->paths, 0, sizeof s->paths);
    memset(s->inodes, 0, sizeof s->inodes);
    s->idle_count = s->idle_committed;
}

void store_committed(struct store *s)
{
    s->outside_committed = s->outside_count;
    s->idle_committed = s->idle_count;
}

void store_close(struct store **s)
{
    if (!*s)
        return;
    store_forget(*s);
    outside_cut(*s, 0);
    free((*s)->outside);
    free((*s)->idle);
    free(*s);
    *s = NULL;
}

static void bind_number(struct stmt *q, int at, uint64_t number)
{
    if (number)
        stmt_bind_int(q, at, (int64_t)number);
    else
        stmt_bind_null(q, at);
}

static void bind_path(struct stmt *q, int at, const char *path)
{
    stmt_bind_bytes(q, at, path, path ? strlen(path) : 0);
}

/* ---- paths ---- */

static struct known_path *path_slot(struct store *s, const char *path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = path; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return &s->paths[(hash ^ hash >> 32) % CACHE_SLOTS];
}

static int path_select(struct store *s, const char *path, int64_t *id, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(s->db, "SELECT id FROM path WHERE bytes = ?1");
    bind_path(&q, 1, path);
    int r = stmt_step(&q, err);
    if (r == 1)
        *id = stmt_int(&q, 0);
    return r;
}

static int path_insert(struct store *s, const char *path, int64_t *id, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->db, "INSERT INTO path(bytes) VALUES(?1) RETURNING id");
    bind_path(&q, 1, path);
    TRY(stmt_step(&q, err));
    *id = stmt_int(&q, 0);
    return stmt_run(&q, err);
}

/* *id: 0 for no path. */
static int path_id(struct store *s, const char *path, int64_t *id, struct error *err)
{
    *id = 0;
    if (!path)
        return 0;
    struct known_path *slot = path_slot(s, path);
    if (slot->bytes && strcmp(slot->bytes, path) == 0) {
        *id = slot->id;
        return 0;
    }
    int r = path_select(s, path, id, err);
    TRY(r);
    if (r == 0)
        TRY(path_insert(s, path, id, err));
    free(slot->bytes);
    slot->bytes = strdup(path); /* without memory it is looked up again */
    slot->id = *id;
    return 0;
}

/* ---- objects ---- */

static struct known_inode *inode_slot(struct store *s, const struct attr *a)
{
    uint64_t hash = (a->ino ^ (uint64_t)a->born << 7) * UINT64_C(0x9e3779b97f4a7c15);
    return &s->inodes[hash >> 32 & (CACHE_SLOTS - 1)];
}

/* *object: 0 where the inode was never met. */
static int object_find(struct store *s, const struct attr *a, uint64_t *object, struct error *err)
{
    struct known_inode *slot = inode_slot(s, a);
    *object = 0;
    if (a->mode == 0)
        return 0;
    if (slot->object && slot->ino == a->ino && slot->born == a->born) {
        *object = slot->object;
        return 0;
    }
    CLEANUP(stmt_done)
    struct stmt q = db_query(s->db, "SELECT object FROM inode WHERE ino = ?1 AND born = ?2");
    stmt_bind_int(&q, 1, (int64_t)a->ino);
    stmt_bind_int(&q, 2, a->born);
    int r = stmt_step(&q, err);
    TRY(r);
    if (r == 1) {
        *object = (uint64_t)stmt_int(&q, 0);
        *slot = (struct known_inode){a->ino, a->born, *object, 0};
    }
    return 0;
}

static int object_map(struct store *s, const struct attr *a, uint64_t object, struct error *err)
{
    uint64_t present = 0;
    if (a->mode == 0)
        return 0;
    TRY(object_find(s, a, &present, err));
    if (present == object)
        return 0;
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(s->db, "INSERT OR REPLACE INTO inode(ino, born, object) VALUES(?1, ?2, ?3)");
    stmt_bind_int(&q, 1, (int64_t)a->ino);
    stmt_bind_int(&q, 2, a->born);
    stmt_bind_int(&q, 3, (int64_t)object);
    TRY(stmt_run(&q, err));
    *inode_slot(s, a) = (struct known_inode){a->ino, a->born, object, 0};
    return 0;
}

static bool creates(enum op op)
{
    return op == OP_CREATE || op == OP_MKDIR || op == OP_MKNOD || op == OP_SYMLINK;
}

static int object_of_event(struct store *s, uint64_t event, uint64_t *object, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(s->db, "SELECT iif(op = ?2, replaced, object) FROM event WHERE id = ?1");
    stmt_bind_int(&q, 1, (int64_t)event);
    stmt_bind_int(&q, 2, OP_RENAME); /* what such an undo makes is what the rename replaced */
    int r = stmt_step(&q, err);
    TRY(r);
    if (r == 1)
        *object = (uint64_t)stmt_int(&q, 0);
    return 0;
}

/* What an undo makes is the object that it brings back, whether in its old inode or in a new one.
 */
static int object_made(struct store *s, const struct event *e, uint64_t *object, struct error *err)
{
    bool returns = (e->flags & EVENT_BY_UNDO) && e->undoes;
    if (returns)
        TRY(object_find(s, &e->after, object, err));
    if (returns && *object == 0)
        TRY(object_of_event(s, e->undoes, object, err));
    if (*object == 0)
        *object = e->id;
    return object_map(s, &e->after, *object, err);
}

static int object_met(struct store *s, const struct event *e, uint64_t *object, struct error *err)
{
    const struct attr *seen = e->before.mode ? &e->before : &e->after;
    TRY(object_find(s, seen, object, err));
    if (*object == 0 && seen->mode)
        *object = e->id;
    TRY(object_map(s, seen, *object, err));
    return object_map(s, &e->after, *object, err);
}

static int object_replaced(struct store *s, const struct event *e, uint64_t *object,
                           struct error *err)
{
    TRY(object_find(s, &e->before2, object, err));
    if (*object == 0 && e->before2.mode)
        *object = e->id + SECOND_OBJECT;
    return object_map(s, &e->before2, *object, err);
}

static int objects_of(struct store *s, struct event *e, struct error *err)
{
    e->object = 0;
    e->replaced = 0;
    if (e->outcome == OUTCOME_DENIED || e->outcome == OUTCOME_FAILED) {
        TRY(object_find(s, &e->before, &e->object, err));
        return object_find(s, &e->before2, &e->replaced, err);
    }
    if (!op_changes(e->op))
        return 0;
    if (creates(e->op))
        TRY(object_made(s, e, &e->object, err));
    else
        TRY(object_met(s, e, &e->object, err));
    return object_replaced(s, e, &e->replaced, err);
}

/* ---- changed outside ---- */

static int outside_add(struct store *s, const char *path, const struct attr *known,
                       const struct attr *found, struct error *err)
{
    struct outside *list = list_grown(s->outside, s->outside_count, &s->outside_room, sizeof *list);
    char *copy = strdup(path);
    if (list)
        s->outside = list;
    if (!list || !copy) {
        free(copy);
        return error_set(err, ENOMEM, "write the journal");
    }
    list[s->outside_count++] = (struct outside){copy, *known, *found};
    return 0;
}

/* A file that no event met before has not been left by any. */
static int outside_look(struct store *s, const struct event *e, uint64_t object,
                        const struct attr *found, const char *path, struct error *err)
{
    const struct known_inode *slot = inode_slot(s, found);
    struct attr known;
    bool is_known = object && object != e->id && object != e->id + SECOND_OBJECT;
    if (!is_known || !path || !S_ISREG(found->mode))
        return 0;
    if (slot->object == object && slot->ino == found->ino && slot->born == found->born &&
        found->ctime <= slot->ctime)
        return 0;
    int r = outside_is_new(s->db, object, found, &known, err);
    return r == 1 ? outside_add(s, path, &known, found, err) : r;
}

static int outside_look_both(struct store *s, const struct event *e, struct error *err)
{
    bool applied = e->outcome == OUTCOME_OK || e->outcome == OUTCOME_OPEN;
    if (!applied || !op_changes(e->op))
        return 0;
    TRY(outside_look(s, e, e->object, &e->before, e->path, err));
    return outside_look(s, e, e->replaced, &e->before2, e->path2, err);
}

static void remember_left(struct store *s, const struct attr *left)
{
    struct known_inode *slot = inode_slot(s, left);
    if (left->mode && slot->ino == left->ino && slot->born == left->born &&
        left->ctime > slot->ctime)
        slot->ctime = left->ctime;
}

void store_each_outside(struct store *s, store_outside *each, void *context)
{
    size_t told = 0;
    while (told < s->outside_count &&
           each(context, s->outside[told].path, &s->outside[told].known, &s->outside[told].found))
        free(s->outside[told++].path);
    s->outside_count -= told;
    if (told > 0)
        memmove(s->outside, s->outside + told, s->outside_count * sizeof *s->outside);
    s->outside_committed = s->outside_count;
}

/* ---- rows ---- */

/* Nine columns from `at` on.  A gap has a time and no mode. */
static void bind_attr(struct stmt *q, int at, const struct attr *a)
{
    if (a->mode == 0 && a->mtime == 0)
        return; /* unbound is NULL */
    stmt_bind_int(q, at, (int64_t)a->ino);
    stmt_bind_int(q, at + 1, a->born);
    stmt_bind_int(q, at + 2, a->mode);
    stmt_bind_int(q, at + 3, a->uid);
    stmt_bind_int(q, at + 4, a->gid);
    stmt_bind_int(q, at + 5, a->nlink);
    stmt_bind_int(q, at + 6, (int64_t)a->size);
    stmt_bind_int(q, at + 7, a->mtime);
    stmt_bind_int(q, at + 8, a->ctime);
}

static void bind_ranges(struct stmt *q, int at, const struct range *ranges, size_t count)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "FORMAT.md: little-endian");
    if (count > 0)
        stmt_bind_bytes(q, at, ranges, count * sizeof *ranges);
}

static int event_row(struct store *s, const struct event *e, int64_t path, int64_t path2,
                     struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        s->db,
        "INSERT OR IGNORE INTO event(id, time, session, proc, tid, op, flags, outcome, error, "
        "reason,"
        " count, path, path2, object, replaced,"
        " b_ino, b_born, b_mode, b_uid, b_gid, b_nlink, b_size, b_mtime, b_ctime,"
        " a_ino, a_born, a_mode, a_uid, a_gid, a_nlink, a_size, a_mtime, a_ctime,"
        " r_ino, r_born, r_mode, r_uid, r_gid, r_nlink, r_size, r_mtime, r_ctime,"
        " dir_mtime, dir2_mtime, version, ranges, xattrs, undoes)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33,"
        " ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48)");
    stmt_bind_int(&q, 1, (int64_t)e->id);
    stmt_bind_int(&q, 2, e->time);
    bind_number(&q, 3, e->session);
    bind_number(&q, 4, e->actor.id);
    bind_number(&q, 5, (uint64_t)(uint32_t)e->tid);
    stmt_bind_int(&q, 6, e->op);
    stmt_bind_int(&q, 7, e->flags);
    stmt_bind_int(&q, 8, e->outcome);
    bind_number(&q, 9, (uint64_t)(uint32_t)e->error_code);
    stmt_bind_text(&q, 10, e->reason);
    stmt_bind_int(&q, 11, e->count);
    bind_number(&q, 12, (uint64_t)path);
    bind_number(&q, 13, (uint64_t)path2);
    bind_number(&q, 14, e->object);
    bind_number(&q, 15, e->replaced);
    bind_attr(&q, 16, &e->before);
    bind_attr(&q, 25, &e->after);
    bind_attr(&q, 34, &e->before2);
    bind_number(&q, 43, (uint64_t)e->dir_mtime);
    bind_number(&q, 44, (uint64_t)e->dir2_mtime);
    bind_number(&q, 45, e->version);
    bind_ranges(&q, 46, e->ranges, e->range_count);
    stmt_bind_bytes(&q, 47, e->xattrs, e->xattr_bytes);
    bind_number(&q, 48, e->undoes);
    return stmt_run(&q, err);
}

static int version_row(struct store *s, const struct event *e, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        s->db, "INSERT OR IGNORE INTO version(id, event, kept, state) VALUES(?1, ?2, ?3, ?4)");
    stmt_bind_int(&q, 1, (int64_t)e->version);
    stmt_bind_int(&q, 2, (int64_t)e->id);
    stmt_bind_int(&q, 3, e->kept);
    stmt_bind_int(&q, 4, VERSION_KEPT);
    return stmt_run(&q, err);
}

static int store_event(struct store *s, const struct record *r, struct error *err)
{
    struct event e;
    int64_t path;
    int64_t path2;
    if (record_event_unpack(r, &e) < 0)
        return UNREADABLE;
    if (e.outcome == OUTCOME_FAILED || e.outcome == OUTCOME_DENIED)
        e.version = 0; /* discarded: nothing was destroyed */
    TRY(path_id(s, e.path, &path, err));
    TRY(path_id(s, e.path2, &path2, err));
    TRY(objects_of(s, &e, err));
    if (e.version)
        TRY(version_row(s, &e, err));
    TRY(outside_look_both(s, &e, err));
    remember_left(s, &e.after);
    return event_row(s, &e, path, path2, err);
}

static int store_proc(struct store *s, const struct record *r, struct error *err)
{
    struct actor a;
    if (record_proc_unpack(r, &a) < 0)
        return UNREADABLE;
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(s->db, "INSERT OR IGNORE INTO proc(id, pid, started, parent, uid, gid, exe,"
                        " cmdline, container) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    stmt_bind_int(&q, 1, (int64_t)a.id);
    stmt_bind_int(&q, 2, a.pid);
    stmt_bind_int(&q, 3, a.started);
    bind_number(&q, 4, a.parent);
    stmt_bind_int(&q, 5, a.uid);
    stmt_bind_int(&q, 6, a.gid);
    bind_path(&q, 7, a.exe);
    bind_path(&q, 8, a.cmdline);
    stmt_bind_text(&q, 9, a.container);
    return stmt_run(&q, err);
}

static int store_session_begin(struct store *s, const struct record *r, struct error *err)
{
    struct record_session session;
    if (record_session_unpack(r, &session) < 0)
        return UNREADABLE;
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(s->db, "INSERT OR IGNORE INTO session(id, name, backend, command, began)"
                        " VALUES(?1, ?2, ?3, ?4, ?5)");
    stmt_bind_int(&q, 1, (int64_t)session.id);
    stmt_bind_text(&q, 2, session.name);
    stmt_bind_text(&q, 3, session.backend ? session.backend : "");
    bind_path(&q, 4, session.command);
    stmt_bind_int(&q, 5, session.began);
    return stmt_run(&q, err);
}

static int store_session_end(struct store *s, const struct record *r, struct error *err)
{
    struct record_session session;
    if (record_session_unpack(r, &session) < 0)
        return UNREADABLE;
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        s->db, "UPDATE session SET ended = ?2, status = ?3 WHERE id = ?1 AND ended IS NULL");
    stmt_bind_int(&q, 1, (int64_t)session.id);
    stmt_bind_int(&q, 2, session.ended);
    stmt_bind_int(&q, 3, session.status);
    return stmt_run(&q, err);
}

/* What it kept goes with it, but not before the transaction is on record. */
static int version_of_idle(struct store *s, uint64_t event, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(s->db, "SELECT id FROM version WHERE event = ?1");
    stmt_bind_int(&q, 1, (int64_t)event);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    uint64_t *list = list_grown(s->idle, s->idle_count, &s->idle_room, sizeof *list);
    if (!list)
        return error_set(err, ENOMEM, "write the journal");
    s->idle = list;
    list[s->idle_count++] = (uint64_t)stmt_int(&q, 0);
    return 0;
}

static int run_for_event(struct store *s, const char *sql, uint64_t event, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(s->db, sql);
    stmt_bind_int(&q, 1, (int64_t)event);
    return stmt_run(&q, err);
}

/* Or its checksum. */
static int is_sealed(struct store *s, uint64_t event, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(s->db, "SELECT event >= ?1 OR EXISTS(SELECT 1 FROM hash WHERE event = ?1"
                        " AND hash.id <= seal.hash) FROM seal ORDER BY id DESC LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)event);
    int r = stmt_step(&q, err);
    return r == 1 ? stmt_int(&q, 0) != 0 : r;
}

/* It is no event, unless a seal has told of it already: such a row and its version stay. */
static int store_nothing(struct store *s, uint64_t event, struct error *err)
{
    int sealed = is_sealed(s, event, err);
    TRY(sealed);
    if (sealed)
        return run_for_event(s, "UPDATE event SET outcome = 4 WHERE id = ?1 AND outcome = 3", event,
                             err);
    TRY(version_of_idle(s, event, err));
    TRY(run_for_event(s, "DELETE FROM version WHERE event = ?1", event, err));
    TRY(run_for_event(s, "DELETE FROM hash WHERE event = ?1", event, err));
    return run_for_event(s, "DELETE FROM event WHERE id = ?1", event, err);
}

/* Only an open row is ever changed. */
static int store_write_update(struct store *s, const struct record *r, struct error *err)
{
    struct record_update u;
    if (record_update_unpack(r, &u) < 0)
        return UNREADABLE;
    if (u.nothing)
        return store_nothing(s, u.event, err);
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        s->db, "UPDATE event SET outcome = ?2, ranges = ?3, a_ino = ?4, a_born = ?5, a_mode = ?6,"
               " a_uid = ?7, a_gid = ?8, a_nlink = ?9, a_size = ?10, a_mtime = ?11, a_ctime = ?12"
               " WHERE id = ?1 AND outcome = 3");
    stmt_bind_int(&q, 1, (int64_t)u.event);
    stmt_bind_int(&q, 2, u.ended ? OUTCOME_OK : OUTCOME_OPEN);
    bind_ranges(&q, 3, u.ranges, u.range_count);
    bind_attr(&q, 4, &u.after);
    remember_left(s, &u.after);
    return stmt_run(&q, err);
}

int store_record(struct store *s, const struct record *r, struct error *err)
{
    switch (r->kind) {
    case RECORD_CHANGE:
    case RECORD_NOTE:
        return store_event(s, r, err);
    case RECORD_PROC:
        return store_proc(s, r, err);
    case RECORD_SESSION_BEGIN:
        return store_session_begin(s, r, err);
    case RECORD_SESSION_END:
        return store_session_end(s, r, err);
    case RECORD_WRITE_UPDATE:
        return store_write_update(s, r, err);
    default:
        return UNREADABLE;
    }
}

bool store_has_idle(const struct store *s)
{
    return s->idle_count > 0;
}

void store_each_idle(struct store *s, store_idle *each, void *context)
{
    for (size_t i = 0; i < s->idle_count; i++)
        each(context, s->idle[i]);
    s->idle_count = s->idle_committed = 0;
}
