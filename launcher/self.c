/* self.c - see self.h. */
#include "launcher/self.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/cli.h"
#include "launcher/net/tool.h"

/* exec(3) does not write to its arguments, whatever its prototype says. */
void self_exec(const char **argv)
{
    union {
        const char **ours;
        char *const *theirs;
    } words = {.ours = argv};
    execv("/proc/self/exe", words.theirs);
}

static void become(const char **argv, int out, int said)
{
    CLEANUP(fd_close) int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)signal(SIGPIPE, SIG_DFL);
    if (nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(out, 1) >= 0 && dup2(said, 2) >= 0 &&
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        self_exec(argv);
    _exit(EXIT_FAILED);
}

static void hear(int fd, self_sink *sink, void *context)
{
    char buffer[16384];
    ssize_t n = 0;
    while ((n = read(fd, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !sink(context, buffer, (size_t)n))
            return;
    }
}

int self_run(const char **argv, self_sink *sink, void *context, int *exit_code, char said[200],
             struct error *err)
{
    CLEANUP(fd_close) int complaints = -1;
    TRY(tool_said_open(&complaints, err));
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start ccfs");
    if (pid == 0)
        become(argv, says, complaints);
    fd_close(&says);
    hear(hears, sink, context);
    fd_close(&hears);
    int status = child_wait(pid);
    tool_said_line(complaints, said, 200);
    *exit_code = child_exit_code(status);
    return 0;
}
