/* pidfd.c - see pidfd.h. */
#include "launcher/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

bool pidfd_wait(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = 0;
    while (fd >= 0 && (r = poll(&p, 1, ms)) < 0 && errno == EINTR)
        continue;
    return r > 0;
}

void pidfd_wait_gone(int fd)
{
    (void)pidfd_wait(fd, -1);
}

int pidfd_signal(int fd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

void pidfd_kill(int fd)
{
    if (fd >= 0)
        (void)pidfd_signal(fd, SIGKILL);
}
