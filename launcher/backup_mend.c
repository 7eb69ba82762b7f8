/* backup_mend.c - what changed while it was packed is packed again, as it was at the beginning. */
#include <errno.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "launcher/backup_part.h"

int backup_add_other_names(struct backup *b, struct error *err)
{
    for (size_t i = 0; i < b->name_count; i++)
        if (touched_inode(&b->touched, b->names[i].ino) &&
            touched_add(&b->touched, b->names[i].path, false, 0) < 0)
            return error_set(err, ENOMEM, "make a backup");
    touched_sort(&b->touched);
    return 0;
}

struct mending {
    struct backup *backup;
    struct past *past;
    struct error *err;
    struct touched further; /* names whose first name goes, as they come */
    bool failed;
};

/* A name of a file whose first name goes must bring the content itself. */
static bool still_holds(void *context, const char *path, const char *hardlink)
{
    struct mending *m = context;
    const struct touched *touched = &m->backup->touched;
    if (touched_has(touched, path))
        return false;
    if (!hardlink || !touched_has(touched, hardlink))
        return true;
    m->failed |= touched_add(&m->further, path, false, 0) < 0;
    return false;
}

static void mending_release(struct mending *m)
{
    touched_release(&m->further);
}

static int take_further(struct mending *m)
{
    struct touched *touched = &m->backup->touched;
    for (size_t i = 0; i < m->further.count; i++)
        TRY(touched_add(touched, m->further.list[i].path, false, 0));
    touched_sort(touched);
    return m->failed ? -ENOMEM : 0;
}

/* What the archive calls one file under several names: its object, or its inode. */
static struct stat stat_of(struct mending *m, const struct past_thing *thing)
{
    const struct attr *attr = &thing->attr;
    const struct touched_path *at = touched_find(&m->backup->touched, thing->path);
    bool timed = S_ISDIR(attr->mode) && at && at->mtime;
    return (struct stat){
        .st_dev = thing->object ? 2 : 1,
        .st_ino = thing->object ? thing->object : attr->ino,
        .st_mode = attr->mode,
        .st_nlink = S_ISREG(attr->mode) ? 2 : 1,
        .st_uid = attr->uid,
        .st_gid = attr->gid,
        .st_size = S_ISREG(attr->mode) ? (off_t)attr->size : 0,
        .st_mtim = clock_timespec(timed ? at->mtime : attr->mtime),
    };
}

/* As it is now, and said so. */
static int pack_as_is(struct mending *m, const char *path, struct error *err)
{
    struct backup_result *result = m->backup->result;
    if (result->as_is++ == 0)
        result->first_as_is = strdup(path);
    return backup_pack_path(m->backup, path, err);
}

static int pack_thing(struct mending *m, const struct past_thing *thing, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf target = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = -1;
    struct error why = ERROR_NONE;
    struct tarball_item item = {
        .path = thing->path,
        .st = stat_of(m, thing),
        .own_attributes = true,
    };
    if (!backup_packs(thing->attr.mode))
        return 0;
    int r = 0;
    if (S_ISREG(thing->attr.mode))
        r = past_content(m->past, thing, &fd, &why);
    if (S_ISLNK(thing->attr.mode))
        r = past_target(m->past, thing, &target, &why);
    if (r == 0 && (S_ISREG(thing->attr.mode) || S_ISDIR(thing->attr.mode)))
        r = past_xattrs(m->past, thing, &xattrs, &why);
    if (r < 0)
        return pack_as_is(m, thing->path, err);
    item.fd = fd;
    item.target = strbuf_text(&target);
    item.xattrs = xattrs.data;
    item.xattr_bytes = xattrs.bytes;
    m->backup->result->rebuilt++;
    return tarball_add(m->backup->tarball, &item, err);
}

static int pack_below(void *context, const struct past_thing *thing)
{
    struct mending *m = context;
    if (strcmp(thing->path, STATE_FOLDER) == 0 || backup_excludes(m->backup, thing->path))
        return 0;
    TRY(pack_thing(m, thing, m->err));
    return S_ISDIR(thing->attr.mode) ? past_list(m->past, thing, pack_below, m, m->err) : 0;
}

static int pack_touched(struct mending *m, const struct touched_path *at, struct error *err)
{
    struct past_thing thing;
    if (!*at->path || touched_above(&m->backup->touched, at->path) ||
        backup_excludes(m->backup, at->path))
        return 0;
    int r = past_find(m->past, at->path, &thing, err);
    if (r <= 0)
        return r;
    return at->below ? pack_below(m, &thing) : pack_thing(m, &thing, err);
}

int backup_mend(struct backup *b, int from, struct error *err)
{
    CLEANUP(past_close) struct past *past = NULL;
    CLEANUP(mending_release)
    struct mending m = {.backup = b, .err = err};
    TRY(tarball_copy(from, b->tarball, still_holds, &m, err));
    if (take_further(&m) < 0)
        return error_set(err, ENOMEM, "make a backup");
    TRY(past_open(b->look->history, b->look->workspace.root, &past, err));
    TRY(past_go(past, &b->since, err));
    m.past = past;
    for (size_t i = 0; i < b->touched.count; i++)
        TRY(pack_touched(&m, &b->touched.list[i], err));
    return 0;
}
