/* tool.c - see tool.h. */
#include "launcher/net/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/child.h"
#include "launcher/cli.h"
#include "launcher/program.h"

#define OUTPUT_LIMIT (64 * 1024)

int tool_find(const char *name, const char *package, char *out, size_t bytes, struct error *err)
{
    if (program_find(name, out, bytes))
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                     "%s is not there; as root: apt-get install %s", name, package);
}

/* ---- in the child ---- */

/* exec(3) does not write to its arguments, whatever its prototype says. */
static void exec_tool(const char *const *argv)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char locale[] = "LC_ALL=C";
    char *environment[] = {path, locale, NULL};
    union {
        const char *const *ours;
        char *const *theirs;
    } words = {.ours = argv};
    execve(argv[0], words.theirs, environment);
}

static void become(const char *const *argv, int in, int out, int said, const int *keep)
{
    CLEANUP(fd_close) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)signal(SIGPIPE, SIG_DFL); /* which ccfs ignores, and pasta wants to find as it is */
    if (nothing < 0 || dup2(in < 0 ? nothing : in, 0) < 0 || dup2(out < 0 ? nothing : out, 1) < 0 ||
        dup2(said, 2) < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return;
    for (; *keep >= 0; keep++)
        (void)fcntl(*keep, F_SETFD, 0);
    exec_tool(argv);
}

static void say_not_started(const char *program, int said)
{
    struct error err = ERROR_NONE;
    (void)!error_set(&err, errno, "start %s", program);
    (void)!write(said, err.message, strnlen(err.message, sizeof err.message));
}

void tool_become(const char *const *argv, int said, const int *keep)
{
    become(argv, -1, -1, said, keep);
    say_not_started(argv[0], said);
    _exit(EXIT_FAILED);
}

/* ---- in the parent ---- */

int tool_said_open(int *out, struct error *err)
{
    *out = memfd_create("said", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return *out < 0 ? error_set(err, errno, "make a file in memory") : 0;
}

void tool_said_enough(int said)
{
    (void)fcntl(said, F_ADD_SEALS, F_SEAL_GROW);
}

void tool_said_text(int said, char *out, size_t bytes)
{
    ssize_t n = pread(said, out, bytes - 1, 0);
    out[n > 0 ? n : 0] = '\0';
}

void tool_said_line(int said, char *out, size_t bytes)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    char text[257];
    tool_said_text(said, text, sizeof text);
    text_escape(&line, text, strcspn(text, "\n"));
    snprintf(out, bytes, "%s", strbuf_text(&line));
}

void tool_said_why(int said, int status, char *out, size_t bytes)
{
    tool_said_line(said, out, bytes);
    if (out[0] == '\0')
        child_how_ended(status, out, bytes);
}

static int file_of(const struct strbuf *input, int *out, struct error *err)
{
    *out = -1;
    if (!input)
        return 0;
    TRY(tool_said_open(out, err));
    int r = fd_write_all(*out, strbuf_text(input), input->bytes);
    if (r < 0 || lseek(*out, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, "write a file in memory");
    return 0;
}

static int read_output(int file, struct strbuf *output, struct error *err)
{
    char buffer[4096];
    ssize_t n = 0;
    if (!output)
        return 0;
    if (lseek(file, 0, SEEK_SET) < 0)
        return error_set(err, errno, "read a file in memory");
    while (output->bytes < OUTPUT_LIMIT && (n = read(file, buffer, sizeof buffer)) > 0)
        strbuf_add(output, buffer, (size_t)n);
    return output->failed ? error_say(err, ENOMEM, "no memory for what a program said") : 0;
}

int tool_run(const char *const *argv, const struct strbuf *input, struct strbuf *output,
             struct error *err)
{
    static const int nothing[] = {-1};
    CLEANUP(fd_close) int in = -1;
    CLEANUP(fd_close) int out = -1;
    CLEANUP(fd_close) int said = -1;
    char line[200];
    TRY(file_of(input, &in, err));
    TRY(tool_said_open(&out, err));
    TRY(tool_said_open(&said, err));
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start %s", argv[0]);
    if (pid == 0) {
        become(argv, in, out, said, nothing);
        say_not_started(argv[0], said);
        _exit(EXIT_FAILED);
    }
    int status = child_wait(pid);
    tool_said_why(said, status, line, sizeof line);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_say(err, EIO, "%s failed: %s", argv[0], line);
    return read_output(out, output, err);
}
