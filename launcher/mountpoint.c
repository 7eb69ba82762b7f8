/* mountpoint.c - see mountpoint.h. */
#include "launcher/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "journal/journal.h"

#define NAME_LIMIT 32

static int take_text(struct strbuf *from, char **out, struct error *err)
{
    *out = strbuf_take(from);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

/* ---- the default one ---- */

/* "work-1f2e3d4c": readable, and one for each workspace. */
static void name_of(const struct workspace *w, struct strbuf *out)
{
    const char *slash = strrchr(w->path, '/');
    const char *name = slash && slash[1] ? slash + 1 : "workspace";
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *at = w->path; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    for (size_t i = 0; name[i] && i < NAME_LIMIT; i++) {
        char c = name[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '_' || (c == '.' && i > 0);
        strbuf_add(out, plain ? &c : "_", 1);
    }
    strbuf_add_format(out, "-%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

/* Makes or opens a folder that only its owner can change.  fd or -errno. */
static int own_folder(int parent, const char *name, mode_t mode, uid_t owner, gid_t group)
{
    struct stat st;
    bool made = mkdirat(parent, name, mode) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    CLEANUP(fd_close)
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (made && owner != geteuid() && fchown(fd, owner, group) < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != owner || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return -EACCES;
    return fd_take(&fd);
}

/* The folder for this user's mounts; *path names it. */
static int users_folder(const struct workspace *w, struct strbuf *path)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    if (geteuid() == 0) {
        CLEANUP(fd_close) int all = own_folder(AT_FDCWD, "/run/ccfs", 0755, 0, 0);
        char uid[16];
        snprintf(uid, sizeof uid, "%u", w->owner);
        strbuf_add_format(path, "/run/ccfs/%s", uid);
        return all < 0 ? all : own_folder(all, uid, 0700, w->owner, w->group);
    }
    if (runtime && runtime[0] == '/' && stat(runtime, &st) == 0 && st.st_uid == geteuid() &&
        !(st.st_mode & (S_IWGRP | S_IWOTH)))
        strbuf_add_format(path, "%s/ccfs", runtime);
    else
        strbuf_add_format(path, "/tmp/ccfs-%u", geteuid());
    return own_folder(AT_FDCWD, strbuf_text(path), 0700, geteuid(), getegid());
}

/* A daemon that was killed leaves a mount that answers nothing; while it ends, io_uring takes back
 * what it was asked. */
static bool tells_of_death(int code)
{
    return code == ENOTCONN || code == ECONNABORTED || code == ECANCELED;
}

/* The kernel may still know the attributes of one that died a moment ago: it is to ask (statx(2)). */
static bool is_dead(int parent, const char *name)
{
    const int flags = AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC;
    struct statx x;
    return statx(parent, name, flags, STATX_TYPE, &x) < 0 && tells_of_death(errno);
}

int mountpoint_default(const struct workspace *w, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    name_of(w, &name);
    CLEANUP(fd_close) int parent = users_folder(w, &path);
    if (parent == -EACCES)
        return error_say(err, EACCES,
                         "%s can be changed by others, so nothing is mounted there: remove it, or "
                         "name a mountpoint",
                         strbuf_text(&path));
    if (parent < 0)
        return error_set(err, -parent, "make the folder %s", strbuf_text(&path));
    strbuf_add_format(&path, "/%s", strbuf_text(&name));
    if (is_dead(parent, strbuf_text(&name)))
        TRY(mountpoint_detach(strbuf_text(&path), true, err));
    CLEANUP(fd_close) int own = own_folder(parent, strbuf_text(&name), 0700, w->owner, w->group);
    if (own < 0 && tells_of_death(-own))
        return error_say(err, EBUSY, "the mount on %s is being removed: try again",
                         strbuf_text(&path));
    if (own < 0)
        return error_set(err, -own, "make the mountpoint %s", strbuf_text(&path));
    return take_text(&path, out, err);
}

static bool is_other_device(const char *path)
{
    CLEANUP(fd_close) int at = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat inside;
    struct stat above;
    return at >= 0 && fstat(at, &inside) == 0 && fstatat(at, "..", &above, 0) == 0 &&
           inside.st_dev != above.st_dev;
}

/* A killed daemon closes its files one after the other: its connection first, its mount later. */
void mountpoint_clean(const char *path)
{
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; i < 100 && is_other_device(path); i++)
        nanosleep(&moment, NULL);
    if (is_dead(AT_FDCWD, path))
        (void)!mountpoint_detach(path, true, NULL);
}

/* ---- one that was given ---- */

static int check_place(const struct workspace *w, const char *path, struct error *err)
{
    if (path_is_below(path, w->path))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "%s lies in the workspace itself: mount it somewhere else", path);
    if (path_is_below(w->path, path))
        return error_say(
            err, EXIT_AS_ERROR(EXIT_USAGE),
            "%s holds the workspace, which the mount would cover: mount it somewhere else", path);
    return 0;
}

static int check_empty(int fd, const char *path, struct error *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        int r = error_set(err, errno, "look into %s", path);
        fd_close(&copy);
        return r;
    }
    bool empty = true;
    for (const struct dirent *e = readdir(list); e; e = readdir(list))
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    closedir(list);
    if (empty)
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_BUSY),
                     "%s is not empty: a mount would cover what is in it", path);
}

