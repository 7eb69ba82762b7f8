/* undo_content.c - old contents put back; see undo_apply.h.
 *
 *   (1) What is replaced is in the vault before: the old inode itself, a copy, or the ranges that
 * change. (2) A whole content is built beside and put in place with one rename, unless the file has
 * other names or is open somewhere: then it keeps its inode and gets the content written into it.
 *   (3) Patches over present content are written into the file itself: a large file is not copied
 * for a few blocks.  Writing them twice is writing them once. (4) Once a byte has changed, the
 * event is confirmed, whatever happens: its version must stay. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/undo_apply.h"
#include "journal/undo_place.h"
#include "journal/undo_tree.h"
#include "journal/xattr.h"

#define STAGED_BYTES 48
#define CAPTURE_CHUNK ((int64_t)1 << 20)
#define RANGES_TOLD 256 /* ranges in the event; more are told as one that covers them */

static void staged_name(const struct work *w, uint64_t number, char name[STAGED_BYTES])
{
    snprintf(name, STAGED_BYTES, "%" PRIu64 "-%" PRIu64, w->undo, number);
}

/* ---- building ---- */

static int copy_version(struct work *w, const struct step_patch *patch, int to, struct error *err)
{
    struct attr now;
    CLEANUP(fd_close) int from = vault_open_version(w->vault, patch->version, O_RDONLY);
    if (from < 0)
        return error_set(err, -from, "open version %" PRIx64 " in the vault", patch->version);
    int r = attr_read(from, "", &now);
    if (r == 0 && !S_ISREG(now.mode))
        r = -EBADMSG;
    if (r == 0)
        r = ftruncate(to, 0) < 0 ? -errno : fd_copy(from, to, (int64_t)now.size);
    return r < 0 ? error_set(err, -r, "copy version %" PRIx64 " from the vault", patch->version)
                 : 0;
}

static int apply_patch(struct work *w, const struct step_patch *patch, int to, struct error *err)
{
    if (patch->size > INT64_MAX)
        return error_say(err, EBADMSG, "the journal is damaged: it holds an impossible size");
    if (patch->version && kept_is_whole(patch->kept))
        TRY(copy_version(w, patch, to, err));
    else if (patch->version)
        TRY(vault_blocks_restore(w->vault, patch->version, to, err));
    if (ftruncate(to, (off_t)patch->size) < 0)
        return error_set(err, errno, "give a file back its size of %" PRIu64 " bytes", patch->size);
    return 0;
}

static int apply_patches(struct work *w, const struct step *step, int to, struct error *err)
{
    size_t count = step_patch_count(step);
    for (size_t i = 0; i < count; i++) {
        const struct step_patch patch = step_patch_at(step, i);
        TRY(apply_patch(w, &patch, to, err));
    }
    return 0;
}

