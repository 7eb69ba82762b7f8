/* mediator.c - see mediator.h.  Captures as fusefs/ does: event pending, pre-image, apply, confirm.
 */
#include "tests/support/mediator.h"

#include <sys/wait.h>
#include <sys/xattr.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/xattr.h"
#include "tests/support/test.h"
#include "tests/support/tree.h"

/* ---- the workspace ---- */

static void journal_begin_run(struct mediator *m)
{
    struct error err = ERROR_NONE;
    if (journal_open(m->root, &m->journal, &err) < 0)
        fail_msg("%s", err.message);
}

void mediator_open(struct mediator *m)
{
    struct error err = ERROR_NONE;
    *m = (struct mediator){.root = -1};
    m->root = test_folder_make(m->path, sizeof m->path);
    if (journal_create(m->root, &err) < 0)
        fail_msg("%s", err.message);
    journal_begin_run(m);
}

void mediator_reopen(struct mediator *m)
{
    journal_close(&m->journal);
    journal_begin_run(m);
}

void mediator_close(struct mediator *m)
{
    journal_close(&m->journal);
    fd_close(&m->root);
    test_folder_remove(m->path);
}

/* ---- one change ---- */

static void must(int r, const char *what, const char *path)
{
    if (r < 0)
        fail_msg("%s %s: %s", what, path, strerror(errno));
}

static struct attr look(struct mediator *m, const char *path)
{
    struct attr attr = {0};
    attr_read(m->root, path, &attr);
    return attr;
}

static int64_t folder_time(struct mediator *m, const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    return look(m, folder).mtime;
}

static struct change_spec spec_of(struct mediator *m, enum op op, const char *path)
{
    return (struct change_spec){
        .op = op,
        .path = path,
        .before = look(m, path),
        .dir_mtime = op <= OP_EXCHANGE ? folder_time(m, path) : 0,
    };
}

static struct change begin(struct mediator *m, const struct change_spec *spec)
{
    struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    if (journal_begin(m->journal, spec, &change, &err) < 0)
        fail_msg("%s", err.message);
    m->last = change.event;
    return change;
}

static uint64_t end(struct mediator *m, struct change *change, const char *path)
{
    struct attr after = path ? look(m, path) : (struct attr){0};
    journal_confirm(change, &after);
    return m->last;
}

static uint64_t make(struct mediator *m, enum op op, const char *path, mode_t mode,
                     const char *target)
{
    const struct change_spec spec = spec_of(m, op, path);
    struct change change = begin(m, &spec);
    if (op == OP_SYMLINK)
        must(symlinkat(target, m->root, path), "symlink", path);
    else if (op == OP_MKDIR)
        must(mkdirat(m->root, path, mode), "mkdir", path);
    else
        must(mknodat(m->root, path, mode, 0), "make", path);
    return end(m, &change, path);
}

uint64_t do_create(struct mediator *m, const char *path, const char *text)
{
    uint64_t event = make(m, OP_CREATE, path, S_IFREG | 0644, NULL);
    if (text[0])
        do_write(m, path, 0, text, CAPTURE_COPY);
    return event;
}

uint64_t do_mkdir(struct mediator *m, const char *path)
{
    return make(m, OP_MKDIR, path, 0755, NULL);
}

uint64_t do_mkfifo(struct mediator *m, const char *path)
{
    return make(m, OP_MKNOD, path, S_IFIFO | 0640, NULL);
}

uint64_t do_symlink(struct mediator *m, const char *target, const char *path)
{
    return make(m, OP_SYMLINK, path, 0, target);
}

uint64_t do_link(struct mediator *m, const char *old_path, const char *path)
{
    struct change_spec spec = spec_of(m, OP_LINK, path);
    spec.path2 = old_path;
    spec.before = look(m, old_path);
    struct change change = begin(m, &spec);
    must(linkat(m->root, old_path, m->root, path, 0), "link", path);
    return end(m, &change, path);
}