static int check_unmounted(int fd, const char *path, struct error *err)
{
    struct statx x;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) < 0)
        return error_set(err, errno, "look at %s", path);
    if (x.stx_attributes & x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return error_say(err, EXIT_AS_ERROR(EXIT_BUSY),
                         "something is mounted on %s already: unmount it, or choose another folder",
                         path);
    return 0;
}

static int true_path(int fd, struct strbuf *out, struct error *err)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return error_set(err, n < 0 ? errno : EIO, "find the mountpoint's path");
    strbuf_add(out, path, (size_t)n);
    return 0;
}

/* Where PATH will be, once it is made: its parent's true path and its name. */
static int future_path(const char *path, struct strbuf *out, struct error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    CLEANUP(strbuf_release) struct strbuf parent = STRBUF_EMPTY;
    strbuf_add(&parent, path, slash ? (size_t)(slash - path) : 0);
    CLEANUP(fd_close)
    int fd = open(parent.bytes ? strbuf_text(&parent)
                  : slash      ? "/"
                               : ".",
                  O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "make the mountpoint %s", path);
    TRY(true_path(fd, out, err));
    if (strcmp(strbuf_text(out), "/") != 0)
        strbuf_add_text(out, "/");
    strbuf_add_text(out, name);
    return 0;
}

static int make_given(const struct workspace *w, const char *path, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf future = STRBUF_EMPTY;
    TRY(future_path(path, &future, err));
    TRY(check_place(w, strbuf_text(&future),
                    err)); /* before anything is made where it must not be */
    if (mkdir(path, 0700) < 0)
        return error_set(err, errno, "make the mountpoint %s", path);
    if (geteuid() == 0 && lchown(path, w->owner, w->group) < 0)
        return error_set(err, errno, "give the mountpoint %s to user %u", path, w->owner);
    return 0;
}

/* Opens it, and makes it first where nothing is. */
static int open_given(const struct workspace *w, const char *path, struct error *err)
{
    struct stat st;
    if (is_dead(AT_FDCWD, path))
        TRY(mountpoint_detach(path, true, err));
    if (lstat(path, &st) < 0 && errno == ENOENT)
        TRY(make_given(w, path, err));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "%s is not a folder, so nothing can be mounted there", path);
    return fd < 0 ? error_set(err, errno, "open the mountpoint %s", path) : fd;
}

/* "dir/" is dir. */
static int without_slashes(const char *given, struct strbuf *out, struct error *err)
{
    size_t n = strlen(given);
    while (n > 1 && given[n - 1] == '/')
        n--;
    strbuf_add(out, given, n);
    if (n == 0 || out->failed)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "the mountpoint has no name");
    return 0;
}

int mountpoint_check(const struct workspace *w, const char *given, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf clean = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    TRY(without_slashes(given, &clean, err));
    CLEANUP(fd_close) int fd = open_given(w, strbuf_text(&clean), err);
    TRY(fd);
    TRY(true_path(fd, &path, err));
    TRY(check_place(w, strbuf_text(&path), err));
    TRY(check_unmounted(fd, strbuf_text(&path), err));
    TRY(check_empty(fd, strbuf_text(&path), err));
    return take_text(&path, out, err);
}

/* ---- what is mounted ---- */

/* A word of mountinfo: space, tab, newline and backslash are octal there. */
static void add_word(struct strbuf *out, const char *word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = word[i];
        if (c == '\\' && bytes - i > 3) {
            c = (char)(((word[i + 1] - '0') << 6) | ((word[i + 2] - '0') << 3) |
                       (word[i + 3] - '0'));
            i += 3;
        }
        strbuf_add(out, &c, 1);
    }
    strbuf_add(out, "", 0);
}

