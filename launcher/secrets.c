/* secrets.c - see secrets.h. */
#include "launcher/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "journal/sha256.h"

#define SHOWN "~/.config/ccfs/secrets"
#define UNFINISHED ".new" /* under the lock of the folder */
#define FOLDER_LIMIT 64

/* ---- values ---- */

static void wipe(struct secret *s)
{
    if (s->value)
        explicit_bzero(s->value, s->bytes);
    free(s->value);
    *s = (struct secret){0};
}

void secrets_release(struct secrets *s)
{
    for (size_t i = 0; i < s->count; i++)
        wipe(&s->items[i]);
    s->count = 0;
}

const struct secret *secrets_find(const struct secrets *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0)
            return &s->items[i];
    return NULL;
}

int secrets_put(struct secrets *s, const char *name, const char *value, size_t bytes,
                struct error *err)
{
    const struct secret *old = secrets_find(s, name);
    size_t i = old ? (size_t)(old - s->items) : s->count;
    char *copy = calloc(1, bytes + 1);
    if (!copy || i == SECRETS_LIMIT) {
        free(copy);
        return error_say(err, E2BIG, "no room for the secret %s", name);
    }
    memcpy(copy, value, bytes);
    wipe(&s->items[i]);
    s->items[i] = (struct secret){.value = copy, .bytes = bytes};
    snprintf(s->items[i].name, sizeof s->items[i].name, "%s", name);
    s->count += i == s->count;
    return 0;
}

int secrets_find_variable(const struct secrets *s, const char *name, const struct secret **out,
                          struct error *err)
{
    *out = secrets_find(s, name);
    if (!*out)
        return error_say(err, ENOENT, "this workspace has no secret %s; first: ccfs secret set %s",
                         name, name);
    if (memchr((*out)->value, '\0', (*out)->bytes))
        return error_say(
            err, EINVAL,
            "the secret %s holds a NUL, which no variable can; read it from " SECRETS_FOLDER "/%s",
            name, name);
    return 0;
}

static bool is_name(const char *name)
{
    size_t n = variable_name(name);
    return n > 0 && !name[n];
}

int secret_check_name(const char *name, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    if (is_name(name))
        return 0;
    text_escape(&safe, name, strnlen(name, 80));
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "'%s' cannot name a secret: letters, digits and '_' can, a digit not first, "
                     "%d at the most",
                     strbuf_text(&safe), VARIABLE_NAME_LIMIT - 1);
}

/* ---- the folder ---- */

/* "work-0123456789abcdef": to be known by a person, and no other workspace's. */
static int name_folder(const struct workspace *w, char out[FOLDER_LIMIT], struct error *err)
{
    unsigned char digest[SHA256_BYTES];
    char text[SHA256_TEXT];
    const char *slash = strrchr(w->path, '/');
    struct sha256 *sha = sha256_new();
    int r = sha ? 0 : -ENOMEM;
    if (r == 0) {
        sha256_begin(sha);
        sha256_add(sha, w->path, strlen(w->path));
        r = sha256_end(sha, digest);
    }
    sha256_free(&sha);
    if (r < 0)
        return error_set(err, -r, "find the workspace's secrets");
    sha256_text(digest, text);
    snprintf(out, FOLDER_LIMIT, "%.40s-%.16s", slash ? slash + 1 : "", text);
    for (char *at = out; *at; at++)
        if (!variable_name((char[]){*at, '\0'}) && !strchr("0123456789.-", *at))
            *at = '_';
    return 0;
}

int secrets_folder(const struct workspace *w, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    char name[FOLDER_LIMIT];
    const char *home = workspace_owners_home(w);
    TRY(name_folder(w, name, err));
    strbuf_add_format(&path, "%s/.config/ccfs/secrets/%s", home ? home : "", name);
    *out = strbuf_take(&path);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

static int check_private(int fd, mode_t type, const struct workspace *w, const char *name,
                         struct stat *st, struct error *err)
{
    if (fstat(fd, st) < 0)
        return error_set(err, errno, "look at " SHOWN);
    if ((st->st_mode & S_IFMT) == type && st->st_uid == w->owner && !(st->st_mode & 077))
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                     "%s in " SHOWN " is not its owner's alone, so no secret was read: chmod go= "
                     "it, once you know who could read it",
                     name);
}

