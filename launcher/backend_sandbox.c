/* backend_sandbox.c - bubblewrap: no image and no engine.
 *
 *   (1) The command sees: /usr read-only, a few files of /etc, its own /tmp, /home, /dev and /proc,
 * and the mount at /workspace.  No other folder, socket, process or network of the host. (2) It has
 * no capability, may gain none (no_new_privs), and makes no namespace (harden.c). (3) Its
 * environment is built here, not inherited. (4) When we die, however, the kernel kills bwrap
 * (die-with-parent) and with it all that is inside. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/strbuf.h"
#include "launcher/backend.h"
#include "launcher/harden.h"

/* What the waiting child is told. */
#define GO 'g'
#define GO_BY_RLIMITS 'r' /* no cgroup bounds its memory */

#define AGENT_ID "1000" /* inside; outside it is whoever owns the workspace */

/* ---- can it work here ---- */

static bool find_bwrap(char *out, size_t bytes)
{
    const char *path = getenv("PATH");
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*path) {
        size_t n = strcspn(path, ":");
        if (n > 0 && path[0] == '/') {
            snprintf(out, bytes, "%.*s/bwrap", (int)n, path);
            if (access(out, X_OK) == 0)
                return true;
        }
        path += n;
        path += *path == ':';
    }
    return false;
}

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

static int check(struct error *err)
{
    char path[4096];
    if (!find_bwrap(path, sizeof path))
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "bubblewrap is not there, which makes the sandbox; as root: apt-get "
                         "install bubblewrap");
    return can_unshare() ? 0 : say_forbidden(err);
}

/* ---- the arguments of bwrap, NUL-separated, as --args reads them ---- */

static void add(struct strbuf *args, const char *word)
{
    strbuf_add(args, word, strlen(word) + 1);
}

#define ADD(args, ...) add_all(args, (const char *const[]){__VA_ARGS__, NULL})

static void add_all(struct strbuf *args, const char *const *words)
{
    for (; *words; words++)
        add(args, *words);
}

static void add_fd(struct strbuf *args, const char *option, int fd)
{
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    ADD(args, option, text);
}

