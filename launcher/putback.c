/* putback.c - see putback.h.
 *
 *   (1) Nothing that is there is written to: each name is made anew, or it is an error.
 *   (2) Names come from the journal: they are single names in a folder that was made here. */
#include "launcher/putback.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/xattr.h"

#define DEPTH_MOST 2000 /* folders in one another */

struct writer {
    struct then *then;
    struct putback *result;
    int folder; /* what is written goes there */
    int depth;
    struct error *err;
};

static int say(struct writer *w, int r, const char *what, const struct past_thing *thing)
{
    return error_set(w->err, -r, "%s %s", what, thing->path);
}

/* Attributes that may not be set here (another filesystem, no privilege) are no reason to fail. */
static int dress(struct writer *w, const struct past_thing *thing, int fd)
{
    CLEANUP(strbuf_release) struct strbuf xattrs = STRBUF_EMPTY;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(thing->attr.mtime)};
    TRY(past_xattrs(w->then->past, thing, &xattrs, w->err));
    (void)!xattr_apply(fd, xattrs.data, xattrs.bytes, 1);
    if (fchmod(fd, thing->attr.mode & 01777) < 0 || futimens(fd, times) < 0)
        return say(w, -errno, "give back mode and time of", thing);
    return 0;
}

static int write_file(struct writer *w, const struct past_thing *thing, const char *name)
{
    CLEANUP(fd_close) int from = -1;
    TRY(past_content(w->then->past, thing, &from, w->err));
    CLEANUP(fd_close)
    int to = openat(w->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return say(w, -errno, "make", thing);
    int r = fd_copy(from, to, (int64_t)thing->attr.size);
    if (r < 0)
        say(w, r, "write", thing);
    if (r == 0)
        r = dress(w, thing, to);
    if (r < 0)
        unlinkat(w->folder, name, 0);
    return r;
}

static int write_symlink(struct writer *w, const struct past_thing *thing, const char *name)
{
    CLEANUP(strbuf_release) struct strbuf target = STRBUF_EMPTY;
    TRY(past_target(w->then->past, thing, &target, w->err));
    if (symlinkat(strbuf_text(&target), w->folder, name) < 0)
        return say(w, -errno, "make", thing);
    return 0;
}

static int write_child(void *context, const struct past_thing *thing);

static int write_folder(struct writer *w, const struct past_thing *thing, const char *name)
{
    struct writer below = *w;
    if (++below.depth > DEPTH_MOST)
        return say(w, -ELOOP, "make", thing);
    if (mkdirat(w->folder, name, 0700) < 0)
        return say(w, -errno, "make", thing);
    CLEANUP(fd_close)
    int fd = openat(w->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return say(w, -errno, "open", thing);
    below.folder = fd;
    TRY(past_list(w->then->past, thing, write_child, &below, w->err));
    return dress(w, thing, fd);
}

static int write_thing(struct writer *w, const struct past_thing *thing, const char *name)
{
    if (S_ISREG(thing->attr.mode))
        return write_file(w, thing, name);
    if (S_ISLNK(thing->attr.mode))
        return write_symlink(w, thing, name);
    if (S_ISDIR(thing->attr.mode))
        return write_folder(w, thing, name);
    return error_say(w->err, ENOTSUP, "%s was a %s: such are not written", thing->path,
                     type_name(thing->attr.mode));
}

/* One that fails keeps the others from nothing. */
static int write_child(void *context, const struct past_thing *thing)
{
    struct writer *w = context;
    struct error err = ERROR_NONE;
    struct writer own = *w;
    const char *slash = strrchr(thing->path, '/');
    own.err = &err;
    int r = write_thing(&own, thing, slash ? slash + 1 : thing->path);
    if (r < 0)
        log_error(&err);
    w->result->failed += r < 0;
    w->result->restored += r == 0;
    return r == -ENOSPC || r == -EDQUOT || r == -ENOMEM ? error_say(w->err, -r, "%s", err.message)
                                                        : 0;
}

/* ---- where it goes ---- */

/* The folder that `to` is made in, really. */
static int find_folder(const char *to, char *real, struct error *err)
{
    size_t bytes = strlen(to);
    while (bytes > 1 && to[bytes - 1] == '/')
        bytes--;
    while (bytes > 0 && to[bytes - 1] != '/')
        bytes--;
    CLEANUP(strbuf_release) struct strbuf folder = STRBUF_EMPTY;
    strbuf_add(&folder, bytes ? to : ".", bytes ? bytes : 1);
    if (folder.failed)
        return error_set(err, ENOMEM, "restore");
    if (!to[0])
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "--to needs the name of a new place");
    return realpath(strbuf_text(&folder), real) ? 0 : error_set(err, errno, "restore to %s", to);
}

static int check_place(const struct workspace *w, const char *to, struct error *err)
{
    char real[PATH_MAX];
    char state[PATH_MAX + sizeof "/" STATE_FOLDER];
    struct stat st;
    if (lstat(to, &st) == 0)
        return error_say(err, EEXIST, "%s is there already: nothing is written over it", to);
    TRY(find_folder(to, real, err));
    snprintf(state, sizeof state, "%s/" STATE_FOLDER, w->path);
    if (path_is_below(real, state))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "%s lies where ccfs keeps its journal: restore it to somewhere else", to);
    return 0;
}

int put_beside(struct then *then, const struct past_thing *thing, const char *to,
               struct putback *out, struct error *err)
{
    struct writer w = {.then = then, .result = out, .folder = AT_FDCWD, .err = err};
    TRY(check_place(&then->look.workspace, to, err));
    TRY(write_thing(&w, thing, to));
    out->restored++;
    return 0;
}
