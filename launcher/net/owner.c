/* owner.c - see owner.h. */
#include "launcher/net/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"

static int write_line(const char *path, const char *text, struct error *err)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    return r < 0 ? error_set(err, -r, "write %s", path) : 0;
}

int owner_become(uid_t number, struct error *err)
{
    char users[48];
    char groups[48];
    snprintf(users, sizeof users, "%u %u 1\n", number, geteuid());
    snprintf(groups, sizeof groups, "%u %u 1\n", number, getegid());
    if (unshare(CLONE_NEWUSER) < 0)
        return error_set(err, errno, "make a user namespace for the session's network");
    TRY(write_line("/proc/self/setgroups", "deny", err));
    TRY(write_line("/proc/self/uid_map", users, err));
    return write_line("/proc/self/gid_map", groups, err);
}
