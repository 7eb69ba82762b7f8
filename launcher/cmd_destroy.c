/* cmd_destroy.c - ccfs destroy: the workspace itself is gone, with its journal and its sessions.
 *
 * The only verb after which nothing can be taken back, so it wants the workspace's name typed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/child.h"
#include "launcher/commands.h"
#include "launcher/control_client.h"
#include "launcher/docker/clean.h"
#include "launcher/docker/option.h"
#include "launcher/mountpoint.h"
#include "launcher/removal.h"
#include "launcher/secrets.h"

static const struct cli_verb verb = {
    .name = "destroy",
    .usage = "[--yes-destroy NAME] [--backup | --no-backup]",
    .about =
        "Ends this workspace's sessions in containers, removes what they left in the Engine, and "
        "deletes\n"
        "the workspace with all files, its journal and its secrets.  Nothing of it can be taken "
        "back, so it "
        "wants the\n"
        "workspace's name: typed, or as --yes-destroy NAME.  On a terminal it offers a backup "
        "first, "
        "with the\n"
        "journal, in your home folder; scripts say --backup.\n",
    .examples = "  ccfs -w ~/work destroy\n"
                "  ccfs -w ~/work destroy --yes-destroy work --backup\n",
};

struct destroy_wish {
    const char *host;
    const char *name; /* of the workspace, as confirmation */
    bool backup;
    bool no_backup;
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

/* In a child, because who packs somebody else's workspace becomes its owner for good. */
static int back_up(struct cli *cli, struct error *err)
{
    char *argv[] = {(char[]){"backup"}, (char[]){"--with-journal"}, NULL};
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start the backup");
    if (pid == 0) {
        int code = cmd_backup(cli, 2, argv);
        _exit(fflush(stdout) == 0 ? code : EXIT_FAILED);
    }
    int status = child_wait(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
        return 0;
    return error_say(err, EXIT_AS_ERROR(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED),
                     "nothing was deleted, because the backup was not made");
}

/* 1: yes, 0: no; an end without a word is no answer to build on. */
static int ask_backup(struct error *err)
{
    char typed[64];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return 0;
    for (;;) {
        fputs("Make a backup first, with the journal? [Y/n] ", stderr);
        if (!fgets(typed, sizeof typed, stdin))
            return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT), "nothing was deleted");
        if (strchr("yY\n", typed[0]))
            return 1;
        if (strchr("nN", typed[0]))
            return 0;
    }
}

static int offer_backup(struct cli *cli, const struct destroy_wish *wish, struct error *err)
{
    int wanted = wish->backup ? 1 : wish->no_backup ? 0 : ask_backup(err);
    TRY(wanted);
    return wanted ? back_up(cli, err) : 0;
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

static int destroy(struct cli *cli, const struct destroy_wish *wish, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    char shown[512];
    TRY(workspace_open_as_is(cli, &w, err));
    TRY(confirm(&w, wish->name, err));
    TRY(mountpoint_none_in(&w, err));
    TRY(offer_backup(cli, wish, err));
    TRY(clean_engine(cli, wish->host, err));
    TRY(refuse_mounted(&w, err));
    TRY(removal_of_folder(w.root, w.path, err));
    TRY(secrets_forget(&w, err));
    workspace_show_path(w.path, shown, sizeof shown);
    printf("%s is gone\n", shown);
    return 0;
}

int cmd_destroy(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct destroy_wish wish = {0};
    const struct cli_option options[] = {
        DOCKER_HOST_OPTION(wish.host),
        {"yes-destroy", 0, OPTION_TEXT, &wish.name, "NAME",
         "the workspace's name, in place of typing it"},
        {"backup", 0, OPTION_FLAG, &wish.backup, NULL,
         "make a backup with the journal first; without it nothing is deleted"},
        {"no-backup", 0, OPTION_FLAG, &wish.no_backup, NULL, "do not ask for one"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (wish.backup && wish.no_backup)
        return cli_misuse(&verb, "--backup or --no-backup, not both");
    return destroy(cli, &wish, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
