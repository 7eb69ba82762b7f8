/* cli.c - see cli.h. */
#include "launcher/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "journal/base/text.h"

#define OPTIONS_LIMIT 32
#define HELP_COLUMN 26

/* What getopt_long(3) wants, made from our tables.  all[i] has the value LONG_BASE + i. */
#define LONG_BASE 1000
struct table {
    struct cli_option all[OPTIONS_LIMIT];
    size_t count;
    struct option longs[OPTIONS_LIMIT + 1];
    char shorts[3 + 2 * OPTIONS_LIMIT + 1];
};

static void table_add(struct table *t, struct cli_option option)
{
    if (t->count == OPTIONS_LIMIT)
        abort(); /* a table of ours is too long */
    int takes = option.kind == OPTION_FLAG ? no_argument : required_argument;
    t->longs[t->count] = (struct option){option.name, takes, NULL, LONG_BASE + (int)t->count};
    if (option.letter) {
        char letter[3] = {option.letter, takes == required_argument ? ':' : '\0', '\0'};
        strcat(t->shorts, letter);
    }
    t->all[t->count++] = option;
}

static void table_make(struct table *t, struct cli *cli, const struct cli_verb *verb, bool *help,
                       const struct cli_option *options, size_t count)
{
    *t = (struct table){0};
    /* ':' first: a missing argument is told from an unknown option */
    strcpy(t->shorts, verb->stops_at_operand ? "+:" : ":");
    for (size_t i = 0; i < count; i++)
        table_add(t, options[i]);
    table_add(t, (struct cli_option){"workspace", 'w', OPTION_TEXT, &cli->workspace, "DIR",
                                     "the workspace (else CCFS_WORKSPACE, ~/ClaudeCodeWorkspace)"});
    table_add(t, (struct cli_option){"verbose", 'v', OPTION_FLAG, &cli->verbose, NULL,
                                     "say more about what is done"});
    table_add(t, (struct cli_option){"help", 'h', OPTION_FLAG, help, NULL, "this text"});
}

static const struct cli_option *table_find(const struct table *t, int value)
{
    if (value >= LONG_BASE)
        return &t->all[value - LONG_BASE];
    for (size_t i = 0; i < t->count; i++)
        if (t->all[i].letter == value)
            return &t->all[i];
    return NULL;
}

/* ---- help ---- */

static void print_option(const struct cli_option *o)
{
    if (!o->help)
        return; /* between our own processes only */
    char left[80];
    int used = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                         : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->argument && used > 0)
        snprintf(left + used, sizeof left - (size_t)used, " %s", o->argument);
    printf("%-*s  %s\n", HELP_COLUMN, left, o->help);
}

static void print_help(const struct cli_verb *verb, const struct table *t)
{
    printf("usage: ccfs %s%s%s\n\n%s\n", verb->name, verb->name[0] && verb->usage[0] ? " " : "",
           verb->usage, verb->about);
    for (size_t i = 0; i < t->count; i++)
        print_option(&t->all[i]);
    if (verb->examples)
        printf("\nExamples:\n%s", verb->examples);
}

int cli_misuse(const struct cli_verb *verb, const char *format, ...)
{
    char said[512];
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    log_line("%s%s%s; see: ccfs %s%s--help", verb->name, verb->name[0] ? ": " : "", said,
             verb->name, verb->name[0] ? " " : "");
    return EXIT_USAGE;
}

/* ---- parsing ---- */

static bool take_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno)
        return false;
    *out = n;
    return true;
}

static int take_list(const struct cli_verb *verb, const struct cli_option *o, const char *value)
{
    struct cli_list *list = o->out;
    if (list->count == CLI_LIST_LIMIT)
        return cli_misuse(verb, "--%s is given more than %d times", o->name, CLI_LIST_LIMIT);
    list->items[list->count++] = value;
    return 0;
}

static int take_value(const struct cli_verb *verb, const struct cli_option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->out = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)o->out = value;
        return 0;
    case OPTION_NUMBER:
        if (!take_number(value, o->out))
            return cli_misuse(verb, "--%s: '%s' is not a number", o->name, value);
        return 0;
    case OPTION_LIST:
        return take_list(verb, o, value);
    }
    abort();
}

static int say_unknown(const struct cli_verb *verb, const struct table *t, const char *given)
{
    const char *names[OPTIONS_LIMIT];
    size_t shown = 0;
    char name[64];
    for (size_t i = 0; i < t->count; i++)
        if (t->all[i].help)
            names[shown++] = t->all[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    const char *near = strncmp(name, "--", 2) == 0 ? cli_suggest(name + 2, names, shown) : NULL;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, name, strlen(name));
    if (near)
        return cli_misuse(verb, "unknown option %s; did you mean --%s?", strbuf_text(&safe), near);
    return cli_misuse(verb, "unknown option %s", strbuf_text(&safe));
}