static void read_xattrs(struct mediator *m, const char *path, struct strbuf *out)
{
    CLEANUP(fd_close) int fd = openat(m->root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    must(fd, "open", path);
    assert_int_equal(xattr_read_all(fd, out), 0);
}

/* One name of several: no other one is known, so the file is copied. */
static void copy_name(struct mediator *m, const char *path, const struct attr *attr,
                      struct change_spec *spec, struct strbuf *xattrs)
{
    struct vault *vault = journal_vault(m->journal);
    if (!m->copies_names || !S_ISREG(attr->mode) || attr->nlink < 2)
        return;
    CLEANUP(fd_close) int fd = openat(m->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    must(fd, "open", path);
    read_xattrs(m, path, xattrs);
    spec->version = vault_new(vault);
    spec->xattrs = xattrs->data;
    spec->xattr_bytes = xattrs->bytes;
    assert_int_equal(
        vault_copy_in(vault, spec->version, fd, (int64_t)attr->size, INT64_MAX, &spec->kept, NULL),
        0);
}

uint64_t do_unlink(struct mediator *m, const char *path)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct change_spec spec = spec_of(m, OP_UNLINK, path);
    bool last = spec.before.nlink == 1;
    struct vault *vault = journal_vault(m->journal);
    if (last) {
        spec.version = vault_new(vault);
        spec.kept = KEPT_INODE;
    }
    copy_name(m, path, &spec.before, &spec, &xattrs);
    CLEANUP(fd_close) int fd = openat(m->root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct change change = begin(m, &spec);
    struct attr after = {0};
    if (last)
        must(vault_move_in(vault, spec.version, m->root, path, NULL), "unlink", path);
    else
        must(unlinkat(m->root, path, 0), "unlink", path);
    if (!last)
        attr_read(fd, "", &after);
    journal_confirm(&change, &after);
    return m->last;
}

uint64_t do_rmdir(struct mediator *m, const char *path)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct change_spec spec = spec_of(m, OP_RMDIR, path);
    read_xattrs(m, path, &xattrs);
    spec.xattrs = xattrs.data;
    spec.xattr_bytes = xattrs.bytes;
    struct change change = begin(m, &spec);
    must(unlinkat(m->root, path, AT_REMOVEDIR), "rmdir", path);
    return end(m, &change, NULL);
}

static uint64_t move(struct mediator *m, enum op op, const char *path, const char *path2)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct vault *vault = journal_vault(m->journal);
    struct change_spec spec = spec_of(m, op, path);
    spec.path2 = path2;
    spec.before2 = look(m, path2);
    spec.dir2_mtime = folder_time(m, path2);
    if (op == OP_RENAME && S_ISDIR(spec.before2.mode)) {
        read_xattrs(m, path2, &xattrs);
        spec.xattrs = xattrs.data;
        spec.xattr_bytes = xattrs.bytes;
    } else if (op == OP_RENAME && spec.before2.nlink == 1) {
        spec.version = vault_new(vault);
        spec.kept = KEPT_INODE;
    } else if (op == OP_RENAME) {
        copy_name(m, path2, &spec.before2, &spec, &xattrs);
    }
    struct change change = begin(m, &spec);
    if (spec.kept == KEPT_INODE)
        must(vault_link_in(vault, spec.version, m->root, path2, NULL), "keep", path2);
    unsigned flags = op == OP_EXCHANGE ? RENAME_EXCHANGE : 0;
    must(renameat2(m->root, path, m->root, path2, flags), "rename", path);
    return end(m, &change, path2);
}

uint64_t do_rename(struct mediator *m, const char *path, const char *path2)
{
    return move(m, OP_RENAME, path, path2);
}

uint64_t do_exchange(struct mediator *m, const char *path, const char *path2)
{
    return move(m, OP_EXCHANGE, path, path2);
}

/* ---- contents ---- */

static void keep_blocks(struct mediator *m, int fd, int64_t from, int64_t to,
                        struct change_spec *spec)
{
    struct vault *vault = journal_vault(m->journal);
    CLEANUP(fd_close) int blocks = -1;
    char buffer[4096];
    spec->version = vault_new(vault);
    spec->kept = KEPT_BLOCKS;
    assert_int_equal(vault_blocks_create(vault, spec->version, &blocks, NULL), 0);
    while (from < to) {
        size_t n = (size_t)(to - from < 4096 ? to - from : 4096);
        assert_int_equal(fd_pread_all(fd, buffer, n, from), 0);
        assert_int_equal(vault_blocks_add(blocks, from, buffer, (uint32_t)n, NULL), 0);
        from += (int64_t)n;
    }
}

/* The old content in [from, to), as it must be kept before it changes. */
static void keep(struct mediator *m, int fd, int64_t from, int64_t to, enum capture how,
                 struct change_spec *spec)
{
    int64_t size = (int64_t)spec->before.size;
    struct vault *vault = journal_vault(m->journal);
    if (from >= size)
        return;
    if (how == CAPTURE_BLOCKS) {
        keep_blocks(m, fd, from, to < size ? to : size, spec);
        return;
    }
    spec->version = vault_new(vault);
    assert_int_equal(vault_copy_in(vault, spec->version, fd, size, INT64_MAX, &spec->kept, NULL),
                     0);
}

