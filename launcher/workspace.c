/* workspace.c - see workspace.h. */
#include "launcher/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "journal/journal.h"

#define DEFAULT_NAME "ClaudeCodeWorkspace"

const char *const workspace_folders[] = {"Projects", "Documentation", "Research",
                                         "shared",   "imports",       "exports"};
const size_t workspace_folder_count = COUNT_OF(workspace_folders);

/* ---- places ---- */

static const char *home(void)
{
    const char *given = getenv("HOME");
    if (given && given[0] == '/')
        return given;
    const struct passwd *me = getpwuid(geteuid());
    return me && me->pw_dir && me->pw_dir[0] == '/' ? me->pw_dir : NULL;
}

const char *workspace_owners_home(const struct workspace *w)
{
    const char *given = getenv("HOME");
    struct stat st;
    if (given && given[0] == '/' && stat(given, &st) == 0 && st.st_uid == w->owner)
        return given;
    const struct passwd *owner = getpwuid(w->owner);
    return owner ? owner->pw_dir : NULL;
}

static int absolute(const char *path, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf whole = STRBUF_EMPTY;
    char here[4096];
    if (path[0] != '/') {
        if (!getcwd(here, sizeof here))
            return error_set(err, errno, "find the current folder");
        strbuf_add_format(&whole, "%s/", here);
    }
    strbuf_add_text(&whole, path);
    while (whole.bytes > 1 && whole.data[whole.bytes - 1] == '/')
        whole.data[--whole.bytes] = '\0';
    *out = strbuf_take(&whole);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

int workspace_locate(const struct cli *cli, char **out, struct error *err)
{
    if (cli->workspace && !cli->workspace[0]) /* a script's variable that is not set */
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "-w is given an empty name");
    if (cli->workspace)
        return absolute(cli->workspace, out, err);
    const char *in = home();
    if (!in)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "you have no home folder: say which workspace, with -w DIR");
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    strbuf_add_format(&path, "%s/" DEFAULT_NAME, in);
    return absolute(strbuf_text(&path), out, err);
}

bool path_is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

void workspace_show_path(const char *path, char *out, size_t bytes)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    const char *in = home();
    size_t n = in ? strlen(in) : 0;
    if (n > 1 && path_is_below(path, in)) {
        strbuf_add_text(&shown, "~");
        path += n;
    }
    text_escape(&shown, path, strlen(path));
    snprintf(out, bytes, "%s", strbuf_text(&shown));
}

/* The true path of a descriptor. */
static int path_of(int fd, char **out, struct error *err)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || path[0] != '/')
        return error_set(err, n < 0 ? errno : ENAMETOOLONG,
                         "find the workspace's path; is /proc mounted?");
    path[n] = '\0';
    *out = strdup(path);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

void workspace_close(struct workspace *w)
{
    fd_close(&w->root);
    free(w->path);
    w->path = NULL;
}

/* ---- filesystems ---- */

enum verdict {
    REFUSED,
    WARNED
};

/* What cannot carry a workspace, and what carries it badly.  Everything else is asked by trying. */
static const struct {
    unsigned long type;
    enum verdict verdict;
    const char *says;
} filesystems[] = {
    {FUSE_SUPER_MAGIC, REFUSED,
     "is on a FUSE filesystem (a mounted workspace?), which cannot hold one"},
    {NFS_SUPER_MAGIC, REFUSED, "is on NFS, which does not keep a deleted file that is still open"},
    {SMB_SUPER_MAGIC, REFUSED, "is on a network share, which keeps neither owners nor links"},
    {0xfe534d42 /* SMB2 */, REFUSED, "is on a network share, which keeps neither owners nor links"},
    {0xff534d42 /* CIFS */, REFUSED, "is on a network share, which keeps neither owners nor links"},
    {V9FS_MAGIC, REFUSED,
     "is on a 9p share, which does not keep a deleted file that is still open"},
    {MSDOS_SUPER_MAGIC, REFUSED, "is on a FAT filesystem, which keeps neither owners nor links"},
    {PROC_SUPER_MAGIC, REFUSED, "is in /proc"},
    {SYSFS_MAGIC, REFUSED, "is in /sys"},
    {OVERLAYFS_SUPER_MAGIC, WARNED,
     "is on an overlay (a container's own layer?): it works, but goes away with the container"},
};