/* 0700 and on the disk, where it is made. */
static int enter(int *at, const char *name, bool make, int flags, struct error *err)
{
    if (make && mkdirat(*at, name, 0700) == 0 && fsync(*at) < 0)
        return error_set(err, errno, "make " SHOWN);
    int next = openat(*at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (next < 0)
        return error_set(err, errno, "open " SHOWN);
    fd_close(at);
    *at = next;
    return 0;
}

/* A workspace that holds its owner's home would show them, and pack them. */
static int check_outside(int fd, const struct workspace *w, struct error *err)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, sizeof path - 1);
    path[got > 0 ? got : 0] = '\0';
    bool inside = path_is_below(path, w->path) && strcmp(path, w->path) != 0;
    if (got > 0 && !inside)
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT),
                     SHOWN " is in the workspace itself, where the agent would find it: choose "
                           "another workspace, with -w DIR");
}

/* As the owner.  -ENOENT: there is none; make: it is made. */
static int open_folder(const struct workspace *w, bool make, int *out, struct error *err)
{
    char name[FOLDER_LIMIT];
    struct stat st;
    const char *home = workspace_owners_home(w);
    CLEANUP(fd_close) int at = home ? open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (at < 0)
        return error_set(err, home ? errno : ENOENT, "find the home of user %u, for its secrets",
                         w->owner);
    TRY(name_folder(w, name, err));
    const struct {
        const char *name;
        int flags; /* one's own configuration may be a link; what holds secrets is none */
    } steps[] = {{".config", 0}, {"ccfs", 0}, {"secrets", O_NOFOLLOW}, {name, O_NOFOLLOW}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        TRY(enter(&at, steps[i].name, make, steps[i].flags, err));
        if (steps[i].flags)
            TRY(check_private(at, S_IFDIR, w, steps[i].name, &st, err));
        TRY(check_outside(at, w, err));
    }
    *out = fd_take(&at);
    return 0;
}