static uint64_t write_fd(struct mediator *m, int fd, const char *path, int64_t offset,
                         const char *text, enum capture how)
{
    struct change_spec spec = {.op = OP_WRITE, .path = path};
    int64_t bytes = (int64_t)strlen(text);
    struct attr after;
    assert_int_equal(attr_read(fd, "", &spec.before), 0);
    keep(m, fd, offset, offset + bytes, how, &spec);
    assert_int_equal(journal_write_begin(m->journal, &spec, &m->last, NULL), 0);
    assert_int_equal(fd_pwrite_all(fd, text, (size_t)bytes, offset), 0);
    const struct range range = {offset, bytes};
    assert_int_equal(attr_read(fd, "", &after), 0);
    if (spec.kept == KEPT_BLOCKS) /* nothing is added to them any more */
        assert_int_equal(journal_write_kept(m->journal, spec.version, true, NULL), 0);
    journal_write_update(m->journal, m->last, &after, &range, 1, true);
    return m->last;
}

uint64_t do_write(struct mediator *m, const char *path, int64_t offset, const char *text,
                  enum capture how)
{
    CLEANUP(fd_close) int fd = openat(m->root, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    must(fd, "open", path);
    return write_fd(m, fd, path, offset, text, how);
}

/* Through a handle that is open still while the file is in the vault. */
uint64_t do_write_kept(struct mediator *m, uint64_t version, const char *path, const char *text)
{
    CLEANUP(fd_close) int fd = vault_open_version(journal_vault(m->journal), version, O_RDWR);
    must(fd, "open", path);
    return write_fd(m, fd, path, 0, text, CAPTURE_COPY);
}

uint64_t do_truncate(struct mediator *m, const char *path, int64_t size, enum capture how)
{
    struct change_spec spec = spec_of(m, OP_TRUNCATE, path);
    CLEANUP(fd_close) int fd = openat(m->root, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    must(fd, "open", path);
    keep(m, fd, size, INT64_MAX, how, &spec);
    struct change change = begin(m, &spec);
    must(ftruncate(fd, size), "truncate", path);
    return end(m, &change, path);
}

static void dress(struct mediator *m, const char *path, const struct attr *attr, int to)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(attr->mtime)};
    read_xattrs(m, path, &xattrs);
    assert_int_equal(xattr_apply(to, xattrs.data, xattrs.bytes, 1), 0);
    must(fchown(to, attr->uid, attr->gid), "chown", path);
    must(fchmod(to, attr->mode & 07777), "chmod", path);
    must(futimens(to, times), "utimens", path);
}

uint64_t do_truncate_swapped(struct mediator *m, const char *path)
{
    struct change_spec spec = spec_of(m, OP_TRUNCATE, path);
    struct vault *vault = journal_vault(m->journal);
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "./%.*s", slash ? (int)(slash - path) : 0, path);
    const struct timespec kept[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(folder_time(m, path))};
    spec.version = vault_new(vault);
    spec.kept = KEPT_INODE;
    struct change change = begin(m, &spec);
    CLEANUP(fd_close)
    int fd = openat(m->root, ".ccfs/fresh", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd, "make", path);
    dress(m, path, &spec.before, fd);
    must(vault_link_in(vault, spec.version, m->root, path, NULL), "keep", path);
    must(renameat(m->root, ".ccfs/fresh", m->root, path), "truncate", path);
    must(futimens(fd, NULL), "utimens", path);
    must(utimensat(m->root, folder, kept, 0), "utimens", folder);
    return end(m, &change, path);
}

/* ---- metadata ---- */

uint64_t do_chmod(struct mediator *m, const char *path, mode_t mode)
{
    const struct change_spec spec = spec_of(m, OP_CHMOD, path);
    struct change change = begin(m, &spec);
    must(fchmodat(m->root, path, mode, 0), "chmod", path);
    return end(m, &change, path);
}