/* /bin and its like are symlinks into /usr, or folders of their own. */
static void add_system(struct strbuf *args)
{
    static const char *const folders[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    ADD(args, "--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/var");
    ADD(args, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        char target[256];
        ssize_t n = readlink(folders[i], target, sizeof target - 1);
        if (n > 0) {
            target[n] = '\0';
            ADD(args, "--symlink", target, folders[i]);
        } else {
            ADD(args, "--ro-bind-try", folders[i], folders[i]);
        }
    }
}

/* As little of /etc as programs need; nothing that names users, hosts, keys or passwords. */
static void add_etc(struct strbuf *args)
{
    static const char *const shared[] = {
        "/etc/ld.so.cache", "/etc/ld.so.conf",      "/etc/ld.so.conf.d",    "/etc/alternatives",
        "/etc/ssl/certs",   "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs",
        "/etc/localtime",   "/etc/timezone",        "/etc/mime.types",      "/etc/services",
        "/etc/protocols",   "/etc/bash.bashrc",     "/etc/inputrc",         "/etc/terminfo",
        "/etc/magic",       "/etc/debian_version",  "/etc/os-release",
    };
    for (size_t i = 0; i < COUNT_OF(shared); i++)
        ADD(args, "--ro-bind-try", shared[i], shared[i]);
}

/* What of /proc tells about the host and is nobody's business in here: Docker hides the same.  What
 * remains of the kernel's switches is read-only: bwrap leaves that to the modes of the files, but
 * root's own workspace is worked on by root's own user id, which owns them all. */
static void close_proc(struct strbuf *args)
{
    static const char *const files[] = {
        "/proc/kcore",       "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/interrupts",    "/proc/kmsg",
        "/proc/kpagecount",  "/proc/kpageflags",  "/proc/kpagecgroup",   "/proc/slabinfo",
        "/proc/vmallocinfo",
    };
    static const char *const folders[] = {"/proc/acpi", "/proc/asound", "/proc/scsi"};
    static const char *const read_only[] = {
        "/proc/sys",  "/proc/sysrq-trigger", "/proc/fs",       "/proc/driver",
        "/proc/mtrr", "/proc/tty",           "/proc/pressure",
    };
    for (size_t i = 0; i < COUNT_OF(read_only); i++)
        if (access(read_only[i], F_OK) == 0)
            ADD(args, "--ro-bind", read_only[i], read_only[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (access(files[i], F_OK) == 0)
            ADD(args, "--ro-bind", "/dev/null", files[i]);
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (access(folders[i], F_OK) == 0)
            ADD(args, "--tmpfs", folders[i], "--remount-ro", folders[i]);
}

static const struct {
    const char *path;
    const char *text;
} made_files[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                    "agent:x:" AGENT_ID ":" AGENT_ID ":agent:/home/agent:/bin/bash\n"
                    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\nagent:x:" AGENT_ID ":\nnogroup:x:65534:\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"/etc/hosts", "127.0.0.1 localhost ccfs\n::1 localhost\n"},
};

static int add_made_files(struct strbuf *args, int *fds, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(made_files); i++) {
        char fd[16];
        fds[i] = memfd_create("etc", MFD_CLOEXEC);
        int r = fds[i] < 0 ? -errno
                           : fd_write_all(fds[i], made_files[i].text, strlen(made_files[i].text));
        if (r < 0 || lseek(fds[i], 0, SEEK_SET) < 0)
            return error_set(err, r < 0 ? -r : errno, "make %s", made_files[i].path);
        snprintf(fd, sizeof fd, "%d", fds[i]);
        ADD(args, "--ro-bind-data", fd, made_files[i].path);
    }
    return 0;
}

/* A value of ours goes in only when it is a plain word. */
static const char *plain(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    if (!value || !value[0] || strlen(value) > 64)
        return otherwise;
    for (const char *at = value; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+", *at))
            return otherwise;
    return value;
}

static void add_environment(struct strbuf *args, const struct backend_job *job)
{
    const char *shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
    ADD(args, "--clearenv");
    ADD(args, "--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    ADD(args, "--setenv", "HOME", "/home/agent", "--setenv", "USER", "agent", "--setenv", "LOGNAME",
        "agent");
    ADD(args, "--setenv", "SHELL", shell);
    ADD(args, "--setenv", "TERM", plain("TERM", "dumb"), "--setenv", "LANG",
        plain("LANG", "C.UTF-8"));
    for (size_t i = 0; i < job->env->count; i++) {
        char name[128];
        const char *equals = strchr(job->env->items[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - job->env->items[i]), job->env->items[i]);
        ADD(args, "--setenv", name, equals + 1);
    }
}

static void add_folders(struct strbuf *args, const struct backend_job *job)
{
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)job->config->sandbox.tmp_bytes);
    ADD(args, "--proc", "/proc", "--dev", "/dev");
    close_proc(args);
    ADD(args, "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev");
    ADD(args, "--perms", "1777", "--size", size, "--tmpfs", "/tmp");
    ADD(args, "--size", size, "--tmpfs", "/home", "--dir", "/home/agent");
    ADD(args, "--symlink", "/tmp", "/var/tmp");
    ADD(args, "--bind", job->mountpoint, "/workspace", "--chdir", job->folder, "--remount-ro", "/");
}

static void add_isolation(struct strbuf *args, const struct backend_job *job)
{
    ADD(args, "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL");
    ADD(args, "--uid", AGENT_ID, "--gid", AGENT_ID, "--hostname", "ccfs");
    if (job->terminal < 0)
        ADD(args, "--new-session"); /* else it has a terminal of its own already */
}

/* What bwrap is given as open files; closed in us once it runs. */
struct given {
    int args, allowed, refused, status, block;
    int made[COUNT_OF(made_files)];
};
#define GIVEN_NONE ((struct given){-1, -1, -1, -1, -1, {-1, -1, -1, -1}})

static void given_close(struct given *g)
{
    int *const all[] = {&g->args, &g->allowed, &g->refused, &g->status, &g->block};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        fd_close(all[i]);
    for (size_t i = 0; i < COUNT_OF(g->made); i++)
        fd_close(&g->made[i]);
}

