/* cmd_run.c - ccfs run: one command, one session, from its mount to its summary.
 *
 *   (1) Whatever happens, the order is: the command is gone, its session is ended and drained, the
 *       mount is gone unless somebody else needs it, the terminal is as it was.
 *   (2) Nothing runs without its mount, its limits and its filter: an error on the way ends it all.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal.h"
#include "launcher/attach.h"
#include "launcher/backend.h"
#include "launcher/cgroup.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/docker/option.h"
#include "launcher/folder.h"
#include "launcher/net/dead.h"
#include "launcher/pty.h"
#include "launcher/secrets.h"
#include "launcher/session.h"
#include "launcher/streams.h"
#include "launcher/summary.h"
#include "launcher/variable.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "run",
    .usage = "[OPTION…] -- COMMAND [ARGUMENT…]",
    .about = "Runs COMMAND in a session of its own: it sees the workspace at /workspace and "
             "nothing else of\n"
             "this machine that it could change, and what it does is journaled.  Ends with a "
             "summary on\n"
             "stderr and COMMAND's exit code.  Makes the workspace and mounts it where that is not "
             "done.\n",
    .examples = "  ccfs run -- npm install\n"
                "  ccfs run -- bash                     a shell\n"
                "  ccfs run --cd Research -- python3 analyse.py\n"
                "  ccfs run --session night -- make     give the session a name\n"
                "  ccfs run --network none -- make      it reaches nothing but the workspace\n",
    .operands_min = 1,
    .operands_max = -1,
    .stops_at_operand = true,
};

static const struct backend *const backends[] = {&backend_sandbox, &backend_docker};

/* Everything that a session holds; released by run_release() in the order of invariant (1). */
struct run {
    struct cli *cli;
    const struct backend *backend;
    const char *name;
    const char *folder_wish;
    const char *network_wish;
    const char *host; /* of the Engine */
    struct cli_list env;
    struct cli_list secret_env;
    struct workspace workspace;
    struct config config;
    struct attach attach;
    struct backend_task task;
    struct dead_search dead; /* names of an allowlist, asked for while the session is made */
    struct cgroup cgroup;
    struct pty pty;
    struct streams streams; /* where there is no pty */
    int signals;
    char folder[FOLDER_LIMIT]; /* as the command sees it */
    char *command;             /* its words, for people */
    int64_t began;
};

/* ---- what was asked ---- */

static int choose_backend(struct run *run, const char *name)
{
    const char *names[COUNT_OF(backends)];
    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        names[i] = backends[i]->name;
        if (!name || strcmp(name, names[i]) == 0) {
            run->backend = backends[i];
            return 0;
        }
    }
    const char *near = cli_suggest(name, names, COUNT_OF(names));
    if (near)
        return cli_misuse(&verb, "unknown backend '%s'; did you mean '%s'?", name, near);
    return cli_misuse(&verb, "unknown backend '%s'; there are: sandbox, docker", name);
}

static int choose_network(const struct run *run)
{
    enum net_mode mode;
    if (!run->network_wish || net_mode_from_word(run->network_wish, &mode))
        return 0;
    return cli_misuse(&verb, "--network is internet, none or allowlist");
}

static int check_words(const struct run *run)
{
    size_t n = run->name ? strlen(run->name) : 1;
    for (size_t i = 0; i < run->env.count; i++)
        if (!is_variable(run->env.items[i]))
            return cli_misuse(&verb, "--env wants NAME=VALUE");
    if (n == 0 || n > 64 || (run->name && strspn(run->name, "0123456789") == n))
        return cli_misuse(&verb, "--session wants a name of 1 to 64 characters that is no number");
    for (size_t i = 0; run->name && i < n; i++)
        if (!isgraph((unsigned char)run->name[i]))
            return cli_misuse(&verb, "--session wants a name without spaces, of plain letters");
    return 0;
}

/* The command's words, as a person would recognise them; shortened where they are very long. */
static int name_command(struct run *run, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf words = STRBUF_EMPTY;
    for (int i = 0; i < run->cli->operand_count && words.bytes < 4000; i++) {
        if (i)
            strbuf_add_text(&words, " ");
        strbuf_add(&words, run->cli->operands[i], strnlen(run->cli->operands[i], 4000));
    }
    run->command = strbuf_take(&words);
    return run->command ? 0 : error_say(err, ENOMEM, "no memory for the command");
}

/* ---- before it starts ---- */

static int ensure_workspace(struct run *run, struct error *err)
{
    char shown[512];
    bool made = false;
    int r = workspace_open_as_is(run->cli, &run->workspace, err);
    if (r != -ENOENT)
        return r;
    TRY(workspace_create(run->cli, &run->workspace, &made, err));
    workspace_show_path(run->workspace.path, shown, sizeof shown);
    if (made)
        log_line("made the workspace %s", shown);
    return 0;
}

