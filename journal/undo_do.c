/* undo_do.c - names and metadata put back; see undo_apply.h.
 *
 * Every function reads the same way: look whether it is done already, begin the event, do it,
 * confirm.  The events are those that an agent's own operation would have left, so that an undo can
 * be undone. */
#include "journal/undo_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/undo_place.h"
#include "journal/undo_tree.h"
#include "journal/xattr.h"

#define PROC_LINK_BYTES 32

/* ---- spots ---- */

void work_forget_folder(struct work *w)
{
    fd_close(&w->dir);
    strbuf_clear(&w->folder);
}

/* Many steps in a row work in one folder. */
static int open_folder(struct work *w, const char *path)
{
    size_t bytes = (size_t)(place_name(path) - path);
    if (w->dir >= 0 && w->folder.bytes == bytes && memcmp(w->folder.data, path, bytes) == 0)
        return w->dir;
    work_forget_folder(w);
    strbuf_add(&w->folder, path, bytes);
    if (w->folder.failed)
        return -ENOMEM;
    w->dir = path[0] ? place_open_parent(w->root, path) : place_open(w->root, "", O_PATH);
    return w->dir;
}

static bool means_absent(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

int spot_find(struct work *w, const char *path, struct spot *out, struct error *err)
{
    *out = (struct spot){.name = path[0] ? place_name(path) : "."};
    out->dir = open_folder(w, path);
    if (out->dir < 0)
        return error_set(err, -out->dir, "open the folder of %s", path);
    int r = attr_read(out->dir, out->name, &out->now);
    return r < 0 && !means_absent(r) ? error_set(err, -r, "look at %s", path) : 0;
}

bool spot_is(const struct spot *at, const struct attr *expected)
{
    return at->now.mode && at->now.ino == expected->ino &&
           ((at->now.mode ^ expected->mode) & S_IFMT) == 0 && at->now.born == expected->born;
}

int spot_changed(const char *path, struct error *err)
{
    return error_say(err, ESTALE,
                     "%s was changed outside ccfs while the undo was under way; "
                     "look at it, then undo again",
                     path);
}

int64_t folder_mtime(int dir)
{
    struct attr attr;
    return attr_read(dir, "", &attr) == 0 ? attr.mtime : 0;
}

struct change_spec spot_spec(const struct work *w, const struct step *step, enum op op,
                             const struct spot *at)
{
    return (struct change_spec){
        .op = op,
        .who = w->who,
        .flags = EVENT_BY_UNDO,
        .path = step->path,
        .before = at->now,
        .dir_mtime = op <= OP_EXCHANGE ? folder_mtime(at->dir) : 0,
        .undoes = step->event,
    };
}

static const char *proc_link(int fd, char link[PROC_LINK_BYTES])
{
    snprintf(link, PROC_LINK_BYTES, "/proc/self/fd/%d", fd);
    return link;
}

int spot_open(const struct spot *at, int flags)
{
    char link[PROC_LINK_BYTES];
    flags |= O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(at->dir, at->name, flags);
    if (fd >= 0 || errno != EACCES)
        return fd < 0 ? -errno : fd;
    CLEANUP(fd_close) int path = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (path < 0 || !S_ISREG(at->now.mode) ||
        chmod(proc_link(path, link), (at->now.mode & 07777) | 0600) < 0)
        return -EACCES;
    fd = openat(at->dir, at->name, flags);
    int code = errno;
    chmod(link, at->now.mode & 07777);
    return fd < 0 ? -code : fd;
}

/* ---- metadata ---- */

static int set_owner(int fd, uint32_t uid, uint32_t gid)
{
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_mode(int fd, uint32_t mode)
{
    char link[PROC_LINK_BYTES];
    return chmod(proc_link(fd, link), mode & 07777) < 0 ? -errno : 0;
}

static int set_mtime(int fd, int64_t mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(mtime)};
    return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* To give a file away takes root: without, it comes back as the user's own, without setuid bits. */
static int give_owner(int fd, const struct step *step, const struct attr *now, bool *owned)
{
    uint32_t uid = step_wished_uid(step, now);
    uint32_t gid = step_wished_gid(step, now);
    int r = set_owner(fd, uid, gid);
    *owned = r == 0;
    if (r != -EPERM)
        return r;
    log_line("%s comes back as your own: to give it to %u:%u takes root", step->path, uid, gid);
    return 0;
}

int wish_apply(int fd, const struct step *step, struct error *err)
{
    struct attr now;
    int r = attr_read(fd, "", &now);
    bool owned = true;
    if (r == 0 && step_owner_differs(step, &now))
        r = give_owner(fd, step, &now, &owned);
    if (r == 0)
        r = attr_read(fd, "", &now); /* a new owner costs the setuid bits */
    if (r == 0 && step_mode_differs(step, &now))
        r = set_mode(fd, owned ? step->wish.mode : step->wish.mode & 01777);
    if (r == 0 && step_mtime_differs(step, &now))
        r = set_mtime(fd, step->wish.mtime);
    return r < 0 ? error_set(err, -r, "give %s back its owner, mode and time", step->path) : 0;
}

typedef int setter(int fd, const struct step *step, const struct attr *now);

static int reset_owner(int fd, const struct step *step, const struct attr *now)
{
    return set_owner(fd, step_wished_uid(step, now), step_wished_gid(step, now));
}

static int reset_mode(int fd, const struct step *step, const struct attr *now)
{
    (void)now;
    return set_mode(fd, step->wish.mode);
}

static int reset_mtime(int fd, const struct step *step, const struct attr *now)
{
    (void)now;
    return set_mtime(fd, step->wish.mtime);
}

static const struct {
    enum op op;
    bool (*differs)(const struct step *step, const struct attr *now);
    setter *set;
} resets[] = {
    {OP_CHOWN, step_owner_differs, reset_owner},
    {OP_CHMOD, step_mode_differs, reset_mode},
    {OP_UTIMENS, step_mtime_differs, reset_mtime},
};

/* One event for what one call changes. */
static int reset_one(struct work *w, const struct step *step, struct spot *at, int fd, size_t which,
                     struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    const struct change_spec spec = spot_spec(w, step, resets[which].op, at);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    int r = resets[which].set(fd, step, &at->now);
    if (r < 0)
        return error_set(err, -r, "give %s back what #%llu changed (%s)", step->path,
                         (unsigned long long)step->event, op_name(resets[which].op));
    r = attr_read(fd, "", &at->now);
    journal_confirm(&change, r < 0 ? NULL : &at->now);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

static int name_of(const struct xattr *x, char name[256])
{
    if (x->name_bytes >= 256)
        return -EBADMSG;
    memcpy(name, x->name, x->name_bytes);
    name[x->name_bytes] = '\0';
    return 0;
}

int access_open(int fd, uint32_t mode)
{
    if (geteuid() == 0 || (mode & 0600) == 0600 || S_ISLNK(mode))
        return 0;
    return set_mode(fd, mode | 0600);
}

void access_close(int fd, uint32_t mode)
{
    if (geteuid() != 0 && (mode & 0600) != 0600 && !S_ISLNK(mode))
        (void)!set_mode(fd, mode);
}

/* The present values of the attributes that the step names. */
static int read_present(int fd, const struct step *step, struct strbuf *out)
{
    char name[256];
    struct xattr x;
    size_t at = 0;
    int r;
    while ((r = xattr_next(step->xattrs, step->xattr_bytes, &at, &x)) == 1) {
        TRY(name_of(&x, name));
        TRY(xattr_read_one(fd, name, out));
    }
    return r;
}

static int reset_xattrs(struct work *w, const struct step *step, struct spot *at, int fd,
                        struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(strbuf_release) struct strbuf present = STRBUF_EMPTY;
    int r = access_open(fd, at->now.mode);
    if (r == 0)
        r = read_present(fd, step, &present);
    access_close(fd, at->now.mode);
    if (r < 0)
        return error_set(err, -r, "read the extended attributes of %s", step->path);
    if (present.bytes == step->xattr_bytes &&
        memcmp(strbuf_text(&present), step->xattrs, present.bytes) == 0)
        return 0;
    struct change_spec spec = spot_spec(w, step, OP_SETXATTR, at);
    spec.xattrs = present.data;
    spec.xattr_bytes = present.bytes;
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    r = access_open(fd, at->now.mode);
    if (r == 0)
        r = xattr_apply(fd, step->xattrs, step->xattr_bytes, 1);
    access_close(fd, at->now.mode);
    int looked = attr_read(fd, "", &at->now);
    journal_confirm(&change, looked < 0 ? NULL : &at->now); /* some may have been set */
    return r < 0 ? error_set(err, -r, "give %s back its extended attributes", step->path) : 0;
}

/* A folder that was made by this undo gets them without an event: its making is one. */
static int apply_xattrs(struct work *w, const struct step *step, struct spot *at, int fd,
                        struct error *err)
{
    if (step->fields & WISH_ALL_XATTRS) {
        int r = xattr_apply(fd, step->xattrs, step->xattr_bytes, 0);
        return r < 0 ? error_set(err, -r, "give %s back its extended attributes", step->path) : 0;
    }
    return step->fields & WISH_XATTRS ? reset_xattrs(w, step, at, fd, err) : 0;
}

static int do_meta(struct work *w, const struct step *step, struct error *err)
{
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    bool expected = step->attr.ino == 0 ? S_ISDIR(at.now.mode) : spot_is(&at, &step->attr);
    if (!expected && w->resumed && !at.now.mode)
        return 0;
    CLEANUP(fd_close)
    int fd = expected ? openat(at.dir, at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0)
        return spot_changed(step->path, err);
    TRY(apply_xattrs(w, step, &at, fd, err));
    for (size_t i = 0; i < COUNT_OF(resets); i++)
        if (resets[i].differs(step, &at.now))
            TRY(reset_one(w, step, &at, fd, i, err));
    return 0;
}

int xattrs_reset(struct work *w, const struct step *step, struct error *err)
{
    struct step only = *step;
    only.fields &= WISH_XATTRS;
    only.attr = (struct attr){0};
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    CLEANUP(fd_close) int fd = openat(at.dir, at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return spot_changed(step->path, err);
    return apply_xattrs(w, &only, &at, fd, err);
}

/* ---- names ---- */

static int fill_folder(const struct spot *at, const struct step *step, struct attr *after,
                       struct error *err)
{
    CLEANUP(fd_close)
    int fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    struct step lasting = *step;
    if (geteuid() != 0)
        lasting.wish.mode |= 0700; /* until all is in it; then its own step comes */
    lasting.fields &= ~(unsigned)WISH_MTIME;
    if (fd < 0)
        return error_set(err, errno, "open %s", step->path);
    int r = xattr_apply(fd, step->xattrs, step->xattr_bytes, 0);
    if (r < 0)
        return error_set(err, -r, "give %s back its extended attributes", step->path);
    TRY(wish_apply(fd, &lasting, err));
    r = attr_read(fd, "", after);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

static int do_mkdir(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct attr after = {0};
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    if (w->resumed && S_ISDIR(at.now.mode))
        return fill_folder(&at, step, &after, err);
    if (at.now.mode)
        return spot_changed(step->path, err);
    const struct change_spec spec = spot_spec(w, step, OP_MKDIR, &at);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (mkdirat(at.dir, at.name, 0700) < 0)
        return error_set(err, errno, "make the folder %s", step->path);
    int r = fill_folder(&at, step, &after, err);
    journal_confirm(&change, &after);
    return r;
}

static enum op making_op(uint32_t mode)
{
    return S_ISLNK(mode) ? OP_SYMLINK : S_ISREG(mode) ? OP_CREATE : OP_MKNOD;
}

static int do_move_out(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct spot at;
    struct attr after = {0};
    TRY(spot_find(w, step->path, &at, err));
    if (w->resumed && at.now.mode && !vault_has(w->vault, step->version))
        return 0;
    if (at.now.mode)
        return spot_changed(step->path, err);
    const struct change_spec spec = spot_spec(w, step, making_op(step->attr.mode), &at);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    TRY(vault_move_out(w->vault, step->version, at.dir, at.name, err));
    FAULT_POINT("undo_applied");
    int r = attr_read(at.dir, at.name, &after);
    journal_confirm(&change, &after);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

/* Another spot, beside the one that the folder cache belongs to. */
static int other_spot(const struct work *w, const char *path, int *dir, struct spot *out,
                      struct error *err)
{
    *dir = place_open_parent(w->root, path);
    *out = (struct spot){.dir = *dir, .name = place_name(path)};
    int r = *dir < 0 ? *dir : attr_read(*dir, out->name, &out->now);
    return r < 0 && !(*dir >= 0 && means_absent(r)) ? error_set(err, -r, "look at %s", path) : 0;
}

/* The file that gets a further name, by whichever of its names. */
static bool spot_is_linked(const struct spot *at, const struct attr *expected)
{
    return expected->ino ? spot_is(at, expected)
                         : at->now.mode && ((at->now.mode ^ expected->mode) & S_IFMT) == 0;
}

static int do_link(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(fd_close) int other = -1;
    struct attr after = {0};
    struct spot at;
    struct spot old;
    TRY(spot_find(w, step->path, &at, err));
    TRY(other_spot(w, step->path2, &other, &old, err));
    if (w->resumed && spot_is_linked(&at, &step->attr))
        return 0;
    if (at.now.mode || !spot_is_linked(&old, &step->attr))
        return spot_changed(at.now.mode ? step->path : step->path2, err);
    struct change_spec spec = spot_spec(w, step, OP_LINK, &at);
    spec.path2 = step->path2;
    spec.before = old.now;
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (linkat(old.dir, old.name, at.dir, at.name, 0) < 0)
        return error_set(err, errno, "link %s to %s", step->path, step->path2);
    int r = attr_read(at.dir, at.name, &after);
    journal_confirm(&change, &after);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

static int do_rename(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(fd_close) int other = -1;
    struct attr after = {0};
    struct spot at;
    struct spot to;
    TRY(spot_find(w, step->path, &at, err));
    TRY(other_spot(w, step->path2, &other, &to, err));
    if (w->resumed && !spot_is(&at, &step->attr))
        return 0;
    if (!spot_is(&at, &step->attr) || to.now.mode)
        return spot_changed(to.now.mode ? step->path2 : step->path, err);
    struct change_spec spec = spot_spec(w, step, OP_RENAME, &at);
    spec.path2 = step->path2;
    spec.dir2_mtime = folder_mtime(to.dir);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (renameat2(at.dir, at.name, to.dir, to.name, RENAME_NOREPLACE) < 0)
        return error_set(err, errno, "rename %s to %s", step->path, step->path2);
    int r = attr_read(to.dir, to.name, &after);
    journal_confirm(&change, &after);
    if (S_ISDIR(step->attr.mode))
        work_forget_folder(w);
    return r < 0 ? error_set(err, -r, "look at %s", step->path2) : 0;
}

/* Its last name goes: capture and removal are one rename into the vault. */
static int remove_last_name(struct work *w, const struct step *step, const struct spot *at,
                            struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct change_spec spec = spot_spec(w, step, OP_UNLINK, at);
    spec.version = vault_new(w->vault);
    spec.kept = KEPT_INODE;
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    TRY(vault_move_in(w->vault, spec.version, at->dir, at->name, err));
    FAULT_POINT("undo_applied");
    journal_confirm(&change, NULL);
    return 0;
}

static int remove_one_name(struct work *w, const struct step *step, const struct spot *at,
                           struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(fd_close) int fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct attr after = {0};
    const struct change_spec spec = spot_spec(w, step, OP_UNLINK, at);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (unlinkat(at->dir, at->name, 0) < 0)
        return error_set(err, errno, "remove %s", step->path);
    if (fd >= 0 && attr_read(fd, "", &after) < 0)
        after = (struct attr){0};
    journal_confirm(&change, &after);
    return 0;
}

static int do_remove(struct work *w, const struct step *step, struct error *err)
{
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    if (!spot_is(&at, &step->attr))
        return w->resumed ? 0 : spot_changed(step->path, err);
    return at.now.nlink > 1 ? remove_one_name(w, step, &at, err)
                            : remove_last_name(w, step, &at, err);
}

static int read_xattrs(const struct spot *at, struct strbuf *out)
{
    CLEANUP(fd_close) int fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : xattr_read_all(fd, out);
}

static int do_rmdir(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    if (!spot_is(&at, &step->attr))
        return w->resumed ? 0 : spot_changed(step->path, err);
    int r = read_xattrs(&at, &xattrs);
    if (r < 0)
        return error_set(err, -r, "read the extended attributes of %s", step->path);
    struct change_spec spec = spot_spec(w, step, OP_RMDIR, &at);
    spec.xattrs = xattrs.data;
    spec.xattr_bytes = xattrs.bytes;
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (unlinkat(at.dir, at.name, AT_REMOVEDIR) < 0)
        return error_set(err, errno, "remove the folder %s", step->path);
    journal_confirm(&change, NULL);
    return 0;
}

/* ---- all kinds ---- */

static int do_nothing(struct work *w, const struct step *step, struct error *err)
{
    (void)w;
    (void)step;
    (void)err;
    return 0;
}

typedef int doer(struct work *w, const struct step *step, struct error *err);

static doer *const doers[] = {
    [STEP_EVENTS] = do_nothing, [STEP_REDONE] = do_nothing,       [STEP_STAGE] = content_stage,
    [STEP_MKDIR] = do_mkdir,    [STEP_MOVE_OUT] = do_move_out,    [STEP_PLACE] = content_place,
    [STEP_LINK] = do_link,      [STEP_RENAME] = do_rename,        [STEP_REMOVE] = do_remove,
    [STEP_RMDIR] = do_rmdir,    [STEP_REPLACE] = content_replace, [STEP_PATCH] = content_patch,
    [STEP_META] = do_meta,      [STEP_ABORTED] = do_nothing,
};

int step_do(struct work *w, const struct step *step, struct error *err)
{
    int r = doers[step->kind](w, step, err);
    bool tell =
        w->hooks && w->hooks->changed && step->kind > STEP_STAGE && step->kind != STEP_ABORTED;
    if (tell)
        w->hooks->changed(w->hooks->context, step->path);
    if (tell && step->kind == STEP_RENAME)
        w->hooks->changed(w->hooks->context, step->path2);
    return r;
}
