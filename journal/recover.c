/* recover.c - settles what an earlier run left; see recover.h.
 *
 * The kernel holds back operations on the same names while one is in flight, so what a pending
 * change left can still be seen; what another one changed since is judged by the inode's identity.
 */
#include "journal/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/strbuf.h"
#include "journal/record.h"
#include "journal/xattr.h"

/* How far a filesystem's clock may lag behind ours. */
#define CLOCK_SLACK_NS NS_PER_S

/* ---- the decision ---- */

static bool is(const struct attr *there, const struct attr *known)
{
    return there->mode != 0 && known->mode != 0 && attr_same_object(there, known);
}

static enum verdict verdict(bool happened)
{
    return happened ? VERDICT_HAPPENED : VERDICT_DID_NOT;
}

static enum verdict settle_removal(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before));
}

static enum verdict settle_rename(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before)); /* at both names: they were one file before */
}

static enum verdict settle_creation(const struct event *e, const struct sight *s)
{
    bool returned = e->flags & EVENT_BY_UNDO; /* may be an old inode, out of the vault */
    int64_t born = s->path.born && !returned ? s->path.born : s->path.ctime;
    return verdict(s->path.mode != 0 && born >= e->time - CLOCK_SLACK_NS);
}

static enum verdict settle_link(const struct event *e, const struct sight *s)
{
    return verdict(is(&s->path, &e->before));
}

static enum verdict settle_chmod(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before) || s->path.mode != e->before.mode);
}

static enum verdict settle_chown(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before) || s->path.uid != e->before.uid ||
                   s->path.gid != e->before.gid);
}

static enum verdict settle_utimens(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before) || s->path.mtime != e->before.mtime ||
                   s->path.ctime != e->before.ctime);
}

static enum verdict settle_truncate(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before) || s->path.size != e->before.size);
}

static enum verdict settle_xattr(const struct event *e, const struct sight *s)
{
    return verdict(!is(&s->path, &e->before) || !s->xattrs_the_same);
}

/* Equal times do not prove equal bytes: clocks tick in milliseconds.  But where the old inode was
 * to be kept and a new one put in its place, the old one must be gone from there. */
static enum verdict settle_write(const struct event *e, const struct sight *s)
{
    return verdict(e->kept != KEPT_INODE || !is(&s->path, &e->before));
}

static enum verdict (*const settlers[])(const struct event *, const struct sight *) = {
    [OP_CREATE] = settle_creation,   [OP_MKDIR] = settle_creation,    [OP_MKNOD] = settle_creation,
    [OP_SYMLINK] = settle_creation,  [OP_LINK] = settle_link,         [OP_UNLINK] = settle_removal,
    [OP_RMDIR] = settle_removal,     [OP_RENAME] = settle_rename,     [OP_EXCHANGE] = settle_rename,
    [OP_WRITE] = settle_write,       [OP_TRUNCATE] = settle_truncate, [OP_CHMOD] = settle_chmod,
    [OP_CHOWN] = settle_chown,       [OP_UTIMENS] = settle_utimens,   [OP_SETXATTR] = settle_xattr,
    [OP_REMOVEXATTR] = settle_xattr,
};

enum verdict recover_settle(const struct event *e, const struct sight *sight)
{
    if (sight->unknown || !op_changes(e->op))
        return VERDICT_HAPPENED;
    return settlers[e->op](e, sight);
}

/* ---- looking ---- */

/* The folder that holds path; *name: its last part, inside path.  fd or -errno. */
static int parent_open(int root, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);
    if (!folder)
        return -ENOMEM;
    int fd = fd_open_beneath(root, folder, O_PATH | O_DIRECTORY, 0);
    free(folder);
    return fd;
}

static bool means_nothing_there(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG;
}

/* false: it could not be looked at. */
static bool look_at(int root, const char *path, struct attr *out)
{
    const char *name;
    *out = (struct attr){0};
    if (!path)
        return true;
    CLEANUP(fd_close) int parent = parent_open(root, path, &name);
    int r = parent < 0 ? parent : attr_read(parent, name, out);
    return r == 0 || means_nothing_there(r);
}

/* One attribute of the event: does the file have the old value (or, as then, none)? */
static bool xattr_unchanged(int fd, const struct xattr *x)
{
    CLEANUP(strbuf_release) struct strbuf then = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf now = STRBUF_EMPTY;
    char name[256];
    if (x->name_bytes >= sizeof name)
        return false;
    memcpy(name, x->name, x->name_bytes);
    name[x->name_bytes] = '\0';
    xattr_pack(&then, name, x->value, x->value_bytes);
    return xattr_read_one(fd, name, &now) == 0 && !then.failed && then.bytes == now.bytes &&
           memcmp(then.data, now.data, now.bytes) == 0;
}

