/* backend_sandbox.c - bubblewrap: no image and no engine.
 *
 *   (1) The command sees: /usr read-only, a few files of /etc, its own /tmp, /home, /dev and /proc,
 * and the mount at /workspace.  No other folder, socket, process or network of the host. (2) It has
 * no capability, may gain none (no_new_privs), and makes no namespace (harden.c). (3) Its
 * environment is built here, not inherited. (4) When we die, however, the kernel kills bwrap
 * (die-with-parent) and with it all that is inside. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/backend.h"
#include "launcher/child.h"
#include "launcher/harden.h"
#include "launcher/net/session.h"
#include "launcher/pidfd.h"
#include "launcher/program.h"
#include "launcher/sandbox_args.h"

/* What the waiting child is told. */
#define GO 'g'
#define GO_BY_RLIMITS 'r' /* no cgroup bounds its memory */

/* ---- can it work here ---- */

static bool switch_reads(const char *path, const char *value)
{
    char text[16] = {0};
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    return n > 0 && strcspn(text, "\n") == strlen(value) &&
           strncmp(text, value, strlen(value)) == 0;
}

/* The switches that forbid user namespaces, and how to put them. */
static const struct {
    const char *path;
    const char *forbids;
    const char *mend;
} switches[] = {
    {"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "0",
     "sysctl kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
     "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
};

static int say_forbidden(struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(switches); i++)
        if (switch_reads(switches[i].path, switches[i].forbids))
            return error_say(
                err, EXIT_AS_ERROR(EXIT_PERMISSION),
                "the sandbox needs user namespaces, which are forbidden here; as root: %s",
                switches[i].mend);
    return error_say(
        err, EXIT_AS_ERROR(EXIT_PERMISSION),
        "the sandbox needs user namespaces, which this system or container does not allow; in a "
        "container start it with --security-opt seccomp=unconfined, or run ccfs outside");
}

/* As whoever it will be: tried by a child, since there is no way back. */
static bool can_unshare(void)
{
    pid_t pid = fork();
    int status = 1;
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && status == 0;
}

static int check(const struct config *config, struct error *err)
{
    (void)config;
    char path[4096];
    if (!program_find("bwrap", path, sizeof path))
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "bubblewrap is not there, which makes the sandbox; as root: apt-get "
                         "install bubblewrap");
    return can_unshare() ? 0 : say_forbidden(err);
}

/* ---- the child ---- */

static void keep_across_exec(const struct sandbox_given *g)
{
    const int ours[] = {g->args, g->allowed, g->refused, g->status, g->block};
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(EXIT_FAILED); /* something of the host could be left open for the command */
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        (void)fcntl(ours[i], F_SETFD, 0);
    for (size_t i = 0; i < COUNT_OF(g->made); i++)
        (void)fcntl(g->made[i], F_SETFD, 0);
    for (size_t i = 0; i < g->secret_count; i++)
        (void)fcntl(g->secrets[i], F_SETFD, 0);
}

/* With a shell in front that only execs: it knows 126 from 127.  Without an environment: bwrap
 * stays as pid 1 of the sandbox, where /proc/1/environ shows what it was given. */
static void exec_bwrap(const char *bwrap, int args, char *const *command)
{
    size_t count = 0;
    char fd[16];
    while (command[count])
        count++;
    char *nothing[] = {NULL};
    char **argv = calloc(count + 9, sizeof *argv);
    if (!argv)
        return;
    snprintf(fd, sizeof fd, "%d", args);
    char *front[] = {(char[]){"bwrap"},       (char[]){"--args"},  fd,
                     (char[]){"--"},          (char[]){"/bin/sh"}, (char[]){"-c"},
                     (char[]){"exec \"$@\""}, (char[]){"ccfs"}};
    memcpy(argv, front, sizeof front);
    memcpy(argv + COUNT_OF(front), command, count * sizeof *argv);
    execve(bwrap, argv, nothing);
    free(argv);
}

static int become_sandbox(const struct backend_job *job, const struct sandbox_given *g,
                          const struct net_space *network, const char *bwrap, pid_t parent,
                          bool with_memory, struct error *err)
{
    TRY(workspace_become_owner(job->workspace, err));
    TRY(net_space_enter(network, err));
    /* after the change of user, which clears it; and asked again, since the parent may be gone
     * already */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        return error_say(err, ESRCH, "ccfs was killed while it started the sandbox");
    TRY(child_take_terminal(job->terminal, err));
    TRY(child_take_streams(job->streams, err));
    TRY(harden_limits(&job->config->sandbox, with_memory, err));
    child_reset_signals();
    umask(022);
    keep_across_exec(g);
    exec_bwrap(bwrap, g->args, job->command);
    return error_set(err, errno, "start %s", bwrap);
}

static void live_as_child(const struct backend_job *job, const struct sandbox_given *g,
                          const struct net_space *network, int go, const char *bwrap, pid_t parent)
{
    struct error err = ERROR_NONE;
    char word = 0;
    ssize_t n = 0;
    while ((n = read(go, &word, 1)) < 0 && errno == EINTR)
        continue;
    if (n == 1) { /* else the parent gave up */
        become_sandbox(job, g, network, bwrap, parent, word == GO_BY_RLIMITS, &err);
        log_error(&err);
    }
    _exit(EXIT_FAILED);
}

