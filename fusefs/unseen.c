/* unseen.c - see unseen.h. */
#include "fusefs/unseen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/fs.h"
#include "fusefs/preimage.h"
#include "fusefs/spare.h"
#include "journal/base/clock.h"
#include "journal/base/fd.h"

#define COMPARE_MOST (64 * 1024) /* a larger file is not compared: all of it counts as changed */

/* ---- beginning
 * ------------------------------------------------------------------------------------- */

/* Nothing but a hole is kept in no time, however long it is. */
static int64_t limit_for(int fd, int64_t copy_limit)
{
    return lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO ? INT64_MAX : copy_limit;
}

static int look(struct writing *w, const struct write_wish *wish, struct error *err)
{
    int r = wish->now ? 0 : attr_read(wish->fd, "", &w->before);
    if (wish->now)
        w->before = *wish->now;
    return r < 0 ? error_set(err, -r, "stat of a file that is about to be written") : 0;
}

/* A mapped page that is dirty takes further stores without a fault, and so without a new time; once
 * it is being written out the next store tells.  A clone does that by itself, a copy does not. */
static void make_stores_tell(const struct file *file, int fd)
{
    if (file->mappable > 0)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
}

static int keep_whole(struct fusefs *fs, struct writing *w, int fd, int64_t copy_limit,
                      struct error *err)
{
    int r = 0;
    int64_t size = (int64_t)w->before.size;
    if (size == 0 || spare_take(fs, &w->before, &w->version, &w->kept))
        return 0;
    TRY(vault_room(fs->vault, err));
    w->version = vault_new(fs->vault);
    r = vault_copy_in(fs->vault, w->version, fd, size, copy_limit, &w->kept, err);
    if (r == -EFBIG && (copy_limit = limit_for(fd, copy_limit)) == INT64_MAX)
        r = vault_copy_in(fs->vault, w->version, fd, size, copy_limit, &w->kept, err);
    return r;
}

/* Others may be writing it, as unseen: what is kept must be what was looked at. */
static int keep_what_is_seen(struct fusefs *fs, const struct file *file, struct writing *w,
                             const struct write_wish *wish, int64_t copy_limit, struct error *err)
{
    struct write_wish again = *wish;
    for (int looks = 1;; looks++) {
        TRY(look(w, &again, err));
        /* Behind the look: what is stored from here on is newer. */
        make_stores_tell(file, wish->fd);
        TRY(keep_whole(fs, w, wish->fd, copy_limit, err));
        if (preimage_rests(fs, wish->fd, w->kept, &w->before))
            return 0;
        if (looks == PREIMAGE_LOOKS)
            break;
        if (w->version)
            vault_discard(fs->vault, w->version);
        w->version = 0;
        w->kept = KEPT_NONE;
        again.now = NULL;
    }
    preimage_fit(fs, w->version, w->kept, &w->before);
    return 0;
}

static int begin(struct fusefs *fs, struct file *file, struct writing *w,
                 const struct write_wish *wish, int64_t copy_limit, struct error *err)
{
    TRY(keep_what_is_seen(fs, file, w, wish, copy_limit, err));
    w->unseen = true;
    int r = writing_record(fs, file, w, wish, err);
    if (r < 0 && w->version)
        vault_discard(fs->vault, w->version);
    return r;
}

int unseen_begin(struct fusefs *fs, struct file *file, const struct write_wish *wish,
                 int64_t copy_limit)
{
    struct writing *w = &file->writing;
    struct writing fresh = WRITING_NONE;
    struct write_wish mine = *wish;
    struct error err = ERROR_NONE;
    if (w->unseen && w->who.actor == wish->who.actor)
        return 0;
    mine.inferred = file->unseen > 0; /* others write too, and nobody can tell whose a byte is */
    int r = begin(fs, file, &fresh, &mine, copy_limit, &err);
    if (r == -EFBIG)
        return w->unseen ? 0 : r; /* all of it is kept already, by whoever writes too */
    if (r < 0) {
        complain(&err);
        return r;
    }
    writing_end(fs, file, wish->fd);
    file->writing = fresh;
    return 0;
}

