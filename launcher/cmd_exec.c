/* cmd_exec.c - ccfs exec, shell and claude: work in a session's container that ccfs start left
 * running. */
#include <stdlib.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/docker/exec.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"
#include "launcher/folder.h"
#include "launcher/pty.h"
#include "launcher/variable.h"

#define ARGUMENTS_LIMIT 4096

static const struct cli_verb exec_verb = {
    .name = "exec",
    .usage = "[OPTION…] -- COMMAND [ARGUMENT…]",
    .about =
        "Runs COMMAND in a session's container; ends with its exit code.  To leave it running: "
        "--detach.\n"
        "On a terminal the Engine's detach keys (ctrl-p ctrl-q) come back at once; an Engine of "
        "20.10 ends\n"
        "COMMAND then.\n",
    .examples = "  ccfs exec -- git status\n"
                "  ccfs exec --name night --cd Research -- make\n"
                "  ccfs exec --detach -- npm start      what it says: ccfs logs\n",
    .operands_min = 1,
    .operands_max = -1,
    .stops_at_operand = true,
};

static const struct cli_verb shell_verb = {
    .name = "shell",
    .usage = "[OPTION…]",
    .about = "A shell in a session's container.\n",
};

static const struct cli_verb claude_verb = {
    .name = "claude",
    .usage = "[OPTION…] [-- ARGUMENT…]",
    .about = "Claude Code in a session's container.\n",
    .examples = "  ccfs claude\n  ccfs claude -- --version\n",
    .operands_max = -1,
    .stops_at_operand = true,
};

struct request {
    struct cli *cli;
    struct target_wish wish;
    const char *folder;
    const char *detach_keys;
    struct cli_list env;
    struct cli_list secret_env;
    bool detached;
};

static int run_there(const struct request *q, char *const *command, int *exit_code,
                     struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    char folder[FOLDER_LIMIT];
    struct pod_state state;
    TRY(target_open(q->cli, &q->wish, &t, err));
    TRY(target_running(&t, &state, err));
    TRY(config_add_secret_env(&t.config, &q->secret_env, err));
    TRY(folder_find(&t.workspace, q->folder, folder, err));
    const struct exec_wish wish = {
        .container = t.names.agent,
        .folder = folder,
        .command = command,
        .env = &q->env,
        .secrets = &t.config.secrets,
        .detach_keys = q->detach_keys,
        .terminal = !q->detached && pty_wanted(),
        .detached = q->detached,
    };
    return exec_run(&t.engine, &wish, exit_code, err);
}

/* front: words before the operands. */
static int run(struct request *q, const struct cli_verb *verb, const char *front, int argc,
               char **argv)
{
    struct error err = ERROR_NONE;
    int exit_code = EXIT_FAILED;
    char *command[ARGUMENTS_LIMIT + 2];
    size_t count = 0;
    const struct cli_option options[] = {
        TARGET_OPTIONS(q->wish),
        {"cd", 0, OPTION_TEXT, &q->folder, "DIR",
         "start in this folder of the workspace (else Projects)"},
        {"env", 'e', OPTION_LIST, &q->env, "K=V", "give the command this variable"},
        SECRET_ENV_OPTION(q->secret_env),
        {"detach-keys", 0, OPTION_TEXT, &q->detach_keys, "KEYS",
         "the detach keys, in place of ctrl-p,ctrl-q"},
        {"detach", 'd', OPTION_FLAG, &q->detached, NULL,
         "leave it running; what it says goes into the log"},
    };
    size_t known = verb == &exec_verb ? COUNT_OF(options) : COUNT_OF(options) - 1;
    if (!cli_options(q->cli, verb, options, known, argc, argv))
        return q->cli->exit_code;
    for (size_t i = 0; i < q->env.count; i++)
        if (!is_variable(q->env.items[i]))
            return cli_misuse(verb, "--env wants NAME=VALUE");
    if (q->cli->operand_count > ARGUMENTS_LIMIT)
        return cli_misuse(verb, "more than %d arguments", ARGUMENTS_LIMIT);
    CLEANUP(strbuf_release) struct strbuf first = STRBUF_EMPTY;
    strbuf_add_text(&first, front ? front : "");
    if (front)
        command[count++] = first.data;
    for (int i = 0; i < q->cli->operand_count; i++)
        command[count++] = q->cli->operands[i];
    command[count] = NULL;
    return run_there(q, command, &exit_code, &err) < 0 ? cli_fail(&err) : exit_code;
}

int cmd_exec(struct cli *cli, int argc, char **argv)
{
    struct request q = {.cli = cli};
    return run(&q, &exec_verb, NULL, argc, argv);
}

int cmd_shell(struct cli *cli, int argc, char **argv)
{
    struct request q = {.cli = cli};
    return run(&q, &shell_verb, "/bin/bash", argc, argv);
}

int cmd_claude(struct cli *cli, int argc, char **argv)
{
    struct request q = {.cli = cli};
    return run(&q, &claude_verb, "claude", argc, argv);
}