/* Field n of a line, from 0; empty when there is none. */
static void add_field(struct strbuf *out, const char *line, unsigned n)
{
    for (; n > 0 && *line; n--) {
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    add_word(out, line, strcspn(line, " \n"));
}

/* "… MOUNTPOINT OPTIONS … - fuse.ccfs …,user_id=N,…" */
static bool is_ours(const char *line, const struct workspace *w, const char *mountpoint)
{
    CLEANUP(strbuf_release) struct strbuf type = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf at = STRBUF_EMPTY;
    char owner[32];
    const char *rest = strstr(line, " - ");
    if (!rest)
        return false;
    add_field(&type, rest + 3, 0);
    add_field(&at, line, 4);
    snprintf(owner, sizeof owner, "user_id=%u,", w->owner);
    return strcmp(strbuf_text(&type), "fuse.ccfs") == 0 &&
           strcmp(strbuf_text(&at), mountpoint) == 0 && strstr(rest, owner);
}

/* Until found() says so of a line.  1: it did. */
static int find_mount(bool (*found)(const char *line, const struct workspace *w, const char *at),
                      const struct workspace *w, const char *at, struct error *err)
{
    FILE *list = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;
    int r = 0;
    if (!list)
        return error_set(err, errno, "read the list of mounts");
    while (!r && getline(&line, &room, list) > 0)
        r = found(line, w, at);
    free(line);
    fclose(list);
    return r;
}

static int is_mounted(const struct workspace *w, const char *mountpoint, struct error *err)
{
    return find_mount(is_ours, w, mountpoint, err);
}

static bool lies_in(const char *line, const struct workspace *w, const char *folder)
{
    CLEANUP(strbuf_release) struct strbuf at = STRBUF_EMPTY;
    (void)w;
    add_field(&at, line, 4);
    return strncmp(strbuf_text(&at), folder, strlen(folder)) == 0;
}

int mountpoint_none_in(const struct workspace *w, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    TRY(true_path(w->root, &path, err));
    strbuf_add_text(&path, "/");
    int r = find_mount(lies_in, w, strbuf_text(&path), err);
    TRY(r);
    return r ? error_say(err, EBUSY,
                         "something is mounted in the workspace's folder; see: findmnt, "
                         "first: umount")
             : 0;
}

/* A word, a newline, the path. */
#define RECORD STATE_FOLDER "/mountpoint"
#define FOR_SESSIONS "sessions\n"
#define FOR_A_PERSON "person\n"

void mountpoint_record(const struct workspace *w, const struct mount_record *record)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(fd_close)
    int fd = fd_open_beneath(w->root, RECORD, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0600);
    strbuf_add_text(&text, record->for_sessions ? FOR_SESSIONS : FOR_A_PERSON);
    strbuf_add_text(&text, record->path);
    if (fd >= 0 && (text.failed || fd_write_all(fd, text.data, text.bytes) < 0))
        mountpoint_unrecord(w);
}

void mountpoint_recorded(const struct workspace *w, struct mount_record *out)
{
    char text[sizeof out->path + 16];
    CLEANUP(fd_close) int fd = fd_open_beneath(w->root, RECORD, O_RDONLY | O_NONBLOCK, 0);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *newline = strchr(text, '\n');
    out->for_sessions = strncmp(text, FOR_SESSIONS, strlen(FOR_SESSIONS)) == 0;
    snprintf(out->path, sizeof out->path, "%s", newline ? newline + 1 : "");
}

void mountpoint_unrecord(const struct workspace *w)
{
    (void)unlinkat(w->root, RECORD, 0);
}

/* What is written there is anybody's who owns the workspace: the kernel's list decides. */
int mountpoint_find(const struct workspace *w, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    struct mount_record record;
    char shown[512];
    mountpoint_recorded(w, &record);
    int found = record.path[0] == '/' ? is_mounted(w, record.path, err) : 0;
    TRY(found);
    workspace_show_path(w->path, shown, sizeof shown);
    if (!found)
        return error_say(err, ENOENT, "%s is not mounted", shown);
    strbuf_add_text(&path, record.path);
    return take_text(&path, out, err);
}

static int run_fusermount(const char *path, bool lazy)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        execlp("fusermount3", "fusermount3", lazy ? "-uzq" : "-uq", "--", path, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

int mountpoint_detach(const char *path, bool lazy, struct error *err)
{
    if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    int r = errno == EPERM || errno == EACCES ? run_fusermount(path, lazy) : -errno;
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    text_escape(&shown, path, strlen(path));
    if (r == -EBUSY)
        return error_say(err, EBUSY, "%s is in use: end what works there, or use --lazy",
                         strbuf_text(&shown));
    return r < 0 ? error_set(err, -r, "unmount %s", strbuf_text(&shown)) : 0;
}
