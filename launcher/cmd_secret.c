/* cmd_secret.c - ccfs secret: values for this workspace's sessions, kept outside of it. */
#include <stdio.h>
#include <string.h>

#include "journal/base/clock.h"
#include "launcher/commands.h"
#include "launcher/json.h"
#include "launcher/render.h"
#include "launcher/secret_input.h"

static const struct cli_verb verb = {
    .name = "secret",
    .usage = "set NAME | list | remove NAME",
    .about =
        "Keys and passwords for this workspace's sessions.  A value is asked for on a terminal, "
        "else read from\n"
        "stdin; it is never an argument, never in the workspace, and never shown.  Sessions that "
        "start\n"
        "afterwards have it as the file /run/secrets/NAME; as a variable only where that is asked "
        "for:\n"
        "--secret-env NAME, or secrets.env in config.json.\n",
    .examples = "  ccfs secret set ANTHROPIC_API_KEY            asks for it\n"
                "  ccfs secret set DEPLOY_KEY <~/.ssh/deploy\n"
                "  ccfs run --secret-env ANTHROPIC_API_KEY -- claude\n"
                "  ccfs secret list --json\n",
    .operands_min = 1,
    .operands_max = -1,
};

static int set(const struct workspace *w, const char *name, bool as_json, struct error *err)
{
    CLEANUP(secret_input_release) struct secret_input input = {0};
    bool replaced = false;
    (void)as_json;
    TRY(secret_check_name(name, err)); /* before anybody types a value in vain */
    TRY(secret_input_read(name, &input, err));
    TRY(secret_set(w, name, input.value, input.bytes, &replaced, err));
    printf("%s %s; sessions that start from now on have it as " SECRETS_FOLDER "/%s\n",
           replaced ? "replaced" : "kept", name, name);
    return 0;
}

static int drop(const struct workspace *w, const char *name, bool as_json, struct error *err)
{
    (void)as_json;
    TRY(secret_remove(w, name, err));
    printf("removed %s; a session that runs has it until it ends\n", name);
    return 0;
}

/* ---- list ---- */

static int print_json(const struct secret *s, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_text(j, "name", s->name);
    json_uint(j, "bytes", s->bytes);
    json_int(j, "changed", s->changed);
    return json_print(j, stdout, err);
}

static void add_age(struct strbuf *out, int64_t ns)
{
    static const struct {
        int64_t seconds;
        const char *one, *many;
    } units[] = {{86400, "day old", "days old"},
                 {3600, "hour old", "hours old"},
                 {60, "minute old", "minutes old"}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (ns / NS_PER_S >= units[i].seconds) {
            render_plural(out, (uint64_t)(ns / NS_PER_S / units[i].seconds), units[i].one,
                          units[i].many);
            return;
        }
    strbuf_add_text(out, "new");
}

static void print_row(const struct secret *s)
{
    CLEANUP(strbuf_release) struct strbuf size = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf age = STRBUF_EMPTY;
    render_size(&size, s->bytes);
    add_age(&age, clock_now_ns() - s->changed);
    printf("%-24s  %8s  %s\n", s->name, strbuf_text(&size), strbuf_text(&age));
}

static int list(const struct workspace *w, const char *name, bool as_json, struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)name;
    TRY(secrets_load(w, &all, err));
    for (size_t i = 0; i < all.count; i++) {
        if (as_json)
            TRY(print_json(&all.items[i], err));
        else
            print_row(&all.items[i]);
    }
    if (all.count == 0 && !as_json)
        puts("no secrets; to keep one: ccfs secret set NAME");
    return 0;
}

static const struct action {
    const char *name;
    int operands;
    int (*run)(const struct workspace *w, const char *name, bool as_json, struct error *err);
} actions[] = {{"set", 2, set}, {"list", 1, list}, {"remove", 2, drop}};

/* What is too much may be a value: it is not repeated. */
static const struct action *find(const struct cli *cli)
{
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (strcmp(cli->operands[0], actions[i].name) != 0)
            continue;
        if (cli->operand_count == actions[i].operands)
            return &actions[i];
        if (cli->operand_count < actions[i].operands)
            cli_misuse(&verb, "%s wants the secret's NAME", actions[i].name);
        else if (actions[i].run == set)
            cli_misuse(&verb, "a value is never an argument, which others can read: type it when "
                              "asked, or give it on stdin");
        else
            cli_misuse(&verb, "%s is given too much", actions[i].name);
        return NULL;
    }
    cli_misuse(&verb, "there are: set NAME, list, remove NAME");
    return NULL;
}

static int act(const struct cli *cli, const struct action *action, bool as_json, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    TRY(workspace_open_as_is(cli, &w, err));
    return action->run(&w, action->operands > 1 ? cli->operands[1] : NULL, as_json, err);
}

int cmd_secret(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", 'j', OPTION_FLAG, &as_json, NULL, "list: JSON Lines"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    const struct action *action = find(cli);
    if (!action)
        return EXIT_USAGE;
    return act(cli, action, as_json, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
}
