/* tree.c - see tree.h.
 *
 * Every function reads the same way: find the place, ask the zone, begin (the event is pending), keep what
 * will be gone, apply, confirm. */
#include "fusefs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/attr.h"
#include "fusefs/data.h"
#include "fusefs/fresh.h"
#include "fusefs/preimage.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/xattr.h"

int entry_meet(struct place *at, struct entry *out)
{
    struct attr attr;
    TRY(place_attr(at, &attr, &out->attr));
    struct node *node = node_meet(at, &attr);
    if (!node)
        return -ENOMEM;
    out->number = node->number;
    return 0;
}

/* place_find(); a name that is hidden from the agent is not there, and asking for it is a refusal worth
 * knowing. */
static int find(struct fusefs *fs, const struct caller *caller, enum op op, uint64_t folder,
                const char *name, struct place *at)
{
    int r = place_find(fs->nodes, folder, name, at);
    if (r != -ENOENT)
        return r;
    if (strcmp(at->path, STATE_FOLDER) == 0)
        return refuse(fs, caller, op, at->path, NULL, ENOENT, "ccfs's own state is hidden");
    if (at->zone && at->zone->mode == ZONE_NONE)
        return refuse(fs, caller, op, at->path, NULL, ENOENT, "the folder is hidden");
    return r;
}

int tree_lookup(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                struct entry *out)
{
    CLEANUP(place_release) struct place at;
    place_none(&at);
    TRY(find(fs, caller, OP_OPEN, folder, name, &at));
    TRY(entry_meet(&at, out));
    fresh_reply(fs, out->number, &out->attr);
    return 0;
}

/* ---- something new ---------------------------------------------------------------------------- */

struct creation {
    enum op op;
    mode_t mode;
    int flags;          /* create */
    enum wish wish;     /* create: what the caller opens it for */
    const char *target; /* symlink */
    int fd;             /* create: out */
};

static int apply_creation(const struct place *at, struct creation *what)
{
    int r = -1;
    switch (what->op) {
    case OP_CREATE:
        r = what->fd = openat(at->dir, at->name, what->flags, what->mode);
        break;
    case OP_MKDIR:
        r = mkdirat(at->dir, at->name, what->mode);
        break;
    case OP_SYMLINK:
        r = symlinkat(what->target, at->dir, at->name);
        break;
    default:
        r = mknodat(at->dir, at->name, what->mode, 0);
        break;
    }
    return r < 0 ? -errno : 0;
}

static int create_at(struct fusefs *fs, const struct caller *caller, struct place *at,
                     struct creation *what, struct entry *out)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    struct change_spec spec = spec_for(fs, caller, what->op, at->path);
    spec.dir_mtime = place_folder_mtime(at);
    int r = journal_begin(fs->journal, &spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    caller_enter(fs, caller);
    r = apply_creation(at, what);
    caller_leave(fs, caller);
    FAULT_POINT("created");
    if (r < 0) {
        journal_fail(&change, -r);
        return r;
    }
    r = entry_meet(at, out);
    struct attr after = r < 0 ? (struct attr){0} : attr_from_statx(&out->attr);
    journal_confirm(&change, &after);
    return r;
}

static int create_new(struct fusefs *fs, const struct caller *caller, uint64_t folder,
                      const char *name, struct creation *what, struct entry *out)
{
    CLEANUP(gate_leave) UNUSED struct fusefs *in = gate_enter(fs);
    CLEANUP(place_release) struct place at;
    place_none(&at);
    TRY(find(fs, caller, what->op, folder, name, &at));
    TRY(allow(fs, caller, what->op, at.zone, WISH_ALTER, at.path, NULL));
    if (what->op == OP_CREATE) /* what is made may be opened for less than that */
        TRY(allow(fs, caller, what->op, at.zone, what->wish, at.path, NULL));
    if (what->op != OP_MKDIR && what->op != OP_SYMLINK)
        TRY(attr_allow_mode(fs, caller, what->op, at.zone, what->mode, at.path));
    return create_at(fs, caller, &at, what, out);
}

