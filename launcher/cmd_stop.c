/* cmd_stop.c - ccfs stop, reset and clean: less and less stays of sessions in containers.
 *
 *   stop    the session ends; its container's log can still be read
 *   reset   its container and its home are gone
 *   clean   those of all sessions of this workspace, and the network and the images where no other
 *           workspace uses them
 *
 * The workspace, its files and its journal stay in all three. */
#include <stdio.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/docker/clean.h"
#include "launcher/docker/option.h"
#include "launcher/docker/target.h"

static const struct cli_verb stop_verb = {
    .name = "stop",
    .usage = "[--name NAME]",
    .about =
        "Ends a session in a container: what runs in it is told to end, and killed five seconds "
        "later.\n",
    .examples = "  ccfs stop\n  ccfs stop --name night\n",
};

static const struct cli_verb reset_verb = {
    .name = "reset",
    .usage = "[--name NAME]",
    .about = "Ends a session in a container and removes the container and its home.  The workspace "
             "stays as it is.\n",
};

static const struct cli_verb clean_verb = {
    .name = "clean",
    .usage = "",
    .about = "Removes the containers of all sessions of this workspace, and the network and the "
             "images where no\n"
             "other workspace has a session.  The workspace stays as it is.\n",
};

static int stop(struct target *t, struct error *err)
{
    bool was = false;
    TRY(target_stop(t, &was, err));
    if (!was)
        printf("%s did not run\n", t->names.agent);
    else
        printf("stopped %s; what it did: ccfs history --session %s\n", t->names.agent,
               t->names.agent);
    return 0;
}

static int reset(struct target *t, struct error *err)
{
    bool was = false;
    TRY(target_stop(t, &was, err));
    TRY(pod_sweep(&t->engine, &t->names, err));
    TRY(pod_drop_home(&t->engine, &t->names, err));
    printf("removed %s; the workspace is as it was\n", t->names.agent);
    return 0;
}

static int clean(struct target *t, struct error *err)
{
    struct cleaned done;
    TRY(clean_workspace(t, &done, err));
    printf("removed %u container%s%s; the workspace is as it was\n", done.containers,
           done.containers == 1 ? "" : "s",
           done.shared ? ", the network and the images"
                       : "; network and images stay, other workspaces use them");
    return 0;
}

static int run(struct cli *cli, const struct cli_verb *as,
               int (*act)(struct target *t, struct error *err), int argc, char **argv)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    struct error err = ERROR_NONE;
    struct target_wish wish = {0};
    const struct cli_option options[] = {TARGET_OPTIONS(wish)};
    size_t count = as == &clean_verb ? COUNT_OF(options) - 1 : COUNT_OF(options);
    if (!cli_options(cli, as, options, count, argc, argv))
        return cli->exit_code;
    int r = target_open(cli, &wish, &t, &err);
    if (r == 0)
        r = act(&t, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}

int cmd_stop(struct cli *cli, int argc, char **argv)
{
    return run(cli, &stop_verb, stop, argc, argv);
}

int cmd_reset(struct cli *cli, int argc, char **argv)
{
    return run(cli, &reset_verb, reset, argc, argv);
}

int cmd_clean(struct cli *cli, int argc, char **argv)
{
    return run(cli, &clean_verb, clean, argc, argv);
}
