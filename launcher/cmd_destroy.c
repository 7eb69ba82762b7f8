/* cmd_destroy.c - ccfs destroy: the workspace itself is gone, with its journal and its sessions.
 *
 * The only verb after which nothing can be taken back, so it wants the workspace's name typed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/commands.h"
#include "launcher/control_client.h"
#include "launcher/docker/clean.h"
#include "launcher/docker/option.h"
#include "launcher/removal.h"
#include "launcher/secrets.h"

static const struct cli_verb verb = {
    .name = "destroy",
    .usage = "[--yes-destroy NAME]",
    .about =
        "Ends this workspace's sessions in containers, removes what they left in the Engine, and "
        "deletes\n"
        "the workspace with all files, its journal and its secrets.  Nothing of it can be taken "
        "back, so it "
        "wants the\n"
        "workspace's name: typed, or as --yes-destroy NAME.\n",
    .examples = "  ccfs -w ~/work destroy --yes-destroy work\n",
};

static const char *name_of(const struct workspace *w)
{
    const char *slash = strrchr(w->path, '/');
    return slash && slash[1] ? slash + 1 : w->path;
}

static int confirm(const struct workspace *w, const char *given, struct error *err)
{
    char typed[4096] = "";
    if (!given && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        char shown[512];
        workspace_show_path(w->path, shown, sizeof shown);
        fprintf(stderr,
                "This deletes %s with all of its files and its journal: nothing brings them "
                "back.\nTo do it, type the workspace's name: ",
                shown);
        if (fgets(typed, sizeof typed, stdin))
            typed[strcspn(typed, "\n")] = '\0';
        given = typed;
    }
    if (given && strcmp(given, name_of(w)) == 0)
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT), "nothing was deleted: %s",
                     given ? "that is not the workspace's name"
                           : "without a terminal it wants --yes-destroy NAME");
}

static int clean_engine(struct cli *cli, const char *host, struct error *err)
{
    CLEANUP(target_close) struct target t = TARGET_NONE;
    const struct target_wish wish = {.host = host};
    struct cleaned done;
    int r = target_open(cli, &wish, &t, err);
    if (r < 0 && cli_exit_code(err) == EXIT_MISSING && !host)
        return 0; /* no Engine, so nothing of ours in it */
    TRY(r);
    return clean_workspace(&t, &done, err);
}

/* A session elsewhere, or somebody's mount, is not ended on the way. */
static int refuse_mounted(const struct workspace *w, struct error *err)
{
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    int runs = control_connect(w->root, &daemon, err);
    if (runs <= 0)
        return runs;
    return error_say(err, EBUSY, "the workspace is still mounted; first: ccfs umount");
}

static int destroy(struct cli *cli, const char *host, const char *given, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    TRY(workspace_open_as_is(cli, &w, err));
    TRY(confirm(&w, given, err));
    TRY(clean_engine(cli, host, err));
    TRY(refuse_mounted(&w, err));
    TRY(removal_of_folder(w.root, w.path, err));
    TRY(secrets_forget(&w, err));
    printf("%s is gone\n", w.path);
    return 0;
}

int cmd_destroy(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    const char *host = NULL;
    const char *name = NULL;
    const struct cli_option options[] = {
        DOCKER_HOST_OPTION(host),
        {"yes-destroy", 0, OPTION_TEXT, &name, "NAME",
         "the workspace's name, in place of typing it"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    return destroy(cli, host, name, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