int tree_create(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                mode_t mode, int flags, struct entry *out, struct opened *opened)
{
    bool exclusive = flags & O_EXCL;
    struct creation what = {
        .op = OP_CREATE,
        .mode = mode & 07777,
        .flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        .wish = data_wish(flags),
        .fd = -1,
    };
    int r = create_new(fs, caller, folder, name, &what, out);
    if (r == -EEXIST && !exclusive) { /* the host's user was faster */
        TRY(tree_lookup(fs, caller, folder, name, out));
        return data_open(fs, caller, out->number, flags & ~(O_CREAT | O_EXCL), true, opened);
    }
    if (r < 0) {
        fd_close(&what.fd);
        return r;
    }
    CLEANUP(turn_end) struct turn turn = TURN_NONE;
    r = turn_take(fs, node_get(fs->nodes, out->number), &turn);
    if (r == 0)
        r = data_hand_out(&turn, caller, fd_take(&what.fd), flags, NULL, opened);
    fd_close(&what.fd);
    if (r < 0)
        node_forget(fs->nodes, out->number, 1);
    return r;
}

int tree_mknod(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
               mode_t mode, struct entry *out)
{
    struct creation what = {.op = S_ISREG(mode) ? OP_CREATE : OP_MKNOD, .mode = mode, .fd = -1};
    if (S_ISCHR(mode) || S_ISBLK(mode)) {
        CLEANUP(place_release) struct place at;
        place_none(&at);
        TRY(find(fs, caller, OP_MKNOD, folder, name, &at));
        return refuse(fs, caller, OP_MKNOD, at.path, NULL, EPERM, "device nodes are refused");
    }
    if (S_ISREG(mode)) {
        what.mode = mode & 07777;
        what.wish = WISH_ALTER; /* nothing is opened */
        what.flags = O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    }
    int r = create_new(fs, caller, folder, name, &what, out);
    fd_close(&what.fd);
    return r;
}

int tree_mkdir(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
               mode_t mode, struct entry *out)
{
    struct creation what = {.op = OP_MKDIR, .mode = mode & 07777, .fd = -1};
    return create_new(fs, caller, folder, name, &what, out);
}

int tree_symlink(struct fusefs *fs, const struct caller *caller, const char *target,
                 uint64_t folder, const char *name, struct entry *out)
{
    struct creation what = {.op = OP_SYMLINK, .target = target, .fd = -1};
    return create_new(fs, caller, folder, name, &what, out);
}

static int across_zones(struct fusefs *fs, const struct caller *caller, enum op op,
                        const char *path, const char *path2)
{
    struct change_spec spec = spec_for(fs, caller, op, path);
    spec.path2 = path2;
    journal_note(fs->journal, &spec, OUTCOME_FAILED, EXDEV, "zones are like different disks");
    return -EXDEV;
}

/* linkat by its present spot; a descriptor without a name goes through /proc, by our own number. */
static int apply_link(struct fusefs *fs, struct node *node, const struct place *at)
{
    CLEANUP(spot_release) struct spot spot = {0};
    TRY(node_spot(fs->nodes, node, &spot));
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", spot.dir);
    int r = spot.name[0] ? linkat(spot.dir, spot.name, at->dir, at->name, 0)
                         : linkat(AT_FDCWD, self, at->dir, at->name, AT_SYMLINK_FOLLOW);
    return r < 0 ? -errno : 0;
}

int tree_link(struct fusefs *fs, const struct caller *caller, uint64_t number, uint64_t folder,
              const char *name, struct entry *out)
{
    CLEANUP(gate_leave) UNUSED struct fusefs *in = gate_enter(fs);
    CLEANUP(place_release) struct place at;
    place_none(&at);
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct node *node = node_get(fs->nodes, number);
    if (!node)
        return -ESTALE;
    char old_path[PLACE_PATH_MAX];
    struct change_spec spec;
    struct error err = ERROR_NONE;
    TRY(find(fs, caller, OP_LINK, folder, name, &at));
    TRY(node_path(fs->nodes, node, old_path));
    TRY(allow(fs, caller, OP_LINK, node->zone, WISH_ALTER, at.path, old_path));
    TRY(allow(fs, caller, OP_LINK, at.zone, WISH_ALTER, at.path, old_path));
    if (node->zone != at.zone)
        return across_zones(fs, caller, OP_LINK, at.path, old_path);
    data_settle(fs, node);
    spec = spec_for(fs, caller, OP_LINK, at.path);
    spec.path2 = old_path;
    spec.dir_mtime = place_folder_mtime(&at);
    TRY(node_attr(fs->nodes, node, &spec.before, NULL));
    int r = journal_begin(fs->journal, &spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    r = apply_link(fs, node, &at);
    if (r < 0) {
        journal_fail(&change, -r);
        return r;
    }
    r = entry_meet(&at, out);
    struct attr after = r < 0 ? (struct attr){0} : attr_from_statx(&out->attr);
    journal_confirm(&change, &after);
    if (r == 0)
        fresh_reply(fs, out->number, &out->attr);
    return r;
}

/* ---- something less ----------------------------------------------------------------------------- */

/* The last name goes: the inode moves into the vault, which is capture and removal in one rename. */
static int remove_last_name(struct fusefs *fs, const struct place *at, struct change_spec *spec,
                            struct node *node)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    int r = preimage_room(fs, spec, &err);
    spec->version = vault_new(fs->vault);
    spec->kept = KEPT_INODE;
    if (r == 0)
        r = journal_begin(fs->journal, spec, &change, &err);
    if (r == 0)
        r = vault_move_in(fs->vault, spec->version, at->dir, at->name, &err);
    if (r < 0) {
        journal_fail(&change, -r);
        if (r != -ENOENT)
            complain(&err);
        return r;
    }
    if (node)
        node_to_vault(fs->nodes, node, spec->version);
    journal_confirm(&change, NULL);
    return 0;
}

