/* cmd_start.c - ccfs start and restart: a session in a container, which stays until it is stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/commands.h"
#include "launcher/daemon.h"
#include "launcher/docker/keeper.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"
#include "launcher/net/dead.h"
#include "launcher/variable.h"

static const struct cli_verb verb = {
    .name = "start",
    .usage = "[--name NAME] [OPTION…]",
    .about =
        "Starts a container in which an agent works on the workspace, at /workspace, and reaches "
        "nothing\n"
        "else of this machine.  It stays until ccfs stop; ccfs shell, exec and claude work in "
        "it.\n"
        "Everything else is decided by config.json, section container.\n",
    .examples = "  ccfs start                   the first session, claude-code-env\n"
                "  ccfs start --name night      another one, claude-code-env-night\n"
                "  ccfs start --network none    it reaches nothing but the workspace\n"
                "  ccfs start --print           what the Engine would be asked for\n",
};

static const struct cli_verb restart_verb = {
    .name = "restart",
    .usage = "[--name NAME] [OPTION…]",
    .about = "Stops a session in a container, and starts it anew.\n",
};

struct start {
    struct cli *cli;
    struct target_wish wish;
    const char *network;
    struct cli_list env;
    bool print;
    bool foreground;
    uint64_t ready_fd; /* of daemon_launch(): 0 none */
};

static int check(const struct start *s)
{
    enum net_mode mode;
    for (size_t i = 0; i < s->env.count; i++)
        if (!is_variable(s->env.items[i]))
            return cli_misuse(&verb, "--env wants NAME=VALUE");
    if (s->network && !net_mode_from_word(s->network, &mode))
        return cli_misuse(&verb, "--network is internet, none or allowlist");
    return 0;
}

static int open_target(const struct start *s, struct target *t, struct error *err)
{
    TRY(target_open(s->cli, &s->wish, t, err));
    if (s->network)
        t->config.network.given = net_mode_from_word(s->network, &t->config.network.mode);
    if (geteuid() != 0 && !t->config.allow_other)
        return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG),
                         "the Engine works as root and must see your mount: put \"allow_other\": "
                         "true into config.json, and user_allow_other into /etc/fuse.conf");
    return 0;
}

static int print(const struct target *t, const struct cli_list *env, struct error *err)
{
    const struct pod_wish wish = {
        .workspace = &t->workspace,
        .config = &t->config,
        .names = &t->names,
        .env = env,
        .mountpoint = "(the mount)",
    };
    return pod_print(&t->engine, &wish, err);
}

/* The session's own life. */
static int stay(const struct start *s, const struct target *t, struct error *err)
{
    const struct keeper_order order = {
        .engine = &t->engine,
        .workspace = &t->workspace,
        .config = &t->config,
        .names = &t->names,
        .env = &s->env,
        .ready = s->ready_fd ? (int)s->ready_fd : -1,
    };
    return session_keep(&order, err);
}

static int detach(const struct start *s, const struct target *t, struct error *err)
{
    const char *argv[2 * CLI_LIST_LIMIT + 20] = {
        "ccfs", "-w", t->workspace.path, "start", "--foreground", "--ready-fd", DAEMON_READY_FD,
    };
    const char **more = argv + 7;
    const struct {
        const char *option;
        const char *value;
    } given[] = {
        {"--docker-host", t->engine.socket}, {"--name", s->wish.name}, {"--network", s->network}};
    for (size_t i = 0; i < COUNT_OF(given); i++)
        if (given[i].value) {
            *more++ = given[i].option;
            *more++ = given[i].value;
        }
    for (size_t i = 0; i < s->env.count; i++) {
        *more++ = "--env";
        *more++ = s->env.items[i];
    }
    const struct pod_wish wish = {
        .workspace = &t->workspace, .config = &t->config, .names = &t->names, .env = &s->env};
    TRY(daemon_check_fuse(err));
    TRY(pod_check(&t->engine, &wish, err));
    CLEANUP(dead_close) struct dead_search dead = DEAD_SEARCH_NONE;
    dead_begin(&t->config.network, &dead);
    TRY(daemon_launch(&t->workspace, argv, err));
    dead_tell(&dead);
    printf("%s runs; to work in it: ccfs claude, ccfs shell, ccfs exec -- COMMAND\n",
           t->names.agent);
    return 0;
}

static int start(const struct start *s, bool stop_first, struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    bool was = false;
    int r = open_target(s, &t, err);
    if (r == 0 && stop_first)
        r = target_stop(&t, &was, err);
    if (r == 0)
        r = s->print        ? print(&t, &s->env, err)
            : s->foreground ? stay(s, &t, err)
                            : detach(s, &t, err);
    if (r < 0 && s->ready_fd)
        daemon_tell((int)s->ready_fd, err);
    return r;
}

static int run(struct cli *cli, const struct cli_verb *as, bool stop_first, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct start s = {.cli = cli};
    const struct cli_option options[] = {
        TARGET_OPTIONS(s.wish),
        {"network", 0, OPTION_TEXT, &s.network, "MODE", "internet, none or allowlist"},
        {"env", 'e', OPTION_LIST, &s.env, "K=V", "give what runs in it this variable"},
        {"print", 0, OPTION_FLAG, &s.print, NULL,
         "show the exact requests as JSON, and do nothing"},
        {"foreground", 'f', OPTION_FLAG, &s.foreground, NULL,
         "stay until the session ends; Ctrl-C ends it"},
        {"ready-fd", 0, OPTION_NUMBER, &s.ready_fd, "FD", NULL},
    };
    if (!cli_options(cli, as, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (s.ready_fd > 1024)
        return cli_misuse(as, "--ready-fd is for ccfs itself");
    int wrong = check(&s);
    if (wrong)
        return wrong;
    return start(&s, stop_first, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}

int cmd_start(struct cli *cli, int argc, char **argv)
{
    return run(cli, &verb, false, argc, argv);
}

int cmd_restart(struct cli *cli, int argc, char **argv)
{
    return run(cli, &restart_verb, true, argc, argv);
}