/* ---- the parent ---- */

static int prepare(const struct backend_job *job, struct backend_task *out, struct error *err)
{
    CLEANUP(sandbox_given_close) struct sandbox_given g = SANDBOX_GIVEN_NONE;
    CLEANUP(fd_close) int go = -1;
    CLEANUP(fd_close) int go_read = -1;
    CLEANUP(fd_close) int status = -1;
    CLEANUP(fd_close) int block = -1;
    CLEANUP(net_policy_release) struct net_policy policy = NET_POLICY_NONE;
    CLEANUP(net_space_close) struct net_space network = NET_SPACE_NONE;
    CLEANUP(contacts_free) struct contacts *contacts = NULL;
    char bwrap[4096];
    if (!program_find("bwrap", bwrap, sizeof bwrap))
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING), "bubblewrap is not there");
    TRY(harden_allowed(&g.allowed, err));
    TRY(harden_refused(&g.refused, err));
    TRY(fd_pipe(&go_read, &go, err));
    TRY(fd_pipe(&status, &g.status, err));
    TRY(fd_pipe(&g.block, &block, err));
    TRY(net_session_open(job->workspace, &job->config->network, &policy, &network, &contacts, err));
    TRY(sandbox_args_write(job, &policy, &g, err));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start the sandbox");
    if (pid == 0) {
        fd_close(&go); /* so that the parent's end is the last one */
        fd_close(&block);
        fd_close(&status);
        live_as_child(job, &g, &network, go_read, bwrap, parent);
    }
    *out = BACKEND_TASK_NONE;
    out->pid = pid;
    out->root = pid;
    out->ended = pidfd_of(pid);
    out->go = fd_take(&go);
    out->block = fd_take(&block);
    out->status = fd_take(&status);
    out->proxy = network.proxy;
    out->network = network;
    network = NET_SPACE_NONE;
    out->contacts = contacts;
    contacts = NULL;
    return out->ended < 0 ? error_set(err, errno, "watch the sandbox") : 0;
}

/* The number behind "key": in what bwrap says about itself; -1: not said (yet). */
static long said_number(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

static const char child_key[] = "\"child-pid\":";
static const char exit_key[] = "\"exit-code\":";

static pid_t hear_child(int status, char *text, size_t bytes)
{
    size_t got = 0;
    while (got + 1 < bytes) {
        ssize_t n = read(status, text + got, bytes - 1 - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        got += (size_t)n;
        text[got] = '\0';
        if (strchr(text, '\n'))
            return (pid_t)said_number(text, child_key);
    }
    return -1;
}

static int go(const struct backend_job *job, struct backend_task *task, struct error *err)
{
    char text[1024];
    const char word = job->memory_by_cgroup ? GO : GO_BY_RLIMITS;
    int r = fd_write_all(task->go, &word, 1);
    fd_close(&task->go);
    pid_t inside = r < 0 ? -1 : hear_child(task->status, text, sizeof text);
    if (inside <= 0)
        return error_say(err, EIO, "the sandbox could not be made: bwrap says why, above");
    task->inside = pidfd_of(inside);
    if (task->inside < 0)
        return error_set(err, errno, "watch the sandbox");
    (void)harden_processes(inside, &job->config->sandbox);
    r = fd_write_all(task->block, "g", 1);
    fd_close(&task->block);
    return r < 0 ? error_set(err, -r, "start the command") : 0;
}

static void stop(struct backend_task *task)
{
    pidfd_kill(task->inside); /* pid 1 of the sandbox: with it goes everything */
    if (task->pid > 0)
        (void)kill(task->pid, SIGKILL);
}

/* bwrap says the exit code of the command; when it does not, the command was never run. */
static bool heard_exit(int status)
{
    char text[1024];
    size_t got = 0;
    ssize_t n = 0;
    while (got + 1 < sizeof text && (n = read(status, text + got, sizeof text - 1 - got)) > 0)
        got += (size_t)n;
    text[got] = '\0';
    return said_number(text, exit_key) >= 0;
}

static int finish(struct backend_task *task, int *exit_code, struct error *err)
{
    if (task->pid <= 0)
        return 0;
    fd_close(&task->go);
    fd_close(&task->block);
    int status = child_wait(task->pid);
    task->pid = 0;
    pidfd_kill(task->inside); /* bwrap ends before what it leaves behind does */
    pidfd_wait_gone(task->inside);
    net_space_close(&task->network);
    bool ran = task->status >= 0 && heard_exit(task->status);
    *exit_code = child_exit_code(status);
    fd_close(&task->status);
    fd_close(&task->inside);
    fd_close(&task->ended);
    if (!ran && WIFEXITED(status))
        return error_say(err, EIO, "the sandbox could not be made: bwrap says why, above");
    return 0;
}

const struct backend backend_sandbox = {
    .name = "sandbox",
    .check = check,
    .prepare = prepare,
    .go = go,
    .stop = stop,
    .finish = finish,
};