/* Begins a change for which preimage_name() may have kept something already. */
static int begin_kept(struct fusefs *fs, const struct change_spec *spec, struct change *change,
                      struct error *err)
{
    int r = journal_begin(fs->journal, spec, change, err);
    if (r < 0 && spec->version)
        vault_discard(fs->vault, spec->version);
    return r;
}

/* Other names remain. */
static int remove_one_name(struct fusefs *fs, const struct place *at, struct change_spec *spec,
                           struct node *node)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct error err = ERROR_NONE;
    CLEANUP(fd_close) int fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int r = preimage_name(fs, at, node, &spec->before, spec, &xattrs, &err);
    if (r == 0 && node && node_is_alias(fs->nodes, node, at))
        node_pin(fs->nodes, node);
    if (r == 0)
        r = begin_kept(fs, spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    r = preimage_link(fs, at, spec, &err);
    if (r == 0 && unlinkat(at->dir, at->name, 0) < 0)
        r = -errno;
    if (r < 0) {
        journal_fail_left(&change, -r, at->dir, at->name);
        return r;
    }
    struct attr after = {0};
    if (fd >= 0 && attr_read(fd, "", &after) < 0)
        after = (struct attr){0};
    journal_confirm(&change, &after);
    return 0;
}

int tree_unlink(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name)
{
    CLEANUP(gate_leave) UNUSED struct fusefs *in = gate_enter(fs);
    CLEANUP(place_release) struct place at;
    place_none(&at);
    TRY(find(fs, caller, OP_UNLINK, folder, name, &at));
    TRY(allow(fs, caller, OP_UNLINK, at.zone, WISH_ALTER, at.path, NULL));
    struct change_spec spec = spec_for(fs, caller, OP_UNLINK, at.path);
    TRY(place_attr(&at, &spec.before, NULL));
    if (S_ISDIR(spec.before.mode))
        return -EISDIR;
    spec.dir_mtime = place_folder_mtime(&at);
    struct node *node = node_find(fs->nodes, spec.before.ino, spec.before.born, at.zone);
    if (node && data_settle(fs, node))
        (void)!place_attr(&at, &spec.before, NULL); /* what its write session left */
    int r = spec.before.nlink > 1 ? remove_one_name(fs, &at, &spec, node)
                                  : remove_last_name(fs, &at, &spec, node);
    if (node) {
        data_renew(fs, node);
        node_drop(fs->nodes, node);
    }
    return r;
}

static int refuse_zone_root(struct fusefs *fs, const struct caller *caller, enum op op,
                            const struct place *at, const char *path2)
{
    if (!zone_is_root(fs->options->zones, at->path))
        return 0;
    return refuse(fs, caller, op, at->path, path2, EBUSY, "it is the root of a zone");
}

