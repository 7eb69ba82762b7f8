/* remount.c - the mount of a new daemon, put into a container that still has the dead one's.
 *
 * Nothing of the container runs here: a process of ours enters its mount namespace, and puts a
 * mount there that it has taken along, on a path that the container cannot change (its root is
 * read-only and it has no capability).  A folder shared with the container would do the same by
 * itself, but only below /workspace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/docker/pod.h"

#define PLACE "/workspace"

static int enter_and_put(int process, int mount)
{
    if (setns(process, CLONE_NEWNS) < 0)
        return errno;
    while (umount2(PLACE, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        continue; /* one over the other, if it came to that */
    if (syscall(SYS_move_mount, mount, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return errno;
    return 0;
}

int pod_remount(pid_t root, const char *mountpoint, struct error *err)
{
    CLEANUP(fd_close) int process = (int)syscall(SYS_pidfd_open, root, 0);
    if (process < 0)
        return error_set(err, errno, "find the container's first process");
    CLEANUP(fd_close)
    int mount = (int)syscall(SYS_open_tree, AT_FDCWD, mountpoint, OPEN_TREE_CLONE | O_CLOEXEC);
    if (mount < 0)
        return error_set(err, errno, "take the mount on %s", mountpoint);
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "enter the container");
    if (pid == 0)
        _exit(enter_and_put(process, mount));
    int status = child_wait(pid);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return code ? error_set(err, code, "put the mount into the container") : 0;
}