/* What getopt_long could not place: optopt is its letter, or the value of a long option, or 0. */
static int say_wrong(const struct cli_verb *verb, const struct table *t, int why, char **argv)
{
    const struct cli_option *o = optopt ? table_find(t, optopt) : NULL;
    if (o && why == ':')
        return cli_misuse(verb, "--%s needs a value: %s", o->name, o->argument);
    if (o)
        return cli_misuse(verb, "--%s takes no value", o->name);
    char letter[3] = {'-', (char)optopt, '\0'};
    return say_unknown(verb, t, optopt ? letter : argv[optind - 1]);
}

static int check_operands(const struct cli_verb *verb, int count, char **operands)
{
    if (count < verb->operands_min)
        return cli_misuse(verb, "something is missing: ccfs %s %s", verb->name, verb->usage);
    if (verb->operands_max < 0 || count <= verb->operands_max)
        return 0;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *extra = operands[verb->operands_max];
    text_escape(&safe, extra, strlen(extra));
    return cli_misuse(verb, "'%s' is too much", strbuf_text(&safe));
}

static int parse(const struct cli_verb *verb, const struct table *t, const bool *help, int argc,
                 char **argv)
{
    optind = 0; /* GNU: starts anew */
    opterr = 0;
    for (;;) {
        int value = getopt_long(argc, argv, t->shorts, t->longs, NULL);
        if (value == -1 || *help)
            return 0;
        if (value == '?' || value == ':')
            return say_wrong(verb, t, value, argv);
        int wrong = take_value(verb, table_find(t, value), optarg);
        if (wrong)
            return wrong;
    }
}

bool cli_options(struct cli *cli, const struct cli_verb *verb, const struct cli_option *options,
                 size_t count, int argc, char **argv)
{
    struct table t;
    bool help = false;
    table_make(&t, cli, verb, &help, options, count);
    cli->exit_code = parse(verb, &t, &help, argc, argv);
    if (cli->exit_code)
        return false;
    if (help) {
        print_help(verb, &t);
        return false;
    }
    cli->operands = argv + optind;
    cli->operand_count = argc - optind;
    cli->exit_code = check_operands(verb, cli->operand_count, cli->operands);
    return cli->exit_code == 0;
}

/* ---- endings ---- */

static const struct {
    int code;
    enum exit_code exit;
} exits[] = {
    {EPERM, EXIT_PERMISSION},  {EACCES, EXIT_PERMISSION}, {EBUSY, EXIT_BUSY},
    {ETXTBSY, EXIT_BUSY},      {ENOSPC, EXIT_NO_SPACE},   {EDQUOT, EXIT_NO_SPACE},
    {EBADMSG, EXIT_INTEGRITY}, {EEXIST, EXIT_CONFLICT},   {ENODEV, EXIT_MISSING},
    {ESTALE, EXIT_CONFLICT},   {EALREADY, EXIT_CONFLICT}, {EOPNOTSUPP, EXIT_PLATFORM},
    {ENOSYS, EXIT_PLATFORM},
};

enum exit_code cli_exit_code(const struct error *err)
{
    if (err->code >= EXIT_AS_ERROR(0))
        return (enum exit_code)(err->code - EXIT_AS_ERROR(0));
    for (size_t i = 0; i < COUNT_OF(exits); i++)
        if (exits[i].code == err->code)
            return exits[i].exit;
    return EXIT_FAILED;
}

int cli_fail(const struct error *err)
{
    log_error(err);
    return (int)cli_exit_code(err);
}

/* ---- suggestions ---- */

#define WORD_LIMIT 32

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make a from b. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_LIMIT + 1];
    size_t an = strlen(a);
    size_t bn = strlen(b);
    if (an > WORD_LIMIT || bn > WORD_LIMIT)
        return WORD_LIMIT;
    for (size_t k = 0; k <= bn; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= an; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        row[0] = i;
        for (size_t k = 1; k <= bn; k++) {
            row[k] = least(last[k] + 1, row[k - 1] + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], rows[(i + 1) % 3][k - 2] + 1, WORD_LIMIT);
        }
    }
    return rows[an % 3][bn];
}

const char *cli_suggest(const char *name, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t nearest = strlen(name) < 4 ? 2 : 3; /* must be below */
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, candidates[i]);
        if (d < nearest) {
            nearest = d;
            best = candidates[i];
        }
    }
    return best;
}
