/* unmount.c - see unmount.h. */
#include "fusefs/unmount.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

/* Without privilege the setuid helper does it. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
    char program[] = "fusermount3";
    char unmount[] = "-u";
    char quiet[] = "-q";
    char later[] = "-z";
    char *path = strdup(mountpoint); /* absolute: never taken for an option */
    char *argv[] = {program, unmount, quiet, path, NULL, NULL};
    if (lazy)
        argv[4] = later;
    pid_t pid;
    int status = 0;
    int code = path ? posix_spawnp(&pid, program, NULL, NULL, argv, environ) : ENOMEM;
    free(path);
    if (code)
        return -code;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

int unmount_folder(const char *mountpoint, bool lazy)
{
    int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
    if (umount2(mountpoint, flags) == 0)
        return 0;
    return errno == EPERM ? run_fusermount(mountpoint, lazy) : -errno;
}

int unmount_and_end(struct fusefs *fs, bool lazy)
{
    if (atomic_exchange(&fs->ending, true))
        return 0;
    int r = unmount_folder(fs->options->mountpoint, false);
    if (r == -EBUSY && lazy)
        r = unmount_folder(fs->options->mountpoint, true);
    if (r == -EINVAL || r == -ENOENT)
        r = 0; /* it is not mounted any more */
    if (r < 0) {
        atomic_store(&fs->ending, false);
        return r;
    }
    fuse_session_exit(fs->session);
    return 0;
}