int content_stage(struct work *w, const struct step *step, struct error *err)
{
    char name[STAGED_BYTES];
    staged_name(w, step->staged, name);
    if (unlinkat(w->staging, name, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, "clear what an earlier try left in .ccfs/undo");
    CLEANUP(fd_close)
    int fd = openat(w->staging, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "build an old content in .ccfs/undo");
    TRY(apply_patches(w, step, fd, err));
    FAULT_POINT("undo_staged");
    return 0;
}

static int staged_open(struct work *w, const struct step *step, char name[STAGED_BYTES],
                       struct error *err)
{
    staged_name(w, step->staged, name);
    int fd = openat(w->staging, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? error_set(err, errno, "open the content built for %s", step->path) : fd;
}

/* ---- a file that was gone ---- */

int content_place(struct work *w, const struct step *step, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    char name[STAGED_BYTES];
    struct attr after = {0};
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    if (w->resumed && at.now.mode)
        return 0;
    if (at.now.mode)
        return spot_changed(step->path, err);
    CLEANUP(fd_close) int fd = staged_open(w, step, name, err);
    TRY(fd);
    int r = xattr_apply(fd, step->xattrs, step->xattr_bytes, 1);
    if (r < 0)
        return error_set(err, -r, "give %s back its extended attributes", step->path);
    TRY(wish_apply(fd, step, err));
    const struct change_spec spec = spot_spec(w, step, OP_CREATE, &at);
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    if (renameat2(w->staging, name, at.dir, at.name, RENAME_NOREPLACE) < 0)
        return error_set(err, errno, "put %s back", step->path);
    FAULT_POINT("undo_applied");
    r = attr_read(at.dir, at.name, &after);
    journal_confirm(&change, &after);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

/* ---- another content for a file that is there ---- */

/* A lease for writing is granted only where nobody else has the file open.  No right to ask counts
 * as open. */
static bool is_open_elsewhere(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
        return true;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

/* The new inode gets what the old one has, then what is wished. */
static int dress(int from, int to, const struct spot *at, const struct step *step,
                 struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    struct step as_it_is = *step;
    as_it_is.fields = WISH_MODE | WISH_UID | WISH_GID;
    as_it_is.wish = at->now;
    int r = access_open(from, at->now.mode);
    if (r == 0)
        r = xattr_read_all(from, &xattrs);
    access_close(from, at->now.mode);
    if (r == 0)
        r = xattr_apply(to, xattrs.data, xattrs.bytes, 1);
    if (r < 0)
        return error_set(err, -r, "give %s back its extended attributes", step->path);
    TRY(wish_apply(to, &as_it_is, err));
    return wish_apply(to, step, err);
}

/* -EPERM, -EMLINK: the old inode cannot be linked into the vault. */
static int swap_inode(struct work *w, const struct step *step, const struct spot *at,
                      const char *staged, struct error *err)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    struct attr after = {0};
    struct change_spec spec = spot_spec(w, step, OP_WRITE, at);
    spec.version = vault_new(w->vault);
    spec.kept = KEPT_INODE;
    spec.dir_mtime = folder_mtime(at->dir);
    const struct range all = {.length = (int64_t)at->now.size};
    spec.ranges = &all;
    spec.range_count = at->now.size > 0;
    TRY(journal_begin(w->journal, &spec, &change, err));
    FAULT_POINT("undo_begun");
    TRY(vault_link_in(w->vault, spec.version, at->dir, at->name, err));
    FAULT_POINT("undo_kept");
    if (renameat(w->staging, staged, at->dir, at->name) < 0)
        return error_set(err, errno, "put %s back", step->path);
    FAULT_POINT("undo_applied");
    int r = attr_read(at->dir, at->name, &after);
    journal_confirm(&change, &after);
    return r < 0 ? error_set(err, -r, "look at %s", step->path) : 0;
}

static int overwrite(int to, int staged, struct error *err)
{
    struct stat st;
    if (fstat(staged, &st) < 0 || ftruncate(to, 0) < 0)
        return error_set(err, errno, "write an old content");
    int r = fd_copy(staged, to, st.st_size);
    return r < 0 ? error_set(err, -r, "write an old content") : 0;
}

/* The same inode, another content. */
static int rewrite(struct work *w, const struct step *step, const struct spot *at, int file,
                   int staged, struct error *err)
{
    struct change change = CHANGE_NONE;
    struct attr after = {0};
    struct change_spec spec = spot_spec(w, step, OP_WRITE, at);
    uint64_t version = vault_new(w->vault);
    TRY(vault_copy_in(w->vault, version, file, (int64_t)at->now.size, INT64_MAX, &spec.kept, err));
    spec.version = version;
    int r = journal_begin(w->journal, &spec, &change, err);
    if (r < 0) {
        vault_discard(w->vault, version);
        return r;
    }
    FAULT_POINT("undo_begun");
    r = overwrite(file, staged, err);
    if (r == 0)
        r = wish_apply(file, step, err);
    if (attr_read(file, "", &after) < 0)
        after = (struct attr){0};
    journal_confirm(&change, &after);
    return r;
}

/* With one rename where that may be, else into the file itself. */
static int replace(struct work *w, const struct step *step, const struct spot *at,
                   struct error *err)
{
    char name[STAGED_BYTES];
    CLEANUP(fd_close) int staged = staged_open(w, step, name, err);
    TRY(staged);
    CLEANUP(fd_close) int file = spot_open(at, O_RDONLY);
    if (file < 0)
        return error_set(err, -file, "open %s", step->path);
    int r = -EPERM;
    if (at->now.nlink == 1 && !is_open_elsewhere(file)) {
        TRY(dress(file, staged, at, step, err));
        r = swap_inode(w, step, at, name, err);
    }
    if (r != -EPERM && r != -EMLINK)
        return r;
    fd_close(&file);
    file = spot_open(at, O_RDWR);
    return file < 0 ? error_set(err, -file, "open %s", step->path)
                    : rewrite(w, step, at, file, staged, err);
}

int content_replace(struct work *w, const struct step *step, struct error *err)
{
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    bool replaced = w->resumed && at.now.mode && !spot_is(&at, &step->attr);
    if (!replaced && !spot_is(&at, &step->attr))
        return spot_changed(step->path, err);
    if (!replaced)
        TRY(replace(w, step, &at, err));
    return xattrs_reset(w, step, err);
}

/* ---- patches ---- */

struct ranges {
    struct range *list; /* owned */
    size_t count;
};

static void ranges_release(struct ranges *r)
{
    free(r->list);
    *r = (struct ranges){0};
}

static int ranges_add(struct ranges *r, const struct range *more, size_t count)
{
    struct range *list = reallocarray(r->list, r->count + count + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    r->list = list;
    if (count)
        memcpy(list + r->count, more, count * sizeof *more);
    r->count += count;
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct range *x = a;
    const struct range *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Below end, ascending, disjoint. */
static void ranges_clip(struct ranges *r, int64_t end)
{
    size_t kept = 0;
    if (r->count)
        qsort(r->list, r->count, sizeof *r->list, by_offset);
    for (size_t i = 0; i < r->count; i++) {
        struct range next = r->list[i];
        const struct range *last = kept ? &r->list[kept - 1] : NULL;
        int64_t from = last ? last->offset + last->length : 0;
        int64_t stop = next.length > end - next.offset ? end : next.offset + next.length;
        next.offset = next.offset < from ? from : next.offset;
        next.length = stop - next.offset;
        if (next.length <= 0)
            continue;
        if (last && next.offset == from)
            r->list[kept - 1].length += next.length;
        else
            r->list[kept++] = next;
    }
    r->count = kept;
}

static int add_blocks(struct work *w, uint64_t version, struct ranges *out, struct error *err)
{
    CLEANUP(ranges_release) struct ranges blocks = {0};
    TRY(vault_blocks_ranges(w->vault, version, &blocks.list, &blocks.count, err));
    return ranges_add(out, blocks.list, blocks.count) < 0 ? error_set(err, ENOMEM, "undo") : 0;
}

/* What of the present content (size bytes) will not be as it is. */
static int ranges_changed(struct work *w, const struct step *step, int64_t size, struct ranges *out,
                          struct error *err)
{
    int64_t untouched = size;
    for (size_t i = 0; i < step_patch_count(step); i++) {
        const struct step_patch patch = step_patch_at(step, i);
        if (patch.size < (uint64_t)untouched)
            untouched = (int64_t)patch.size;
        if (patch.version)
            TRY(add_blocks(w, patch.version, out, err));
    }
    const struct range tail = {.offset = untouched, .length = size - untouched};
    if (tail.length > 0 && ranges_add(out, &tail, 1) < 0)
        return error_set(err, ENOMEM, "undo");
    ranges_clip(out, size);
    return 0;
}

/* Beyond `end`, where the file will end, holes are left out: a file that grows again gets them back
 * by itself.  Below it they are kept as the zeros they read as: something else will stand there. */
static size_t next_piece(int file, int64_t *at, int64_t stop, int64_t end)
{
    if (*at >= end)
        return fd_next_data(file, at, stop, (size_t)CAPTURE_CHUNK);
    int64_t left = (stop < end ? stop : end) - *at;
    return (size_t)(left < CAPTURE_CHUNK ? left : CAPTURE_CHUNK);
}

static int capture_range(int file, int blocks, const struct range *range, int64_t end, char *buffer,
                         struct error *err)
{
    int64_t stop = range->offset + range->length;
    size_t n;
    for (int64_t at = range->offset; at < stop && (n = next_piece(file, &at, stop, end)) > 0;) {
        int r = fd_pread_all(file, buffer, n, at);
        if (r < 0)
            return error_set(err, -r, "read what the undo is about to overwrite");
        TRY(vault_blocks_add(blocks, at, buffer, (uint32_t)n, err));
        at += (int64_t)n;
    }
    return 0;
}

static void free_buffer(char **buffer)
{
    free(*buffer);
}

/* *version: 0 where nothing old is touched. */
static int capture(struct work *w, const struct step *step, int file, const struct ranges *changed,
                   uint64_t *version, struct error *err)
{
    size_t patches = step_patch_count(step);
    int64_t end = patches ? (int64_t)step_patch_at(step, patches - 1).size : INT64_MAX;
    *version = 0;
    if (changed->count == 0)
        return 0;
    CLEANUP(free_buffer) char *buffer = malloc((size_t)CAPTURE_CHUNK);
    CLEANUP(fd_close) int blocks = -1;
    if (!buffer)
        return error_set(err, ENOMEM, "undo");
    uint64_t made = vault_new(w->vault);
    int r = vault_blocks_create(w->vault, made, &blocks, err);
    for (size_t i = 0; r == 0 && i < changed->count; i++)
        r = capture_range(file, blocks, &changed->list[i], end, buffer, err);
    if (r < 0 && blocks >= 0)
        vault_discard(w->vault, made);
    if (r == 0)
        *version = made;
    return r;
}

static void tell_ranges(struct change_spec *spec, const struct ranges *changed, struct range *cover)
{
    spec->ranges = changed->list;
    spec->range_count = changed->count;
    if (changed->count <= RANGES_TOLD)
        return;
    const struct range *last = &changed->list[changed->count - 1];
    *cover = (struct range){.offset = changed->list[0].offset,
                            .length = last->offset + last->length - changed->list[0].offset};
    spec->ranges = cover;
    spec->range_count = 1;
}

static int patch_file(struct work *w, const struct step *step, const struct spot *at, int file,
                      struct error *err)
{
    CLEANUP(ranges_release) struct ranges changed = {0};
    struct change change = CHANGE_NONE;
    struct range cover;
    struct attr after = {0};
    struct change_spec spec = spot_spec(w, step, OP_WRITE, at);
    TRY(ranges_changed(w, step, (int64_t)at->now.size, &changed, err));
    TRY(capture(w, step, file, &changed, &spec.version, err));
    spec.kept = spec.version ? KEPT_BLOCKS : KEPT_NONE;
    tell_ranges(&spec, &changed, &cover);
    int r = journal_begin(w->journal, &spec, &change, err);
    if (r < 0) {
        if (spec.version)
            vault_discard(w->vault, spec.version);
        return r;
    }
    FAULT_POINT("undo_begun");
    r = apply_patches(w, step, file, err);
    FAULT_POINT("undo_applied");
    if (r == 0)
        r = wish_apply(file, step, err);
    if (attr_read(file, "", &after) < 0)
        after = (struct attr){0};
    journal_confirm(&change, &after);
    return r;
}

int content_patch(struct work *w, const struct step *step, struct error *err)
{
    struct spot at;
    TRY(spot_find(w, step->path, &at, err));
    if (!spot_is(&at, &step->attr) || !S_ISREG(at.now.mode))
        return spot_changed(step->path, err);
    CLEANUP(fd_close) int file = spot_open(&at, O_RDWR);
    if (file < 0)
        return error_set(err, -file, "open %s", step->path);
    TRY(patch_file(w, step, &at, file, err));
    return xattrs_reset(w, step, err);
}
