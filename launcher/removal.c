/* removal.c - see removal.h. */
#include "launcher/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define DEPTH_LIMIT 512 /* a descriptor each */

static void end_list(DIR **list)
{
    if (*list)
        closedir(*list);
}

static int empty(int folder, dev_t device, unsigned depth, struct error *err);

static int remove_one(int folder, const char *name, dev_t device, unsigned depth, struct error *err)
{
    struct stat st;
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_set(err, errno, "remove %.200s", name);
    CLEANUP(fd_close)
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0 || fstat(inner, &st) < 0)
        return error_set(err, errno, "open %.200s", name);
    if (st.st_dev != device || depth == DEPTH_LIMIT)
        return error_say(err, EBUSY, "%.200s %s", name,
                         st.st_dev != device ? "is a mount of another filesystem: unmount it first"
                                             : "lies too deep");
    TRY(empty(inner, device, depth + 1, err));
    if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
        return error_set(err, errno, "remove %.200s", name);
    return 0;
}

static int empty(int folder, dev_t device, unsigned depth, struct error *err)
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
            TRY(remove_one(folder, e->d_name, device, depth, err));
    return 0;
}

int removal_of_folder(int folder, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(folder, &st) < 0)
        return error_set(err, errno, "look at %s", path);
    TRY(empty(folder, st.st_dev, 0, err));
    return rmdir(path) < 0 ? error_set(err, errno, "remove %s", path) : 0;
}