int tree_rmdir(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name)
{
    CLEANUP(gate_leave) UNUSED struct fusefs *in = gate_enter(fs);
    CLEANUP(place_release) struct place at;
    place_none(&at);
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    TRY(find(fs, caller, OP_RMDIR, folder, name, &at));
    TRY(refuse_zone_root(fs, caller, OP_RMDIR, &at, NULL));
    TRY(allow(fs, caller, OP_RMDIR, at.zone, WISH_ALTER, at.path, NULL));
    struct change_spec spec = spec_for(fs, caller, OP_RMDIR, at.path);
    TRY(place_attr(&at, &spec.before, NULL));
    TRY(preimage_folder(&at, &xattrs));
    spec.xattrs = xattrs.data;
    spec.xattr_bytes = xattrs.bytes;
    spec.dir_mtime = place_folder_mtime(&at);
    struct node *node = node_find(fs->nodes, spec.before.ino, spec.before.born, at.zone);
    if (node)
        node_pin(fs->nodes, node); /* it may be somebody's working directory */
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct error err = ERROR_NONE;
    int r = journal_begin(fs->journal, &spec, &change, &err);
    if (r < 0)
        complain(&err);
    else if (unlinkat(at.dir, at.name, AT_REMOVEDIR) < 0)
        journal_fail(&change, -(r = -errno));
    else
        journal_confirm(&change, NULL);
    if (node)
        node_drop(fs->nodes, node);
    return r;
}

/* ---- something elsewhere -------------------------------------------------------------------------- */

struct move {
    struct place from;
    struct place to;
    struct attr source; /* mode 0: not looked at yet */
    struct attr target; /* mode 0: nothing there */
    struct node *source_node;
    struct node *target_node;
    unsigned flags;
};

static void move_none(struct move *m, unsigned flags)
{
    place_none(&m->from);
    place_none(&m->to);
    m->source = m->target = (struct attr){0};
    m->source_node = m->target_node = NULL;
    m->flags = flags;
}

static void move_release(struct fusefs *fs, struct move *m)
{
    if (m->source_node)
        node_drop(fs->nodes, m->source_node);
    if (m->target_node)
        node_drop(fs->nodes, m->target_node);
    place_release(&m->from);
    place_release(&m->to);
}

static int move_check(struct fusefs *fs, const struct caller *caller, struct move *m, enum op op)
{
    const char *from = m->from.path;
    const char *to = m->to.path;
    TRY(refuse_zone_root(fs, caller, op, &m->from, to));
    TRY(refuse_zone_root(fs, caller, op, &m->to, from));
    TRY(allow(fs, caller, op, m->from.zone, WISH_ALTER, from, to));
    TRY(allow(fs, caller, op, m->to.zone, WISH_ALTER, to, from));
    return m->from.zone == m->to.zone ? 0 : across_zones(fs, caller, op, from, to);
}

/* What stands at both ends; -EEXIST and -ENOENT as the flags want. */
static int move_look(struct fusefs *fs, struct move *m, struct change_spec *spec)
{
    if (!m->source.mode)
        TRY(place_attr(&m->from, &m->source, NULL));
    spec->before = m->source;
    m->source_node = node_find(fs->nodes, spec->before.ino, spec->before.born, m->from.zone);
    if (m->source_node && data_settle(fs, m->source_node))
        (void)!place_attr(&m->from, &spec->before, NULL); /* what its write session left */
    int r = place_attr(&m->to, &m->target, NULL);
    if (r == -ENOENT)
        return m->flags & RENAME_EXCHANGE ? -ENOENT : 0;
    if (r < 0)
        return r;
    if (m->flags & RENAME_NOREPLACE)
        return -EEXIST;
    m->target_node = node_find(fs->nodes, m->target.ino, m->target.born, m->to.zone);
    if (m->target_node && data_settle(fs, m->target_node))
        (void)!place_attr(&m->to, &m->target, NULL);
    spec->before2 = m->target;
    return 0;
}

/* What is replaced is kept: an inode is linked into the vault once the change has begun, a folder is
 * its attributes, one name of several is looked after by preimage_name(). */
static int move_keep(struct fusefs *fs, const struct move *m, struct change_spec *spec,
                     struct strbuf *xattrs, struct error *err)
{
    if (!m->target.mode || (m->flags & RENAME_EXCHANGE))
        return 0;
    if (S_ISDIR(m->target.mode)) {
        int r = preimage_folder(&m->to, xattrs);
        spec->xattrs = xattrs->data;
        spec->xattr_bytes = xattrs->bytes;
        return r < 0 ? error_set(err, -r, "%s: reading its attributes", m->to.path) : 0;
    }
    if (m->target.nlink > 1)
        return preimage_name(fs, &m->to, m->target_node, &m->target, spec, xattrs, err);
    TRY(preimage_room(fs, spec, err));
    spec->version = vault_new(fs->vault);
    spec->kept = KEPT_INODE;
    return 0;
}

