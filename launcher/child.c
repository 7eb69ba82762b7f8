/* child.c - see child.h. */
#include "launcher/child.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int child_take_terminal(int terminal, struct error *err)
{
    if (terminal < 0)
        return 0;
    if (setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0)
        return error_set(err, errno, "give the command a terminal");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(terminal, fd) < 0)
            return error_set(err, errno, "give the command a terminal");
    return 0;
}

int child_take_streams(const int *streams, struct error *err)
{
    for (int fd = 0; fd <= 2; fd++)
        if (streams[fd] >= 0 && dup2(streams[fd], fd) < 0)
            return error_set(err, errno, "give the command its stdin, stdout and stderr");
    return 0;
}

int child_wait(pid_t pid)
{
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

int child_exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void child_how_ended(int status, char *out, size_t bytes)
{
    if (WIFSIGNALED(status))
        snprintf(out, bytes, "signal %d", WTERMSIG(status));
    else
        snprintf(out, bytes, "exit code %d", WEXITSTATUS(status));
}

void child_reset_signals(void)
{
    sigset_t none;
    for (int n = 1; n < NSIG; n++)
        (void)signal(n, SIG_DFL); /* refused for the few that cannot be changed */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