static bool xattrs_unchanged(int root, const struct event *e)
{
    const char *name;
    struct xattr x;
    size_t at = 0;
    int r;
    CLEANUP(fd_close) int parent = parent_open(root, e->path, &name);
    CLEANUP(fd_close)
    int fd =
        parent < 0 ? -1 : openat(parent, name[0] ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    while ((r = xattr_next(e->xattrs, e->xattr_bytes, &at, &x)) == 1)
        if (!xattr_unchanged(fd, &x))
            return false;
    return r == 0;
}

static struct sight look(int root, const struct event *e)
{
    struct sight s = {0};
    s.unknown = !look_at(root, e->path, &s.path) || !look_at(root, e->path2, &s.path2);
    if (e->path && (e->op == OP_SETXATTR || e->op == OP_REMOVEXATTR))
        s.xattrs_the_same = xattrs_unchanged(root, e);
    return s;
}

/* ---- the intake ---- */

static bool names_move(enum op op)
{
    return op == OP_RENAME || op == OP_EXCHANGE;
}

static void end_as(struct record *r, enum verdict v, const struct event *e, const struct sight *s)
{
    struct record_end *end = record_end_of(r);
    bool removal = e->op == OP_UNLINK || e->op == OP_RMDIR;
    end->flags = EVENT_SETTLED;
    if (v == VERDICT_DID_NOT) {
        end->outcome = OUTCOME_FAILED;
        end->error_code = ECANCELED;
    } else if (!removal) {
        end->after = names_move(e->op) ? s->path2 : s->path;
    }
    record_end_seal(end);
    intake_finish(r, RECORD_DONE);
}

static void settle(int root, struct vault *v, struct record *r, struct recovery *out)
{
    struct event e;
    if (!intake_sound(r) || record_event_unpack(r, &e) < 0) {
        out->damaged++;
        intake_finish(r, RECORD_SKIP); /* its version, if it has one, stays in the vault */
        return;
    }
    if (r->kind == RECORD_NOTE) {
        intake_finish(r, RECORD_DONE);
        return;
    }
    struct sight s = look(root, &e);
    enum verdict said = recover_settle(&e, &s);
    if (e.version && vault_is_last_home(v, e.version))
        said = VERDICT_HAPPENED;
    end_as(r, said, &e, &s);
    out->done.settled++;
    if (said == VERDICT_DID_NOT && e.version) {
        vault_discard(v, e.version);
        out->done.discarded++;
    }
}

void recover_intake(int root, struct vault *v, struct intake *in, struct recovery *out)
{
    uint64_t position = intake_tail(in);
    const uint64_t end = intake_head(in);
    struct record *r;
    for (; (r = intake_find(in, &position, end)); position = intake_behind(in, r, end)) {
        uint32_t state = atomic_load(&r->state);
        if (r->event > out->highest_event && r->event < INT64_MAX && intake_sound(r))
            out->highest_event = r->event;
        if (r->event && r->event <= out->stored) /* the tail did not reach the disk in time */
            intake_finish(r, RECORD_SKIP);
        else if (state == RECORD_PENDING)
            settle(root, v, r, out);
        else if (state != RECORD_DONE && state != RECORD_SKIP)
            intake_finish(r, RECORD_SKIP);
    }
}

/* ---- write sessions ---- */

struct open_session {
    uint64_t id;
    uint64_t object;
    uint64_t version;
    enum kept kept;
    int64_t time;
    struct attr before;
    char *path;
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
        db, "SELECT e.id, e.object, e.version, v.kept, e.b_ino, e.b_born, e.b_mode, e.b_size,"
            " p.bytes, e.b_mtime, e.time, e.b_ctime FROM event e"
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
                   .ctime = stmt_int(&q, 11)},
        .time = stmt_int(&q, 10),
        .path = strdup(path ? path : ""),
    };
    return out->path ? 1 : error_set(err, ENOMEM, "recover the journal");
}

/* Where the object is since its last move, before or after the session began: renamed, exchanged, or kept
 * in the vault, because it was removed or replaced. */
