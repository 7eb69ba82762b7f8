/* check_fuse.c - what this machine gives a mount: the device, the library, and what makes it fast.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fusefs/fusefs.h"
#include "journal/base/fd.h"
#include "launcher/daemon.h"
#include "launcher/doctor/checks.h"
#include "launcher/doctor/fix.h"

#define URING_KERNEL 6, 14
#define PASSTHROUGH_KERNEL 6, 9

static bool kernel_is(int major, int minor)
{
    struct utsname name;
    int has[2] = {0, 0};
    if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &has[0], &has[1]) != 2)
        return false;
    return has[0] > major || (has[0] == major && has[1] >= minor);
}

void check_fuse_device(struct doctor *d)
{
    struct error err = ERROR_NONE;
    if (daemon_check_fuse(&err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        error_set(&err, errno, "/dev/fuse does not open");
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    fd_close(&fd);
    doctor_say(d, VERDICT_OK, "/dev/fuse is open to you");
}

void check_fuse_library(struct doctor *d)
{
    doctor_say(d, VERDICT_OK, "libfuse %s", fusefs_library());
}

void check_uring(struct doctor *d)
{
    char word = uring_switch();
    if (word == 'Y')
        doctor_say(d, VERDICT_OK, "io_uring for FUSE is on");
    else if (word == 'N')
        doctor_say(d, VERDICT_WARN, "io_uring for FUSE is off: metadata is about twice as slow");
    else
        doctor_say_fix(d, VERDICT_WARN,
                       kernel_is(URING_KERNEL) ? "as root: modprobe fuse"
                                               : "a kernel from 6.14 on has it",
                       "io_uring for FUSE is not there: metadata is about twice as slow");
}

void check_passthrough(struct doctor *d)
{
    if (!kernel_is(PASSTHROUGH_KERNEL))
        doctor_say_fix(d, VERDICT_WARN, "a kernel from 6.9 on has it",
                       "this kernel passes no files through: contents go by the daemon");
    else if (geteuid() != 0)
        doctor_say(d, VERDICT_WARN,
                   "only root's mount may pass files through: contents go by the daemon");
    else
        doctor_say(d, VERDICT_OK, "files may be passed through, at the speed of the folder itself");
}