static int move_apply(struct fusefs *fs, struct move *m, const struct change_spec *spec,
                      struct error *err)
{
    bool destroys = spec->version && m->target.nlink == 1;
    if (destroys)
        TRY(preimage_inode(fs, &m->to, spec->version, &m->target, err));
    else
        TRY(preimage_link(fs, &m->to, spec, err));
    bool copied = destroys && !preimage_is_inode(fs, spec->version, &m->target);
    if (m->target_node && (copied || !destroys) && !(m->flags & RENAME_EXCHANGE))
        node_pin(fs->nodes, m->target_node); /* whoever has it open goes on with it */
    int r = FAULT_ERROR("rename");
    if (r == 0 && renameat2(m->from.dir, m->from.name, m->to.dir, m->to.name, m->flags) < 0)
        r = -errno;
    FAULT_POINT("renamed");
    if (r < 0) {
        if (copied) /* it looks like a file that lives nowhere else */
            vault_discard(fs->vault, spec->version);
        return r;
    }
    if (m->source_node)
        node_move(fs->nodes, m->source_node, &m->to);
    if (m->target_node && (m->flags & RENAME_EXCHANGE))
        node_move(fs->nodes, m->target_node, &m->from);
    else if (m->target_node && destroys && !copied)
        node_to_vault(fs->nodes, m->target_node, spec->version);
    return 0;
}

static int move_do(struct fusefs *fs, const struct caller *caller, struct move *m)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct error err = ERROR_NONE;
    enum op op = m->flags & RENAME_EXCHANGE ? OP_EXCHANGE : OP_RENAME;
    TRY(move_check(fs, caller, m, op));
    struct change_spec spec = spec_for(fs, caller, op, m->from.path);
    spec.path2 = m->to.path;
    TRY(move_look(fs, m, &spec));
    if (m->target.mode && attr_same_object(&m->target, &spec.before))
        return 0; /* two names of one file: POSIX wants nothing to happen */
    spec.dir_mtime = place_folder_mtime(&m->from);
    spec.dir2_mtime = m->to.folder == m->from.folder ? spec.dir_mtime : place_folder_mtime(&m->to);
    int r = move_keep(fs, m, &spec, &xattrs, &err);
    if (r == 0)
        r = begin_kept(fs, &spec, &change, &err);
    if (r < 0) {
        complain(&err);
        return r;
    }
    r = move_apply(fs, m, &spec, &err);
    if (r < 0) {
        journal_fail_left(&change, -r, m->to.dir, m->to.name);
        return r;
    }
    struct attr after = {0};
    if (place_attr(&m->to, &after, NULL) < 0)
        after = spec.before;
    journal_confirm(&change, &after);
    if (m->target_node)
        data_renew(fs, m->target_node);
    return 0;
}

/* A folder that moves takes the paths of everything below it along, so it moves alone: no event may
 * carry a path that was no longer true when its change was applied. */
static bool moves_folder(struct move *m)
{
    struct attr attr;
    if (place_attr(&m->from, &m->source, NULL) == 0 && S_ISDIR(m->source.mode))
        return true;
    return (m->flags & RENAME_EXCHANGE) && place_attr(&m->to, &attr, NULL) == 0 &&
           S_ISDIR(attr.mode);
}

struct move_names {
    uint64_t folder;
    const char *name;
    uint64_t new_folder;
    const char *new_name;
};

/* -EAGAIN: it has to move alone. */
static int move_try(struct fusefs *fs, const struct caller *caller, struct move *m,
                    const struct move_names *names, bool alone)
{
    enum op op = m->flags & RENAME_EXCHANGE ? OP_EXCHANGE : OP_RENAME;
    TRY(find(fs, caller, op, names->folder, names->name, &m->from));
    TRY(find(fs, caller, op, names->new_folder, names->new_name, &m->to));
    return !alone && moves_folder(m) ? -EAGAIN : move_do(fs, caller, m);
}

int tree_rename(struct fusefs *fs, const struct caller *caller, uint64_t folder, const char *name,
                uint64_t new_folder, const char *new_name, unsigned flags)
{
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    const struct move_names names = {folder, name, new_folder, new_name};
    int r = -EAGAIN;
    for (int alone = 0; alone < 2 && r == -EAGAIN; alone++) {
        CLEANUP(gate_leave)
        UNUSED struct fusefs *in = alone ? gate_enter_alone(fs) : gate_enter(fs);
        struct move m;
        move_none(&m, flags);
        r = move_try(fs, caller, &m, &names, alone != 0);
        move_release(fs, &m);
    }
    return r;
}
