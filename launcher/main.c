/* main.c - from the word that a person types to the function that does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/commands.h"

#ifndef CCFS_VERSION
#define CCFS_VERSION "unknown"
#endif

static const struct command {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv);
    const char *says;
} commands[] = {
    {"init", cmd_init, "make a workspace"},
    {"mount", cmd_mount, "mount the workspace: what happens in the mount is journaled"},
    {"umount", cmd_umount, "unmount it"},
    {"run", cmd_run, "run a command in a session of its own"},
    {"start", cmd_start, "a session in a container"},
    {"restart", cmd_restart, "stop and start it"},
    {"stop", cmd_stop, "end it"},
    {"claude", cmd_claude, "Claude Code in it"},
    {"shell", cmd_shell, "a shell in it"},
    {"exec", cmd_exec, "a command in it"},
    {"logs", cmd_logs, "what it said"},
    {"stats", cmd_stats, "what it uses"},
    {"reset", cmd_reset, "remove its container"},
    {"clean", cmd_clean, "remove all containers, the network and the images"},
    {"destroy", cmd_destroy, "delete the workspace itself"},
    {"image", cmd_image, "what sessions in a container start from"},
    {"incident", cmd_incident, "freeze what runs, and keep all that is known of it"},
    {"secret", cmd_secret, "keys and passwords for its sessions"},
    {"doctor", cmd_doctor, "whether all is as it should be, and what to do"},
    {"status", cmd_status, "mounted where, sessions, size of the journal"},
    {"history", cmd_history, "what happened"},
    {"show", cmd_show, "one event in full"},
    {"diff", cmd_diff, "what changed, line by line"},
    {"cat", cmd_cat, "what a file held at an earlier time"},
    {"restore", cmd_restore, "a file or folder as it was at an earlier time"},
    {"backup", cmd_backup, "the workspace as one archive"},
    {"restore-backup", cmd_restore_backup, "an archive becomes a workspace"},
    {"undo", cmd_undo, "take changes back"},
    {"redo", cmd_redo, "take an undo back"},
    {"verify", cmd_verify, "whether all is as it was recorded"},
    {"gc", cmd_gc, "drop what is older or more than is to be kept"},
};

static const struct cli_verb top = {
    .name = "",
    .usage = "[-w DIR] VERB [ARGUMENT…]",
    .about = "Mediates what an agent does to your files: every write and delete is journaled and "
             "can be\n"
             "taken back.  `ccfs VERB --help` tells about one verb, ccfs(1) about all.\n",
    .examples = "  ccfs run -- npm install\n  ccfs history --since 1h\n  ccfs undo --last\n",
    .operands_max = -1,
    .stops_at_operand = true,
};

/* Twelve lines for one who has never seen it. */
static int introduce(void)
{
    puts("ccfs lets an agent work on your files and can take back whatever it does.\n"
         "\n"
         "  run      a command in a sandbox, on the workspace    ccfs run -- npm install\n"
         "  history  what happened, by whom                      ccfs history --since 1h\n"
         "  undo     take changes back                           ccfs undo --session 7\n"
         "  status   mounted where, sessions, journal            ccfs status\n"
         "  doctor   is all as it should be?                     ccfs doctor\n"
         "\n"
         "The workspace is ~/ClaudeCodeWorkspace, or that of -w DIR or CCFS_WORKSPACE.\n"
         "  ccfs --help        all verbs, a line each\n"
         "  ccfs VERB --help   one verb with its options and examples\n"
         "  man ccfs           everything, exit codes and config.json too");
    return EXIT_DONE;
}

static int misspelled(const char *name)
{
    const char *names[COUNT_OF(commands)];
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        names[i] = commands[i].name;
    const char *near = cli_suggest(name, names, COUNT_OF(names));
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, name, strlen(name));
    if (near)
        return cli_misuse(&top, "unknown verb '%s'; did you mean '%s'?", strbuf_text(&safe), near);
    return cli_misuse(&top, "unknown verb '%s'", strbuf_text(&safe));
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Every verb, one line each, below the options of `ccfs --help`. */
static void list_verbs(void)
{
    puts("\nVerbs:");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        printf("  %-14s %s\n", commands[i].name, commands[i].says);
}

/* `ccfs help [VERB]` for those who try it. */
static int help(struct cli *cli, int argc, char **argv)
{
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && !command)
        return misspelled(argv[1]);
    if (!command)
        return introduce();
    char *words[] = {argv[1], (char[]){"--help"}, NULL};
    return command->run(cli, 2, words);
}

static int dispatch(struct cli *cli)
{
    int argc = cli->operand_count;
    char **argv = cli->operands;
    if (argc == 0)
        return introduce();
    if (strcmp(argv[0], "help") == 0)
        return help(cli, argc, argv);
    const struct command *command = find(argv[0]);
    return command ? command->run(cli, argc, argv) : misspelled(argv[0]);
}

/* 0, 1 and 2 are open whoever started us: a file of ours must never become our stderr. */
static void ensure_stdio(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 && !freopen("/dev/null", fd ? "w" : "r",
                                           fd == 0   ? stdin
                                           : fd == 1 ? stdout
                                                     : stderr))
            abort();
    }
}

static int flushed(int exit_code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    log_line("what should have been printed could not be written: is the disk full?");
    return exit_code ? exit_code : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    const char *given = getenv("CCFS_WORKSPACE");
    struct cli cli = {.workspace = given && given[0] ? given : NULL};
    bool version = false;
    const struct cli_option options[] = {
        {"version", 0, OPTION_FLAG, &version, NULL, "the version"},
    };
    ensure_stdio();
    if (!cli_options(&cli, &top, options, COUNT_OF(options), argc, argv)) {
        if (cli.exit_code == EXIT_DONE)
            list_verbs();
        return flushed(cli.exit_code);
    }
    if (version) {
        puts("ccfs " CCFS_VERSION);
        return flushed(EXIT_DONE);
    }
    return flushed(dispatch(&cli));
}
