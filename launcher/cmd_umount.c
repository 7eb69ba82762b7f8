/* cmd_umount.c - ccfs umount: by the daemon, or after it died. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "launcher/commands.h"
#include "launcher/control_client.h"
#include "launcher/mountpoint.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "umount",
    .usage = "[--lazy]",
    .about = "Unmounts the workspace; what open files wrote is recorded first.  Also cleans up the "
             "mount of\n"
             "a daemon that was killed.\n",
    .examples = "  ccfs umount         refused while files are open in the mount\n"
                "  ccfs umount --lazy  out of sight now, ended when the last file is closed\n",
};

static int ask(struct control *daemon, bool lazy, struct error *err)
{
    int r = control_ask(daemon, lazy ? "umount lazy=1" : "umount", NULL, NULL, err);
    if (r < 0 && r != -EPIPE) /* else it went before it could say so */
        return r;
    return control_wait_end(daemon, err);
}

/* One that was just being killed still took the request, and left its mount behind, dead. */
static void clean_after(const struct workspace *w)
{
    char *mountpoint = NULL;
    if (mountpoint_find(w, &mountpoint, NULL) == 0)
        mountpoint_clean(mountpoint);
    free(mountpoint);
}

/* Nobody serves: what is still mounted is dead. */
static int clean(const struct workspace *w, struct error *err)
{
    char *mountpoint = NULL;
    TRY(mountpoint_find(w, &mountpoint, err));
    int r = mountpoint_detach(mountpoint, true, err);
    if (r == 0)
        printf("cleaned up the dead mount on %s\n", mountpoint);
    free(mountpoint);
    return r;
}

static int unmount(const struct cli *cli, bool lazy, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    TRY(workspace_open_as_is(cli, &w, err));
    int runs = control_connect(w.root, &daemon, err);
    TRY(runs);
    if (!runs)
        return clean(&w, err);
    TRY(ask(&daemon, lazy, err));
    clean_after(&w);
    printf("unmounted\n");
    return 0;
}

int cmd_umount(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    bool lazy = false;
    const struct cli_option options[] = {
        {"lazy", 'l', OPTION_FLAG, &lazy, NULL, "also while files are open"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    return unmount(cli, lazy, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
