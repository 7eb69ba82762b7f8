/* removal.c - see removal.h. */
#include "launcher/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define DEPTH_LIMIT 512 /* a descriptor each */

static void end_list(DIR **list)
{
    if (*list)
        closedir(*list);
}

static int empty(int folder, unsigned depth, struct error *err);

/* Not through a mount, be it one of the same filesystem: what shows there lies elsewhere. */
static int enter(int folder, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

static int remove_one(int folder, const char *name, unsigned depth, struct error *err)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_set(err, errno, "remove %.200s", name);
    CLEANUP(fd_close) int inner = enter(folder, name);
    if (inner < 0 && errno == EXDEV)
        return error_say(err, EBUSY, "%.200s is a mount: unmount it first", name);
    if (inner < 0)
        return error_set(err, errno, "open %.200s", name);
    if (depth == DEPTH_LIMIT)
        return error_say(err, EBUSY, "%.200s lies too deep", name);
    TRY(empty(inner, depth + 1, err));
    if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
        return error_set(err, errno, "remove %.200s", name);
    return 0;
}

static int empty(int folder, unsigned depth, struct error *err)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(end_list) DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        int r = error_set(err, errno, "list a folder");
        fd_close(&copy);
        return r;
    }
    for (const struct dirent *e = readdir(list); e; e = readdir(list))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            TRY(remove_one(folder, e->d_name, depth, err));
    return 0;
}

int removal_of_folder(int folder, const char *path, struct error *err)
{
    TRY(empty(folder, 0, err));
    return rmdir(path) < 0 ? error_set(err, errno, "remove %s", path) : 0;
}
