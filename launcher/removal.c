/* removal.c - see removal.h. */
#include "launcher/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal/base/dir.h"
#include "journal/base/fd.h"

#define DEPTH_LIMIT 200 /* two descriptors each */

struct removal {
    int top;
    unsigned lifted; /* folders that lay too deep, and were moved up there */
};

static int empty(struct removal *all, int folder, unsigned depth, struct error *err);

/* Not through a mount, be it one of the same filesystem: what shows there lies elsewhere. */
static int enter(int folder, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

/* An agent may have taken away the right to. */
static int enter_locked(int folder, const char *name)
{
    int inner = enter(folder, name);
    if (inner < 0 && errno == EACCES && fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        inner = enter(folder, name);
    if (inner >= 0)
        (void)fchmod(inner, 0700); /* or what is in it cannot go */
    return inner;
}

/* Deeper than anybody has descriptors: it goes on from the top. */
static int lift(struct removal *all, int folder, const char *name, struct error *err)
{
    char to[32];
    int r;
    do {
        snprintf(to, sizeof to, ".ccfs-deep-%u", all->lifted++);
        r = renameat2(folder, name, all->top, to, RENAME_NOREPLACE);
    } while (r < 0 && errno == EEXIST);
    return r < 0 ? error_set(err, errno, "remove %.200s", name) : 0;
}

static int remove_one(struct removal *all, int folder, const char *name, unsigned depth,
                      struct error *err)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_set(err, errno, "remove %.200s", name);
    CLEANUP(fd_close) int inner = enter_locked(folder, name);
    if (inner < 0 && errno == EXDEV)
        return error_say(err, EBUSY, "%.200s is a mount: unmount it first", name);
    if (inner < 0)
        return error_set(err, errno, "open %.200s", name);
    if (depth == DEPTH_LIMIT)
        return lift(all, folder, name, err);
    TRY(empty(all, inner, depth + 1, err));
    if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
        return error_set(err, errno, "remove %.200s", name);
    return 0;
}

static int empty(struct removal *all, int folder, unsigned depth, struct error *err)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(dir_close) DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        int r = error_set(err, errno, "list a folder");
        fd_close(&copy);
        return r;
    }
    for (const struct dirent *e = readdir(list); e; e = readdir(list))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            TRY(remove_one(all, folder, e->d_name, depth, err));
    return 0;
}

int removal_of_folder(int folder, const char *path, struct error *err)
{
    struct removal all = {.top = folder};
    unsigned before;
    do {
        before = all.lifted;
        TRY(empty(&all, folder, 0, err));
    } while (all.lifted != before);
    return rmdir(path) < 0 ? error_set(err, errno, "remove %s", path) : 0;
}