static int check_filesystem(const struct workspace *w, bool warn, struct error *err)
{
    struct statfs fs;
    char shown[512];
    if (fstatfs(w->root, &fs) < 0)
        return error_set(err, errno, "look at the workspace's filesystem");
    workspace_show_path(w->path, shown, sizeof shown);
    for (size_t i = 0; i < COUNT_OF(filesystems); i++) {
        if ((unsigned long)fs.f_type != filesystems[i].type)
            continue;
        if (filesystems[i].verdict == REFUSED)
            return error_say(err, EXIT_AS_ERROR(EXIT_PLATFORM),
                             "%s %s: choose another folder, with -w DIR", shown,
                             filesystems[i].says);
        if (warn)
            log_line("%s %s", shown, filesystems[i].says);
    }
    return 0;
}

/* One file through all that the vault will do with files. */
static int try_vault_moves(int state)
{
    const char *a = ".probe-a";
    const char *b = ".probe-b";
    (void)unlinkat(state, a, 0);
    (void)unlinkat(state, b, 0);
    CLEANUP(fd_close)
    int fd = openat(state, a, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0)
        return -errno;
    int r = fchmod(fd, 0640) < 0 || fstat(fd, &st) < 0 ? -errno
            : (st.st_mode & 0777) == 0640              ? 0
                                                       : -EOPNOTSUPP;
    if (r == 0 && linkat(state, a, state, b, 0) < 0)
        r = -errno;
    (void)unlinkat(state, b, 0);
    if (r == 0 && renameat2(state, a, state, b, RENAME_NOREPLACE) < 0)
        r = -errno;
    (void)unlinkat(state, a, 0);
    (void)unlinkat(state, b, 0);
    return r;
}

static int check_features(const struct workspace *w, struct error *err)
{
    CLEANUP(fd_close) int state = fd_open_beneath(w->root, STATE_FOLDER, O_RDONLY | O_DIRECTORY, 0);
    char shown[512];
    workspace_show_path(w->path, shown, sizeof shown);
    int r = state < 0 ? state : try_vault_moves(state);
    if (r == -EPERM || r == -EOPNOTSUPP || r == -ENOSYS || r == -EINVAL)
        return error_say(
            err, EXIT_AS_ERROR(EXIT_PLATFORM),
            "%s is on a filesystem without hard links, modes or safe renames, which undo needs: "
            "choose another folder, with -w DIR",
            shown);
    return r < 0 ? error_set(err, -r, "try %s/" STATE_FOLDER, shown) : 0;
}

/* ---- opening ---- */

static int open_folder(const char *path, struct workspace *out, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    struct stat st;
    char shown[512];
    workspace_show_path(path, shown, sizeof shown);
    w.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.root < 0 && errno == ENOENT)
        return error_say(err, ENOENT, "there is no workspace %s; make it with: ccfs -w %s init",
                         shown, shown);
    if (w.root < 0 && errno == ENOTDIR)
        return error_say(err, ENOTDIR, "%s is not a folder, so it cannot be a workspace", shown);
    if (w.root < 0 || fstat(w.root, &st) < 0)
        return error_set(err, errno, "open the workspace %s", shown);
    TRY(path_of(w.root, &w.path, err));
    w.owner = st.st_uid;
    w.group = st.st_gid;
    *out = w;
    w = WORKSPACE_NONE;
    return 0;
}

static int check_state_folder(const struct workspace *w, const struct cli *cli, struct error *err)
{
    struct stat st;
    char shown[512];
    workspace_show_path(w->path, shown, sizeof shown);
    if (fstatat(w->root, STATE_FOLDER, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT && cli->workspace)
            return error_say(err, ENOENT,
                             "%s is not a workspace; make it one with: ccfs -w %s init", shown,
                             shown);
        if (errno == ENOENT)
            return error_say(err, ENOENT, "%s is not a workspace; make it one with: ccfs init",
                             shown);
        return error_set(err, errno, "look at %s/" STATE_FOLDER, shown);
    }
    if (!S_ISDIR(st.st_mode))
        return error_say(err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                         "%s/" STATE_FOLDER " is not a folder; it was not touched", shown);
    if (st.st_uid != w->owner)
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         "%s belongs to user %u, its " STATE_FOLDER
                         " to user %u: give both one owner (chown)",
                         shown, w->owner, st.st_uid);
    if (geteuid() != 0 && geteuid() != w->owner)
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         "the workspace %s belongs to user %u: use one of yours, with -w DIR",
                         shown, w->owner);
    return 0;
}