/* One at a time changes it. */
static int open_to_change(const struct workspace *w, bool make, int *out, struct error *err)
{
    CLEANUP(fd_close) int folder = -1;
    TRY(open_folder(w, make, &folder, err));
    while (flock(folder, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_set(err, errno, "lock " SHOWN);
    *out = fd_take(&folder);
    return 0;
}

/* ---- reading ---- */

static int read_one(int folder, const char *name, const struct workspace *w, struct secret *out,
                    struct error *err)
{
    struct stat st;
    CLEANUP(fd_close)
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno, "open the secret %s", name);
    TRY(check_private(fd, S_IFREG, w, name, &st, err));
    if (st.st_size < 1 || st.st_size > SECRET_BYTES_LIMIT)
        return error_say(err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                         "the secret %s is empty or too large: set it again", name);
    out->value = calloc(1, (size_t)st.st_size + 1);
    if (!out->value)
        return error_say(err, ENOMEM, "no memory for secrets");
    out->bytes = (size_t)st.st_size;
    out->changed = clock_ns(st.st_mtim);
    snprintf(out->name, sizeof out->name, "%.*s", VARIABLE_NAME_LIMIT - 1, name);
    int r = fd_pread_all(fd, out->value, out->bytes, 0);
    return r < 0 ? error_set(err, -r, "read the secret %s", name) : 0;
}

static int by_name(const void *a, const void *b)
{
    const struct secret *one = a;
    const struct secret *other = b;
    return strcmp(one->name, other->name);
}

static int read_all(DIR *list, const struct workspace *w, struct secrets *out, struct error *err)
{
    for (const struct dirent *e = readdir(list); e; e = readdir(list)) {
        if (e->d_name[0] == '.')
            continue;
        if (!is_name(e->d_name))
            return error_say(err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                             "there is a file in " SHOWN " that is no secret: remove it");
        if (out->count == SECRETS_LIMIT)
            return error_say(err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                             "there are more than %d secrets in " SHOWN, SECRETS_LIMIT);
        TRY(read_one(dirfd(list), e->d_name, w, &out->items[out->count++], err));
    }
    qsort(out->items, out->count, sizeof out->items[0], by_name);
    return 0;
}

static int load(const struct workspace *w, struct secrets *out, struct error *err)
{
    CLEANUP(fd_close) int folder = -1;
    int r = workspace_owners_home(w) ? open_folder(w, false, &folder, err) : -ENOENT;
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    TRY(r);
    DIR *list = fdopendir(folder);
    if (!list)
        return error_set(err, errno, "read " SHOWN);
    folder = -1; /* the list's */
    r = read_all(list, w, out, err);
    closedir(list);
    return r;
}

int secrets_load(const struct workspace *w, struct secrets *out, struct error *err)
{
    *out = (struct secrets){0};
    TRY(workspace_act_as_owner(w, err));
    int r = load(w, out, err);
    workspace_act_as_self();
    if (r < 0)
        secrets_release(out);
    return r;
}

/* ---- changing ---- */

static int write_new(int folder, const char *value, size_t bytes, struct error *err)
{
    (void)unlinkat(folder, UNFINISHED, 0); /* of a ccfs that was killed */
    CLEANUP(fd_close)
    int fd = openat(folder, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, value, bytes);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r < 0 ? error_set(err, -r, "write the secret, which is as it was before") : 0;
}

static int replace(const struct workspace *w, const char *name, const char *value, size_t bytes,
                   bool *replaced, struct error *err)
{
    CLEANUP(fd_close) int folder = -1;
    TRY(open_to_change(w, true, &folder, err));
    *replaced = faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int r = write_new(folder, value, bytes, err);
    if (r == 0 && (renameat(folder, UNFINISHED, folder, name) < 0 || fsync(folder) < 0))
        r = error_set(err, errno, "keep the secret %s", name);
    if (r < 0)
        (void)unlinkat(folder, UNFINISHED, 0);
    return r;
}

int secret_set(const struct workspace *w, const char *name, const char *value, size_t bytes,
               bool *replaced, struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    TRY(secret_check_name(name, err));
    if (bytes == 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "the value is empty: nothing was kept");
    if (bytes > SECRET_BYTES_LIMIT)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "the value is larger than %d KiB: nothing was kept",
                         SECRET_BYTES_LIMIT / 1024);
    TRY(secrets_load(w, &all, err));
    if (all.count == SECRETS_LIMIT && !secrets_find(&all, name))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "a workspace has %d secrets at the most: nothing was kept", SECRETS_LIMIT);
    TRY(workspace_act_as_owner(w, err));
    int r = replace(w, name, value, bytes, replaced, err);
    workspace_act_as_self();
    return r;
}

static int drop(const struct workspace *w, const char *name, struct error *err)
{
    CLEANUP(fd_close) int folder = -1;
    int r = open_to_change(w, false, &folder, err);
    if (r == 0 && unlinkat(folder, name, 0) < 0)
        r = error_set(err, errno, "remove the secret %s", name);
    if (r == -ENOENT)
        return error_say(err, ENOENT, "this workspace has no secret %s; see: ccfs secret list",
                         name);
    TRY(r);
    return fsync(folder) < 0 ? error_set(err, errno, "remove the secret %s", name) : 0;
}

int secret_remove(const struct workspace *w, const char *name, struct error *err)
{
    TRY(secret_check_name(name, err));
    TRY(workspace_act_as_owner(w, err));
    int r = drop(w, name, err);
    workspace_act_as_self();
    return r;
}

int secrets_forget(const struct workspace *w, struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    TRY(secrets_load(w, &all, err));
    for (size_t i = 0; i < all.count; i++)
        TRY(secret_remove(w, all.items[i].name, err));
    return 0;
}