void unseen_renew(struct fusefs *fs, struct file *file, int fd, int64_t copy_limit)
{
    struct writing fresh = WRITING_NONE;
    struct error err = ERROR_NONE;
    const struct write_wish wish = {.who = file->writing.who, .fd = fd};
    if (!file->writing.unseen || fd < 0)
        return;
    int r = begin(fs, file, &fresh, &wish, copy_limit, &err);
    if (r == 0) {
        writing_end(fs, file, fd);
        file->writing = fresh;
    } else if (r != -EFBIG) {
        complain(&err);
    }
}

/* ---- what changed
 * ----------------------------------------------------------------------------------- */

/* Its times tell nothing about what changed within the tick in which they were set. */
static bool times_tell(const struct writing *w)
{
    const struct attr *a = &w->before;
    int64_t newest = a->mtime > a->ctime ? a->mtime : a->ctime;
    return w->began - newest > ATTR_TICK_NS;
}

static bool is_as_before(const struct writing *w, const struct attr *after)
{
    const struct attr *a = &w->before;
    return a->size == after->size && a->mtime == after->mtime && a->ctime == after->ctime &&
           (a->size == 0 || times_tell(w));
}

static void add_all(struct writing *w, const struct attr *after)
{
    uint64_t size = w->before.size > after->size ? w->before.size : after->size;
    w->range_count = 0;
    if (size > 0)
        writing_add_range(w, 0, (int64_t)size);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void add_differences(struct writing *w, const char *old, const char *now, int64_t common)
{
    for (int64_t at = 0; at < common;) {
        int64_t from = at;
        while (at < common && old[at] != now[at])
            at++;
        if (at > from)
            writing_add_range(w, from, at - from);
        else
            at++;
    }
}

static int compare(struct fusefs *fs, struct writing *w, int fd, const struct attr *after)
{
    int64_t old_size = (int64_t)w->before.size;
    int64_t new_size = (int64_t)after->size;
    CLEANUP(fd_close)
    int kept = w->version ? vault_open_version(fs->vault, w->version, O_RDONLY) : -1;
    char *old = kept < 0 ? NULL : malloc((size_t)COMPARE_MOST * 2);
    if (!old)
        return -ENOMEM;
    char *now = old + COMPARE_MOST;
    int64_t common = smaller(old_size, new_size);
    int r = fd_pread_all(kept, old, (size_t)common, 0);
    if (r == 0)
        r = fd_pread_all(fd, now, (size_t)common, 0);
    if (r == 0)
        add_differences(w, old, now, common);
    free(old);
    return r;
}

/* false: not even compared byte by byte is there a difference. */
static bool find_ranges(struct fusefs *fs, struct writing *w, int fd, const struct attr *after)
{
    int64_t old_size = (int64_t)w->before.size;
    int64_t new_size = (int64_t)after->size;
    bool small = old_size > 0 && old_size <= COMPARE_MOST && new_size <= COMPARE_MOST && fd >= 0;
    w->range_count = 0;
    if (!small || compare(fs, w, fd, after) < 0) {
        add_all(w, after);
        return true;
    }
    if (old_size != new_size)
        writing_add_range(w, smaller(old_size, new_size),
                          old_size < new_size ? new_size - old_size : old_size - new_size);
    return w->range_count > 0;
}

bool unseen_changed(struct fusefs *fs, struct writing *w, int fd, const struct attr *after)
{
    if (!w->changed && after->mode && is_as_before(w, after))
        return false;
    bool differs = find_ranges(fs, w, fd, after);
    bool written = after->mtime != w->before.mtime || after->size != w->before.size;
    w->changed |= differs || written;
    if (!differs && w->changed)
        add_all(w, after); /* the same bytes again, or others in between */
    return w->changed;
}
