/* backend_docker.c - one command in a container of its own, which is gone when it ends.
 *
 *   (1) prepare() makes the whole session but the command: its container waits, and its first
 *       process is the root of the session.
 *   (2) The command is started in there by a child of ours, which has the command's terminal or
 *       streams and carries between them and the Engine.
 *   (3) The containers live by connections that this process holds: killed, it takes them along. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/backend.h"
#include "launcher/child.h"
#include "launcher/docker/exec.h"
#include "launcher/docker/keeper.h"
#include "launcher/docker/news.h"
#include "launcher/pidfd.h"

#define KILLED (128 + SIGKILL) /* as a shell says it */

struct backend_own {
    struct engine engine;
    struct spec_names names;
    struct pod pod;
    struct contacts *contacts; /* with an allowlist, until the task has them */
    bool made;
    bool stopped; /* by us */
    struct news news;
};

static int check(const struct config *config, struct error *err)
{
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    return engine_open(config->container.host, &e, err);
}

static int name_session(const struct backend_job *job, struct spec_names *out, struct error *err)
{
    char unnamed[32];
    snprintf(unnamed, sizeof unnamed, "run-%d", (int)getpid());
    return spec_names_make(job->name ? job->name : unnamed, out, err);
}

static int open_session(const struct backend_job *job, struct backend_own *own, struct error *err)
{
    CLEANUP(fd_close) int lock = -1;
    if (job->config->network.mode == NET_ALLOWLIST)
        TRY(contacts_make(&own->contacts, err));
    const struct pod_wish wish = {
        .contacts = own->contacts,
        .workspace = job->workspace,
        .config = job->config,
        .names = &own->names,
        .env = job->env,
        .mountpoint = job->mountpoint,
    };
    TRY(name_session(job, &own->names, err));
    TRY(engine_open(job->config->container.host, &own->engine, err));
    TRY(session_lock(job->workspace, &lock, err));
    TRY(pod_open(&own->engine, &wish, &own->pod, err));
    own->made = true;
    (void)!news_open(&own->engine, &own->names, &own->news, NULL); /* it goes without */
    return 0;
}

static void end_session(struct backend_own **own)
{
    if (!*own)
        return;
    if ((*own)->made)
        pod_close(&(*own)->engine, &(*own)->names, false, &(*own)->pod);
    news_close(&(*own)->news);
    engine_close(&(*own)->engine);
    contacts_free(&(*own)->contacts);
    free(*own);
    *own = NULL;
}

static int become_carrier(const struct backend_job *job, const struct backend_own *own,
                          pid_t parent, int *exit_code, struct error *err)
{
    const struct exec_wish wish = {
        .container = own->names.agent,
        .folder = job->folder,
        .command = job->command,
        .terminal = job->terminal >= 0,
        .secrets = &job->config->secrets,
    };
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        return error_say(err, ESRCH, "ccfs was killed while it started the command");
    TRY(child_take_terminal(job->terminal, err));
    TRY(child_take_streams(job->streams, err));
    child_reset_signals();
    return exec_run(&own->engine, &wish, exit_code, err);
}

/* What the parent holds must end with the parent. */
static void live_as_child(const struct backend_job *job, struct backend_own *own, int go,
                          pid_t parent)
{
    struct error err = ERROR_NONE;
    int exit_code = EXIT_FAILED;
    char word = 0;
    ssize_t n = 0;
    pod_let_go(&own->pod);
    while ((n = read(go, &word, 1)) < 0 && errno == EINTR)
        continue;
    if (n == 1 && become_carrier(job, own, parent, &exit_code, &err) < 0)
        exit_code = cli_fail(&err);
    _exit(exit_code);
}

static int start_child(const struct backend_job *job, struct backend_task *out, struct error *err)
{
    CLEANUP(fd_close) int go_read = -1;
    TRY(fd_pipe(&go_read, &out->go, err));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start the session");
    if (pid == 0) {
        fd_close(&out->go); /* so that the parent's end is the last one */
        live_as_child(job, out->own, go_read, parent);
    }
    out->pid = pid;
    out->ended = pidfd_of(pid);
    return out->ended < 0 ? error_set(err, errno, "watch the session") : 0;
}

static int prepare(const struct backend_job *job, struct backend_task *out, struct error *err)
{
    CLEANUP(end_session) struct backend_own *own = calloc(1, sizeof *own);
    if (!own)
        return error_say(err, ENOMEM, "no memory for a session");
    own->pod = POD_NONE;
    own->news = NEWS_NONE;
    TRY(open_session(job, own, err));
    *out = BACKEND_TASK_NONE;
    out->root = own->pod.root;
    out->proxy = own->pod.sidecar.ended;
    out->contacts = own->contacts;
    own->contacts = NULL;
    out->own = own;
    own = NULL; /* finish() ends it */
    int r = start_child(job, out, err);
    if (r < 0)
        end_session(&out->own);
    return r;
}

static int go(const struct backend_job *job, struct backend_task *task, struct error *err)
{
    (void)job;
    int r = fd_write_all(task->go, "g", 1);
    fd_close(&task->go);
    return r < 0 ? error_set(err, -r, "start the command") : 0;
}

static void stop(struct backend_task *task)
{
    if (task->own) {
        task->own->stopped = true;
        pod_end(&task->own->engine, &task->own->names, &task->own->pod);
    }
    if (task->pid > 0)
        (void)kill(task->pid, SIGKILL);
}

/* What the command's exit code does not tell. */
static void say_end(struct backend_own *own, int status)
{
    if (!own || own->stopped || status == 0)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == KILLED)
        news_settle(&own->news, true);
    else
        news_take(&own->news);
}

static int finish(struct backend_task *task, int *exit_code, struct error *err)
{
    (void)err; /* the child has said it */
    fd_close(&task->go);
    int status = child_wait(task->pid);
    task->pid = 0;
    say_end(task->own, status);
    end_session(&task->own);
    fd_close(&task->ended);
    *exit_code = child_exit_code(status);
    return 0;
}

const struct backend backend_docker = {
    .name = "docker",
    .limits_itself = true,
    .check = check,
    .prepare = prepare,
    .go = go,
    .stop = stop,
    .finish = finish,
};
