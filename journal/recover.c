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
#include "journal/vault_sync.h"
#include "journal/xattr.h"

/* How far a filesystem's clock may lag behind ours. */
#define CLOCK_SLACK_NS NS_PER_S

/* ---- the decision ---- */

bool recover_is(const struct attr *there, const struct attr *known)
{
    return there->mode != 0 && known->mode != 0 && attr_same_object(there, known);
}

static enum verdict verdict(bool happened)
{
    return happened ? VERDICT_HAPPENED : VERDICT_DID_NOT;
}

static enum verdict settle_removal(const struct event *e, const struct sight *s)
{
    return verdict(!recover_is(&s->path, &e->before));
}

static enum verdict settle_rename(const struct event *e, const struct sight *s)
{
    return verdict(
        !recover_is(&s->path, &e->before)); /* at both names: they were one file before */
}

static enum verdict settle_creation(const struct event *e, const struct sight *s)
{
    bool returned = e->flags & EVENT_BY_UNDO; /* may be an old inode, out of the vault */
    int64_t born = s->path.born && !returned ? s->path.born : s->path.ctime;
    return verdict(s->path.mode != 0 && born >= e->time - CLOCK_SLACK_NS);
}

static enum verdict settle_link(const struct event *e, const struct sight *s)
{
    return verdict(recover_is(&s->path, &e->before));
}

static enum verdict settle_chmod(const struct event *e, const struct sight *s)
{
    return verdict(!recover_is(&s->path, &e->before) || s->path.mode != e->before.mode);
}

static enum verdict settle_chown(const struct event *e, const struct sight *s)
{
    return verdict(!recover_is(&s->path, &e->before) || s->path.uid != e->before.uid ||
                   s->path.gid != e->before.gid);
}

static enum verdict settle_utimens(const struct event *e, const struct sight *s)
{
    return verdict(!recover_is(&s->path, &e->before) || s->path.mtime != e->before.mtime ||
                   s->path.ctime != e->before.ctime);
}

static enum verdict settle_xattr(const struct event *e, const struct sight *s)
{
    return verdict(!recover_is(&s->path, &e->before) || !s->xattrs_the_same);
}

/* Equal times do not prove equal bytes: clocks tick in milliseconds.  But where the old inode was
 * to be kept and a new one put in its place, the old one must be gone from there. */
static enum verdict settle_write(const struct event *e, const struct sight *s)
{
    return verdict(e->kept != KEPT_INODE || !recover_is(&s->path, &e->before));
}

/* To the size that the file had already: whether that happened nobody can tell, nor does it matter.
 */
static bool cuts_nothing(const struct event *e)
{
    return e->range_count == 1 && e->ranges[0].length == 0;
}

static enum verdict settle_truncate(const struct event *e, const struct sight *s)
{
    if (e->kept == KEPT_INODE || cuts_nothing(e))
        return settle_write(e, s);
    return verdict(!recover_is(&s->path, &e->before) || s->path.size != e->before.size);
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

bool recover_look(int root, const char *path, struct attr *out)
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
    s.unknown = !recover_look(root, e->path, &s.path) || !recover_look(root, e->path2, &s.path2);
    if (e->path && (e->op == OP_SETXATTR || e->op == OP_REMOVEXATTR))
        s.xattrs_the_same = xattrs_unchanged(root, e);
    return s;
}

/* ---- the intake ---- */

static bool names_move(enum op op)
{
    return op == OP_RENAME || op == OP_EXCHANGE;
}

/* A change of an inode, whose name leads to something else by now, or nowhere.  (What a swap or an
 * undo puts in a file's place is another inode on purpose.) */
static bool is_elsewhere(const struct event *e, const struct sight *s)
{
    bool of_inode = e->op >= OP_WRITE && e->op <= OP_REMOVEXATTR;
    bool replaces = e->kept == KEPT_INODE || (e->flags & EVENT_BY_UNDO);
    return of_inode && !replaces && !s->unknown && !recover_is(&s->path, &e->before);
}

/* A link in the vault that was taken back; or a file was given the mode, owner or attribute that it
 * had already. */
static bool may_move_the_time_alone(const struct event *e)
{
    return e->kept == KEPT_INODE || (e->op >= OP_CHMOD && e->op <= OP_REMOVEXATTR);
}

struct attr recover_left(const struct event *e, const struct attr *now)
{
    const struct attr *target = e->op == OP_RENAME ? &e->before2 : &e->before;
    bool as_it_was =
        may_move_the_time_alone(e) && recover_is(now, target) && attr_same_content(now, target);
    return as_it_was ? *now : (struct attr){0};
}

/* The record ends, as told. */
static void end_as(struct record *r, enum outcome outcome, const struct attr *after)
{
    struct record_end *end = record_end_of(r);
    end->flags = EVENT_SETTLED;
    end->outcome = outcome;
    end->error_code = outcome == OUTCOME_FAILED ? ECANCELED : 0;
    end->after = *after;
    record_end_seal(end);
    intake_finish(r, RECORD_DONE);
}

static void end_as_happened(struct record *r, const struct event *e, const struct sight *s)
{
    const struct attr none = {0};
    bool removal = e->op == OP_UNLINK || e->op == OP_RMDIR;
    const struct attr *after = names_move(e->op) ? &s->path2 : &s->path;
    if (is_elsewhere(e, s))
        end_as(r, OUTCOME_OPEN, &none); /* until recover_open() has looked for it */
    else
        end_as(r, OUTCOME_OK, removal ? &none : after);
}

/* Before the record ends: whoever is killed in between comes here again. */
static void end_as_not_done(int root, struct vault *v, struct record *r, const struct event *e,
                            struct recovery *out)
{
    if (e->version) {
        vault_discard(v, e->version);
        out->done.discarded++;
    }
    struct attr now = {0};
    (void)!recover_look(root, e->op == OP_RENAME ? e->path2 : e->path, &now);
    const struct attr left = recover_left(e, &now);
    end_as(r, OUTCOME_FAILED, &left);
}

static void settle(int root, struct vault *v, struct record *r, struct recovery *out)
{
    struct event e;
    bool sound = intake_sound(r);
    if (sound)
        record_end_mend(r);
    if (!sound || record_event_unpack(r, &e) < 0) {
        intake_finish(r, RECORD_DONE); /* the writer leaves it out, and counts it */
        return;
    }
    if (r->kind == RECORD_NOTE) {
        intake_finish(r, RECORD_DONE);
        return;
    }
    const struct sight s = look(root, &e);
    bool kept_alone = e.version && vault_is_last_home(v, e.version);
    if (kept_alone || recover_settle(&e, &s) == VERDICT_HAPPENED)
        end_as_happened(r, &e, &s);
    else
        end_as_not_done(root, v, r, &e, out);
    out->done.settled++;
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

/* What a truncation that was cut off was about to put in a file's place holds nothing of anybody.
 */
static bool is_empty_file(struct vault *v, uint64_t version)
{
    struct attr a;
    char name[VAULT_NAME];
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
    if (o->out->damaged > 0) { /* one that cannot be read may have known it */
        vault_set_aside(o->vault, version);
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