static void say_limits(const struct run *run)
{
    if (!run->cli->verbose)
        return;
    log_line("mounted on %s", run->attach.mountpoint);
    if (run->backend->limits_itself)
        return;
    log_line("memory is bounded by %s, processes by %s",
             run->cgroup.memory[0] ? "a cgroup" : "rlimits (each process for itself)",
             run->cgroup.processes[0] ? "a cgroup" : "rlimits");
}

/* ---- starting ---- */

static void job_of(const struct run *run, struct backend_job *out)
{
    *out = (struct backend_job){
        .workspace = &run->workspace,
        .config = &run->config,
        .mountpoint = run->attach.mountpoint,
        .name = run->name,
        .folder = run->folder,
        .command = run->cli->operands,
        .env = &run->env,
        .terminal = run->pty.slave,
        .streams = run->streams.theirs,
        .memory_by_cgroup = run->cgroup.memory[0] != '\0',
    };
}

/* Drops a command that has not begun. */
static void give_up(struct run *run)
{
    int unused = 0;
    if (run->task.pid > 0) {
        run->backend->stop(&run->task);
        (void)run->backend->finish(&run->task, &unused, NULL);
    }
    cgroup_remove(&run->cgroup);
}

/* One try: the mount may be on its way out, because another session has just ended. */
static int begin(struct run *run, struct error *err)
{
    struct backend_job job;
    TRY(attach_open(&run->workspace, &run->attach, err));
    job_of(run, &job);
    TRY(run->backend->prepare(&job, &run->task, err));
    if (!run->backend->limits_itself)
        cgroup_make(run->task.pid, &run->config.sandbox, &run->cgroup);
    const struct attach_session session = {
        .name = run->name,
        .backend = run->backend->name,
        .command = run->command,
        .pid = run->task.root,
    };
    return attach_begin(&run->attach, &session, err);
}

static int begin_surely(struct run *run, struct error *err)
{
    int r = 0;
    for (int i = 0; i < 5; i++) {
        r = begin(run, err);
        if (r != -ESHUTDOWN && r != -EPIPE)
            return r;
        give_up(run);
        contacts_free(&run->task.contacts);
        attach_close(&run->attach);
    }
    return r;
}

static int prepare(struct run *run, struct error *err)
{
    TRY(name_command(run, err));
    TRY(ensure_workspace(run, err));
    TRY(config_load(&run->workspace, &run->config, err));
    if (run->network_wish)
        run->config.network.given =
            net_mode_from_word(run->network_wish, &run->config.network.mode);
    TRY(config_add_secret_env(&run->config, &run->secret_env, err));
    TRY(folder_find(&run->workspace, run->folder_wish, run->folder, err));
    if (run->host)
        TRY(config_set_text(&run->config.container.host, run->host, err));
    TRY(run->backend->check(&run->config, err));
    TRY(session_signals(&run->signals, err));
    return pty_wanted() ? pty_open(&run->pty, err) : streams_open(&run->streams, err);
}

/* ---- running and ending ---- */

static int run_command(struct run *run, int *exit_code, struct error *err)
{
    struct backend_job job;
    struct session_watch watch = {.task = &run->task,
                                  .news = -1,
                                  .pty = &run->pty,
                                  .signals = run->signals,
                                  .daemon = run->attach.daemon.fd};
    int signal = 0;
    job_of(run, &job);
    run->began = clock_now_ns();
    TRY(run->backend->go(&job, &run->task, err));
    TRY(pty_raw(&run->pty, err));
    streams_given(&run->streams);
    enum ending ending;
    while ((ending = session_watch(&watch, &signal)) == ENDING_PROXY)
        attach_proxy_ended(&run->attach, "this session");
    if (ending != ENDING_ITSELF)
        run->backend->stop(&run->task);
    TRY(run->backend->finish(&run->task, exit_code, ending == ENDING_ITSELF ? err : NULL));
    pty_drain(&run->pty);
    streams_close(&run->streams, ending != ENDING_SIGNAL);
    if (ending == ENDING_SIGNAL)
        *exit_code = 128 + signal;
    if (ending == ENDING_MOUNT)
        return error_say(err, EIO,
                         "the mount went away, so the session was ended; see .ccfs/daemon.log");
    return 0;
}

/* Whoever set CCFS_WORKSPACE has it set for the next command, too. */
static const char *option_for_hints(const struct cli *cli)
{
    const char *set = getenv("CCFS_WORKSPACE");
    return cli->workspace && set && strcmp(cli->workspace, set) == 0 ? NULL : cli->workspace;
}

