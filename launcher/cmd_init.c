/* cmd_init.c - ccfs init. */
#include <stdio.h>

#include "launcher/commands.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "init",
    .usage = "[-w DIR]",
    .about =
        "Makes a workspace: a folder with Projects, Documentation, Research, shared, imports and\n"
        "exports, and an empty journal.  What is there already stays as it is.\n",
    .examples = "  ccfs init                make ~/ClaudeCodeWorkspace\n"
                "  ccfs -w ~/work init      make ~/work a workspace\n",
};

int cmd_init(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    char shown[512];
    bool made = false;
    if (!cli_options(cli, &verb, NULL, 0, argc, argv))
        return cli->exit_code;
    if (workspace_create(cli, &w, &made, &err) < 0)
        return cli_fail(&err);
    workspace_show_path(w.path, shown, sizeof shown);
    if (made)
        printf("made the workspace %s\nnext: put your work in %s/Projects, then: ccfs run -- "
               "COMMAND\n",
               shown, shown);
    else
        printf("%s is a workspace already\n", shown);
    return EXIT_DONE;
}