uint64_t do_chown(struct mediator *m, const char *path, uid_t uid, gid_t gid)
{
    const struct change_spec spec = spec_of(m, OP_CHOWN, path);
    struct change change = begin(m, &spec);
    must(fchownat(m->root, path, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", path);
    return end(m, &change, path);
}

uint64_t do_utimens(struct mediator *m, const char *path, int64_t mtime)
{
    const struct change_spec spec = spec_of(m, OP_UTIMENS, path);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(mtime)};
    struct change change = begin(m, &spec);
    must(utimensat(m->root, path, times, AT_SYMLINK_NOFOLLOW), "utimens", path);
    return end(m, &change, path);
}

static uint64_t change_xattr(struct mediator *m, enum op op, const char *path, const char *name,
                             const char *value)
{
    CLEANUP(strbuf_release) struct strbuf old = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = openat(m->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    must(fd, "open", path);
    assert_int_equal(xattr_read_one(fd, name, &old), 0);
    struct change_spec spec = spec_of(m, op, path);
    if (!value || !xattr_holds(&old, value, (uint32_t)strlen(value))) {
        spec.xattrs = old.data;
        spec.xattr_bytes = old.bytes;
    }
    struct change change = begin(m, &spec);
    must(value ? fsetxattr(fd, name, value, strlen(value), 0) : fremovexattr(fd, name), "xattr",
         path);
    return end(m, &change, path);
}

uint64_t do_setxattr(struct mediator *m, const char *path, const char *name, const char *value)
{
    return change_xattr(m, OP_SETXATTR, path, name, value);
}

uint64_t do_removexattr(struct mediator *m, const char *path, const char *name)
{
    return change_xattr(m, OP_REMOVEXATTR, path, name, NULL);
}

/* ---- gc ---- */

void when_gc_is_killed(struct mediator *m, const struct gc_limits *limits, const char *point)
{
    journal_close(&m->journal);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct gc_result result;
        mediator_reopen(m);
        setenv("CCFS_FAULT", point, 1);
        (void)!gc_run(m->journal, limits, (struct actor_ref){0}, false, &result, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* ---- looking ---- */

char *tree_look(const struct mediator *m)
{
    return tree_text(m->root);
}

void assert_tree(const struct mediator *m, const char *expected)
{
    char *now = tree_look(m);
    bool same = tree_text_same(expected, now);
    free(now);
    assert_true(same);
}

/* ---- undoing ---- */

struct undo_plan *plan_ids(struct mediator *m, const uint64_t *ids, size_t count)
{
    struct history *h = NULL;
    struct undo_plan *plan = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(journal_drain(m->journal, &err), 0);
    assert_int_equal(history_open(m->root, &h, &err), 0);
    if (undo_plan_make(h, m->root, ids, count, m->how, &plan, &err) < 0)
        fail_msg("plan: %s", err.message);
    history_close(&h);
    return plan;
}

static struct undo_plan *plan_span(struct mediator *m, uint64_t first, uint64_t last)
{
    size_t count = (size_t)(last - first + 1);
    uint64_t *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = first + i;
    struct undo_plan *plan = plan_ids(m, ids, count);
    free(ids);
    return plan;
}

struct undo_plan *plan_range(struct mediator *m, uint64_t first, uint64_t last)
{
    return plan_span(m, first, last ? last : m->last);
}

static uint64_t apply(struct mediator *m, struct undo_plan *plan)
{
    const struct undo_conflict *conflicts;
    struct undo_result result;
    struct error err = ERROR_NONE;
    size_t count = undo_plan_conflicts(plan, &conflicts);
    for (size_t i = 0; i < count; i++)
        print_error("conflict: %s: %s (#%llu)\n", conflicts[i].path, conflicts[i].reason,
                    (unsigned long long)conflicts[i].event);
    int r = undo_apply(m->journal, m->root, plan, (struct actor_ref){0}, NULL, &result, &err);
    undo_plan_free(&plan);
    if (r < 0)
        fail_msg("undo: %s", err.message);
    return result.undo;
}

uint64_t undo_ids(struct mediator *m, const uint64_t *ids, size_t count)
{
    return apply(m, plan_ids(m, ids, count));
}

uint64_t undo_range(struct mediator *m, uint64_t first, uint64_t last)
{
    return apply(m, plan_range(m, first, last));
}

struct steps_of_undo {
    uint64_t *ids;
    size_t count;
};

static int keep_step(const struct event *e, void *context)
{
    struct steps_of_undo *s = context;
    if (e->op == OP_UNDO)
        return 1;
    if (!(e->flags & EVENT_BY_UNDO))
        return 0;
    s->ids = reallocarray(s->ids, s->count + 1, sizeof *s->ids);
    s->ids[s->count++] = e->id;
    return 0;
}

uint64_t redo(struct mediator *m, uint64_t undo)
{
    struct steps_of_undo steps = {0};
    struct history *h = NULL;
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = undo + 1;
    assert_int_equal(journal_drain(m->journal, NULL), 0);
    assert_int_equal(history_open(m->root, &h, NULL), 0);
    assert_true(history_events(h, &filter, keep_step, &steps, NULL) >= 0);
    history_close(&h);
    uint64_t done = undo_ids(m, steps.ids, steps.count);
    free(steps.ids);
    return done;
}