static int place_since(struct db *db, const struct open_session *o, char **path, uint64_t *version,
                       struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "SELECT iif(e.object = ?1, q.bytes, iif(e.op = 9, p.bytes, NULL)), e.version FROM event e"
            " LEFT JOIN path p ON p.id = e.path LEFT JOIN path q ON q.id = e.path2"
            " WHERE e.id IN (SELECT id FROM event WHERE object = ?1"
            "  UNION SELECT id FROM event WHERE id > ?2 AND replaced = ?1"
            "  UNION SELECT id FROM event WHERE replaced = ?1 AND"
            "   path2 = (SELECT id FROM path WHERE bytes = ?3))"
            " AND e.outcome = 0 AND e.op IN (6, 8, 9) ORDER BY e.id DESC LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)o->object);
    stmt_bind_int(&q, 2, (int64_t)o->id);
    stmt_bind_bytes(&q, 3, o->path, strlen(o->path));
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

/* The file as it is now: at its path, where it was renamed to, or in the vault; mode 0: not found.
 */
static int find_session_file(int root, struct vault *v, struct db *db, const struct open_session *o,
                             struct attr *out, struct error *err)
{
    CLEANUP(free_path) char *path = NULL;
    uint64_t version = 0;
    char name[17];
    if (look_at(root, o->path, out) && is(out, &o->before))
        return 0;
    TRY(place_since(db, o, &path, &version, err));
    if (path && look_at(root, path, out) && is(out, &o->before))
        return 0;
    if (version && attr_read(vault_place(v, version, name), name, out) == 0 && is(out, &o->before))
        return 0;
    *out = (struct attr){0};
    return 0;
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
 * set the old time again, but not the change time. */
static bool is_untouched(const struct open_session *o, const struct attr *after)
{
    const struct attr *b = &o->before;
    int64_t newest = b->mtime > b->ctime ? b->mtime : b->ctime;
    return attr_same_content(b, after) && b->ctime == after->ctime &&
           o->time - newest > ATTR_TICK_NS;
}

static int end_row(struct db *db, const struct open_session *o, const struct attr *a,
                   const struct range *ranges, size_t count, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "UPDATE event SET outcome = ?12, flags = flags | 2, ranges = ?2, a_ino = ?3, a_born = ?4,"
            " a_mode = ?5, a_uid = ?6, a_gid = ?7, a_nlink = ?8, a_size = ?9, a_mtime = ?10,"
            " a_ctime = ?11 WHERE id = ?1 AND outcome = 3");
    stmt_bind_int(&q, 1, (int64_t)o->id);
    stmt_bind_int(&q, 12, is_untouched(o, a) ? OUTCOME_NOTHING : OUTCOME_OK);
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

static int end_session(int root, struct vault *v, struct db *db, const struct open_session *o,
                       struct error *err)
{
    struct attr after;
    struct range *ranges = NULL;
    size_t count = 0;
    TRY(find_session_file(root, v, db, o, &after, err));
    struct error why = ERROR_NONE;
    if (session_ranges(v, o, &after, &ranges, &count, &why) < 0)
        log_error(&why); /* a damaged version: the row is ended without ranges */
    int r = end_row(db, o, &after, ranges, count, err);
    free(ranges);
    return r;
}

int recover_write_sessions(int root, struct vault *v, struct db *db, struct recovery *out,
                           struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    uint64_t behind = 0;
    unsigned ended = 0;
    TRY(transaction_begin(db, &t, err));
    for (;;) {
        CLEANUP(open_session_release) struct open_session o = {0};
        int r = open_session_next(db, behind, &o, err);
        TRY(r);
        if (r == 0)
            break;
        TRY(end_session(root, v, db, &o, err));
        behind = o.id;
        ended++;
    }
    TRY(transaction_commit(&t, err));
    out->done.sessions += ended;
    return 0;
}

/* ---- versions without an event ---- */

struct orphans {
    struct vault *vault;
    struct db *db;
    uint64_t first;
    struct recovery *out;
    struct error *err;
    int result;
};

static int version_known(struct db *db, uint64_t version, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT 1 FROM version WHERE id = ?1");
    stmt_bind_int(&q, 1, (int64_t)version);
    return stmt_step(&q, err);
}

/* What a truncation that was cut off was about to put in a file's place holds nothing of anybody. */
static bool is_empty_file(struct vault *v, uint64_t version)
{
    struct attr a;
    char name[17];
    int folder = vault_place(v, version, name);
    return attr_read(folder, name, &a) == 0 && S_ISREG(a.mode) && a.size == 0;
}

static void orphan_check(void *context, uint64_t version)
{
    struct orphans *o = context;
    if (version < o->first || o->result < 0)
        return;
    o->result = version_known(o->db, version, o->err);
    if (o->result != 0)
        return;
    if (vault_is_last_home(o->vault, version) && !is_empty_file(o->vault, version)) {
        log_line("version %016llx in the vault belongs to no event; it was kept",
                 (unsigned long long)version);
        return;
    }
    vault_discard(o->vault, version);
    o->out->done.discarded++;
}

int recover_orphans(struct vault *v, struct db *db, uint64_t first, struct recovery *out,
                    struct error *err)
{
    struct orphans o = {.vault = v, .db = db, .first = first, .out = out, .err = err};
    int r = vault_walk(v, orphan_check, &o);
    if (r < 0)
        return error_set(err, -r, "look through the vault");
    return o.result < 0 ? o.result : 0;
}