static int write_args(const struct backend_job *job, struct given *g, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf args = STRBUF_EMPTY;
    add_isolation(&args, job);
    add_environment(&args, job);
    add_system(&args);
    add_etc(&args);
    TRY(add_made_files(&args, g->made, err));
    add_folders(&args, job);
    add_fd(&args, "--add-seccomp-fd", g->allowed);
    add_fd(&args, "--add-seccomp-fd", g->refused);
    add_fd(&args, "--json-status-fd", g->status);
    add_fd(&args, "--block-fd", g->block);
    if (args.failed)
        return error_say(err, ENOMEM, "no memory for the sandbox's arguments");
    g->args = memfd_create("args", MFD_CLOEXEC);
    int r = g->args < 0 ? -errno : fd_write_all(g->args, args.data, args.bytes);
    if (r < 0 || lseek(g->args, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, "write the sandbox's arguments");
    return 0;
}

/* ---- the child ---- */

static void keep_across_exec(const struct given *g)
{
    const int ours[] = {g->args, g->allowed, g->refused, g->status, g->block};
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(EXIT_FAILED); /* something of the host could be left open for the command */
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        (void)fcntl(ours[i], F_SETFD, 0);
    for (size_t i = 0; i < COUNT_OF(g->made); i++)
        (void)fcntl(g->made[i], F_SETFD, 0);
}

static int take_terminal(int terminal, struct error *err)
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

static int take_streams(const int *streams, struct error *err)
{
    for (int fd = 0; fd <= 2; fd++)
        if (streams[fd] >= 0 && dup2(streams[fd], fd) < 0)
            return error_set(err, errno, "give the command its stdin, stdout and stderr");
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;
    for (int n = 1; n < NSIG; n++)
        (void)signal(n, SIG_DFL); /* refused for the few that cannot be changed */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
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

static int become_sandbox(const struct backend_job *job, const struct given *g, const char *bwrap,
                          pid_t parent, bool with_memory, struct error *err)
{
    TRY(workspace_become_owner(job->workspace, err));
    /* after the change of user, which clears it; and asked again, since the parent may be gone
     * already */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        return error_say(err, ESRCH, "ccfs was killed while it started the sandbox");
    TRY(take_terminal(job->terminal, err));
    TRY(take_streams(job->streams, err));
    TRY(harden_limits(&job->config->sandbox, with_memory, err));
    reset_signals();
    umask(022);
    keep_across_exec(g);
    exec_bwrap(bwrap, g->args, job->command);
    return error_set(err, errno, "start %s", bwrap);
}

static void live_as_child(const struct backend_job *job, const struct given *g, int go,
                          const char *bwrap, pid_t parent)
{
    struct error err = ERROR_NONE;
    char word = 0;
    ssize_t n = 0;
    while ((n = read(go, &word, 1)) < 0 && errno == EINTR)
        continue;
    if (n == 1) { /* else the parent gave up */
        become_sandbox(job, g, bwrap, parent, word == GO_BY_RLIMITS, &err);
        log_error(&err);
    }
    _exit(EXIT_FAILED);
}

/* ---- the parent ---- */

static int pipe_make(int *reads, int *writes, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, errno, "make a pipe");
    *reads = ends[0];
    *writes = ends[1];
    return 0;
}

static int pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int prepare(const struct backend_job *job, struct backend_task *out, struct error *err)
{
    CLEANUP(given_close) struct given g = GIVEN_NONE;
    CLEANUP(fd_close) int go = -1;
    CLEANUP(fd_close) int go_read = -1;
    CLEANUP(fd_close) int status = -1;
    CLEANUP(fd_close) int block = -1;
    char bwrap[4096];
    if (!find_bwrap(bwrap, sizeof bwrap))
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING), "bubblewrap is not there");
    TRY(harden_allowed(&g.allowed, err));
    TRY(harden_refused(&g.refused, err));
    TRY(pipe_make(&go_read, &go, err));
    TRY(pipe_make(&status, &g.status, err));
    TRY(pipe_make(&g.block, &block, err));
    TRY(write_args(job, &g, err));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start the sandbox");
    if (pid == 0) {
        fd_close(&go); /* so that the parent's end is the last one */
        fd_close(&block);
        fd_close(&status);
        live_as_child(job, &g, go_read, bwrap, parent);
    }
    *out = BACKEND_TASK_NONE;
    out->pid = pid;
    out->ended = pidfd(pid);
    out->go = fd_take(&go);
    out->block = fd_take(&block);
    out->status = fd_take(&status);
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
    task->inside = pidfd(inside);
    if (task->inside < 0)
        return error_set(err, errno, "watch the sandbox");
    (void)harden_processes(inside, &job->config->sandbox);
    r = fd_write_all(task->block, "g", 1);
    fd_close(&task->block);
    return r < 0 ? error_set(err, -r, "start the command") : 0;
}

static void stop(struct backend_task *task)
{
    if (task->inside >= 0) /* pid 1 of the sandbox: with it goes everything */
        (void)syscall(SYS_pidfd_send_signal, task->inside, SIGKILL, NULL, 0);
    if (task->pid > 0)
        (void)kill(task->pid, SIGKILL);
}

static void wait_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (fd >= 0 && poll(&p, 1, -1) < 0 && errno == EINTR)
        continue;
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
    int status = 0;
    if (task->pid <= 0)
        return 0;
    fd_close(&task->go);
    fd_close(&task->block);
    while (waitpid(task->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    task->pid = 0;
    if (task->inside >= 0) /* bwrap ends before what it leaves behind does */
        (void)syscall(SYS_pidfd_send_signal, task->inside, SIGKILL, NULL, 0);
    wait_gone(task->inside);
    bool ran = task->status >= 0 && heard_exit(task->status);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
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