int workspace_open_as_is(const struct cli *cli, struct workspace *out, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    char *path = NULL;
    TRY(workspace_locate(cli, &path, err));
    int r = open_folder(path, &w, err);
    free(path);
    TRY(r);
    TRY(check_state_folder(&w, cli, err));
    TRY(check_filesystem(&w, false, err));
    *out = w;
    w = WORKSPACE_NONE;
    return 0;
}

int workspace_open(const struct cli *cli, struct workspace *out, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    TRY(workspace_open_as_is(cli, &w, err));
    TRY(workspace_become_owner(&w, err));
    *out = w;
    w = WORKSPACE_NONE;
    return 0;
}

/* ---- whose files ---- */

static int become_groups(const struct workspace *w)
{
    const struct passwd *owner = getpwuid(w->owner);
    if (owner)
        return initgroups(owner->pw_name, w->group);
    return setgroups(1, &w->group);
}

int workspace_become_owner(const struct workspace *w, struct error *err)
{
    if (geteuid() != 0 || w->owner == 0)
        return 0;
    if (become_groups(w) < 0 || setresgid(w->group, w->group, w->group) < 0 ||
        setresuid(w->owner, w->owner, w->owner) < 0)
        return error_set(err, errno, "become user %u, who owns the workspace", w->owner);
    return 0;
}

int workspace_act_as_owner(const struct workspace *w, struct error *err)
{
    if (geteuid() != 0 || w->owner == 0)
        return 0;
    if (setegid(w->group) < 0 || seteuid(w->owner) < 0)
        return error_set(err, errno, "become user %u, who owns the workspace", w->owner);
    return 0;
}

void workspace_act_as_self(void)
{
    if (getuid() == 0 && (seteuid(0) < 0 || setegid(0) < 0))
        abort(); /* the saved ids are root's, so this cannot fail */
}

/* ---- making ---- */

static int make_folder(const char *path, bool *made, struct error *err)
{
    char shown[512];
    workspace_show_path(path, shown, sizeof shown);
    if (strcmp(path, "/") == 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "the root folder cannot be a workspace");
    *made = mkdir(path, 0755) == 0;
    if (*made || errno == EEXIST)
        return 0;
    if (errno == ENOENT)
        return error_say(err, ENOENT,
                         "the folder that should hold %s does not exist: make it first", shown);
    return error_set(err, errno, "make the folder %s", shown);
}

static int make_contents(const struct workspace *w, struct error *err)
{
    for (size_t i = 0; i < workspace_folder_count; i++) {
        if (mkdirat(w->root, workspace_folders[i], 0755) == 0) {
            if (fchmodat(w->root, workspace_folders[i], 0755, 0) < 0) /* whatever the umask */
                return error_set(err, errno, "set the mode of %s", workspace_folders[i]);
        } else if (errno != EEXIST) {
            return error_set(err, errno, "make the folder %s", workspace_folders[i]);
        }
    }
    return journal_create(w->root, err);
}

int workspace_create(const struct cli *cli, struct workspace *out, bool *made, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    char *path = NULL;
    bool new_folder = false;
    struct stat st;
    TRY(workspace_locate(cli, &path, err));
    int r = make_folder(path, &new_folder, err);
    if (r == 0)
        r = open_folder(path, &w, err);
    free(path);
    TRY(r);
    TRY(check_filesystem(&w, true, err));
    *made = fstatat(w.root, STATE_FOLDER, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
    if (!*made)
        TRY(check_state_folder(&w, cli, err));
    TRY(workspace_act_as_owner(&w, err));
    r = make_contents(&w, err);
    if (r == 0)
        r = check_features(&w, err);
    workspace_act_as_self();
    TRY(r);
    TRY(check_state_folder(&w, cli, err));
    *out = w;
    w = WORKSPACE_NONE;
    return 0;
}