/* A daemon that died has left things in the intake: opening the journal recovers them. */
static int recover(const struct workspace *w, struct error *err)
{
    struct journal *j = NULL;
    int r = journal_open(w->root, &j, err);
    journal_close(&j);
    return r == -EBUSY ? 0 : r; /* another daemon is at it already */
}

/* Counts that lack something would say that nothing was changed. */
static int make_sure(struct run *run, bool daemon_died, struct error *err)
{
    TRY(workspace_become_owner(&run->workspace, err));
    if (daemon_died)
        return recover(&run->workspace, err);
    if (run->attach.recorded)
        return 0;
    return error_say(err, EBUSY, "not all of it is in the journal yet");
}

static void summarise(struct run *run, int exit_code, bool daemon_died)
{
    struct error err = ERROR_NONE;
    struct summary summary = {
        .session = run->attach.session,
        .command = run->command,
        .took_ns = clock_now_ns() - run->began,
        .exit_code = exit_code,
        .workspace_option = option_for_hints(run->cli),
    };
    int r = make_sure(run, daemon_died, &err);
    if (r == 0)
        r = summary_print(&run->workspace, &summary, &err);
    if (r == 0)
        return;
    error_prefix(&err, r, "no summary of session %" PRIu64, summary.session);
    log_error(&err);
    log_line("what it did: ccfs history --session %" PRIu64, summary.session);
}

/* Invariant (1), also after an error half way. */
static int end(struct run *run, int exit_code, struct error *err)
{
    give_up(run);
    pty_close(&run->pty);
    streams_close(&run->streams, true);
    if (run->attach.daemon.fd < 0)
        return 0;
    struct contacts_told untold = {0};
    int told = run->task.contacts && run->attach.session
                   ? attach_contacts(&run->attach, run->task.contacts, &untold, err)
                   : 0;
    int ended = attach_end(&run->attach, exit_code, told < 0 ? NULL : err);
    return ended < 0 ? ended : told;
}

static int run_session(struct run *run, struct error *err)
{
    int exit_code = EXIT_FAILED;
    struct error later = ERROR_NONE;
    int r = prepare(run, err);
    if (r == 0) {
        dead_begin(&run->config.network, &run->dead);
        r = begin_surely(run, err);
    }
    if (r == 0) {
        dead_tell(&run->dead);
        say_limits(run);
        r = run_command(run, &exit_code, err);
    }
    if (r < 0)
        exit_code = (int)cli_exit_code(err);
    int ended = end(run, exit_code, &later);
    if (r < 0)
        log_error(err);
    if (ended < 0 && r == 0)
        log_error(&later);
    if (run->attach.session)
        summarise(run, exit_code, ended == -EPIPE);
    return exit_code;
}

static void run_release(struct run *run)
{
    dead_close(&run->dead);
    pty_close(&run->pty);
    streams_close(&run->streams, false);
    attach_close(&run->attach);
    contacts_free(&run->task.contacts);
    config_release(&run->config);
    workspace_close(&run->workspace);
    fd_close(&run->signals);
    free(run->command);
}

int cmd_run(struct cli *cli, int argc, char **argv)
{
    CLEANUP(run_release)
    struct run run = {
        .cli = cli,
        .workspace = WORKSPACE_NONE,
        .attach = ATTACH_NONE,
        .task = BACKEND_TASK_NONE,
        .dead = DEAD_SEARCH_NONE,
        .pty = PTY_NONE,
        .streams = STREAMS_NONE,
        .signals = -1,
    };
    struct error err = ERROR_NONE;
    const char *backend = NULL;
    const struct cli_option options[] = {
        {"backend", 0, OPTION_TEXT, &backend, "NAME",
         "sandbox (else), or docker: a container of its own"},
        DOCKER_HOST_OPTION(run.host),
        {"cd", 0, OPTION_TEXT, &run.folder_wish, "DIR",
         "start in this folder of the workspace (else Projects)"},
        {"env", 'e', OPTION_LIST, &run.env, "K=V", "give COMMAND this variable; it inherits none"},
        SECRET_ENV_OPTION(run.secret_env),
        {"network", 0, OPTION_TEXT, &run.network_wish, "MODE",
         "internet, none or allowlist (else as configured: internet)"},
        {"session", 's', OPTION_TEXT, &run.name, "NAME",
         "a name for the session, beside its number"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    int wrong = choose_backend(&run, backend);
    if (!wrong)
        wrong = choose_network(&run);
    if (!wrong)
        wrong = check_words(&run);
    return wrong ? wrong : run_session(&run, &err);
}
