/* cli.h - what every verb gets, the way it reads its options, and how it ends.
 *
 * Options are tables, the same for parsing and for --help:
 *
 *     const struct cli_option options[] = {
 *         {"session", 's', OPTION_TEXT, &session, "S", "only this session (number or name)"},
 *     };
 *     if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
 *         return cli->exit_code;      // --help was asked for, or a line on stderr says what is
 * wrong … cli->operands … return r < 0 ? cli_fail(&err) : EXIT_DONE;
 *
 * -w, -v and -h are understood by every verb and stand in no table. */
#ifndef LAUNCHER_CLI_H
#define LAUNCHER_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

/* Documented in ccfs(1): never renumbered. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    EXIT_CONFLICT = 4, /* or unapplied work */
    EXIT_MISSING = 5,  /* a program or a kernel feature that can be installed or switched on */
    EXIT_PLATFORM = 6,
    EXIT_PERMISSION = 7,
    EXIT_BUSY = 8,
    EXIT_NO_SPACE = 9,
    EXIT_INTEGRITY = 10,
};

/* A struct error's code that means an exit code and no errno; for error_say(), never error_set().
 */
#define EXIT_AS_ERROR(exit) (4096 + (exit))

struct cli {
    const char *workspace; /* -w, else CCFS_WORKSPACE; NULL: the default one */
    bool verbose;
    char **operands; /* set by cli_options(): what is no option, in order */
    int operand_count;
    int exit_code; /* set by cli_options() when it returns false */
};

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *: borrowed from argv */
    OPTION_NUMBER, /* uint64_t, decimal */
    OPTION_LIST,   /* struct cli_list: may be given several times */
};

#define CLI_LIST_LIMIT 256
struct cli_list {
    const char *items[CLI_LIST_LIMIT]; /* borrowed from argv */
    size_t count;
};

struct cli_option {
    const char *name; /* long, without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *out;            /* what kind says; untouched when the option is not given */
    const char *argument; /* "DIR", for --help; NULL for flags */
    const char *help;
};

/* What --help of a verb says around its options. */
struct cli_verb {
    const char *name;
    const char *usage;    /* "[PATH] [OPTION…]" */
    const char *about;    /* a sentence or two; lines end with \n */
    const char *examples; /* lines, indented, end with \n */
    int operands_min;
    int operands_max;      /* -1: any number */
    bool stops_at_operand; /* what follows the first operand belongs to it (run) */
};

/* false: end now with cli->exit_code.  argv[0] is the verb. */
MUST_USE bool cli_options(struct cli *cli, const struct cli_verb *verb,
                          const struct cli_option *options, size_t count, int argc, char **argv);

/* Says what is wrong with the command line ("ccfs history: …; see: ccfs history --help"),
 * EXIT_USAGE. */
int cli_misuse(const struct cli_verb *verb, const char *format, ...) PRINTF_LIKE(2, 3);

/* The exit code of an error. */
enum exit_code cli_exit_code(const struct error *err);
/* Logs it and returns its exit code. */
int cli_fail(const struct error *err);

/* The candidate that name was probably meant to be (edit distance), NULL: none is near. */
const char *cli_suggest(const char *name, const char *const *candidates, size_t count);

#endif
