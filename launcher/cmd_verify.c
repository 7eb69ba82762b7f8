/* cmd_verify.c - ccfs verify: whether the journal and the vault are as they were recorded.
 *
 * It writes nothing: whoever would open the journal to drain it would also seal what is there. */
#include "journal/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/control_client.h"
#include "launcher/json.h"
#include "launcher/render.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "verify",
    .usage = "[--quick] [--key FILE] [--seal N:SHA256] [--json]",
    .about = "Checks that nothing in the journal and in the vault was changed since it was\n"
             "recorded: the chain of seals with their signatures, and what the vault keeps.\n"
             "Ends with 10 and the first event that is not as it was, else with 0.\n",
    .examples =
        "  ccfs verify\n"
        "  ccfs verify --quick                        without reading what the vault keeps\n"
        "  ccfs verify --key ~/seal.pub               only this key's signatures count\n"
        "  ccfs verify --seal 57:3f9a1c04d2b7e865     an earlier verify ended with that seal\n",
};

#define KEYS_LIMIT 16
#define PROBLEMS_SHOWN 100
#define KNOWN_LEAST 8 /* bytes of a seal's hash */

struct problem {
    int64_t event;
    char *says;
};

struct verification {
    struct workspace workspace;
    unsigned char keys[KEYS_LIMIT][PUBLIC_BYTES];
    struct verify_wish wish;
    struct verify_result result;
    struct problem problems[PROBLEMS_SHOWN];
    size_t problem_count;
    struct problem first; /* the one with the lowest event */
};

static void verification_release(struct verification *v)
{
    for (size_t i = 0; i < v->problem_count; i++)
        free(v->problems[i].says);
    free(v->first.says);
    workspace_close(&v->workspace);
}

/* ---- what is wished ---- */

static int load_keys(struct verification *v, const struct cli_list *files, struct error *err)
{
    if (files->count > KEYS_LIMIT)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "more than %d keys", KEYS_LIMIT);
    for (size_t i = 0; i < files->count; i++)
        TRY(public_key_load(files->items[i], v->keys[i], err));
    v->wish.keys = (const unsigned char(*)[PUBLIC_BYTES])v->keys;
    v->wish.key_count = files->count;
    return 0;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* "57:3f9a…", 16 to 64 digits. */
static bool take_seal(const char *text, struct verify_wish *out)
{
    char *end = NULL;
    errno = 0;
    long long number = text[0] >= '1' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    if (number <= 0 || errno || !end || *end != ':')
        return false;
    const char *hex = end + 1;
    size_t bytes = strlen(hex) / 2;
    if (strlen(hex) % 2 || bytes < KNOWN_LEAST || bytes > SHA256_BYTES)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->seal_sha256[i] = (unsigned char)(high << 4 | low);
    }
    out->seal = number;
    out->seal_bytes = bytes;
    return true;
}

/* ---- looking ---- */

static void keep_problem(void *context, int64_t event, const char *says)
{
    struct verification *v = context;
    bool is_first =
        !v->first.says || (event > 0 && (v->first.event == 0 || event < v->first.event));
    if (is_first) {
        free(v->first.says);
        v->first = (struct problem){event, strdup(says)};
    }
    if (v->problem_count < PROBLEMS_SHOWN)
        v->problems[v->problem_count++] = (struct problem){event, strdup(says)};
}

static int look(const struct cli *cli, struct verification *v, const struct cli_list *keys,
                struct error *err)
{
    TRY(load_keys(v, keys, err));
    TRY(workspace_open(cli, &v->workspace, err));
    TRY(control_settle(v->workspace.root, err));
    return verify_journal(v->workspace.root, &v->wish, keep_problem, v, &v->result, err);
}

/* ---- for people ---- */

static void add_events(struct strbuf *line, const struct verify_result *r)
{
    render_plural(line, r->events, "event", "events");
    strbuf_add_text(line, " under ");
    render_plural(line, r->seals, "seal", "seals");
    if (r->is_signed) {
        char key[FINGERPRINT_TEXT];
        fingerprint_text(r->key, key);
        strbuf_add_format(line, " signed with %s", key);
    }
    if (r->unsealed) {
        strbuf_add_text(line, ", ");
        render_count(line, r->unsealed);
        strbuf_add_text(line, " not sealed yet");
    }
}

static void add_versions(struct strbuf *line, const struct verification *v)
{
    const struct verify_result *r = &v->result;
    strbuf_add_text(line, "; ");
    render_plural(line, r->versions, "version", "versions");
    strbuf_add_text(line, " in the vault");
    if (r->lost) {
        strbuf_add_text(line, ", ");
        render_count(line, r->lost);
        strbuf_add_text(line, " dropped or torn by a power loss");
    }
    if (v->wish.quick) {
        strbuf_add_text(line, ", contents not looked at");
        return;
    }
    strbuf_add_text(line, ", ");
    render_count(line, r->contents);
    strbuf_add_text(line, " checked by content");
    if (r->unhashed) {
        strbuf_add_text(line, ", ");
        render_count(line, r->unhashed);
        strbuf_add_text(line, " without a checksum");
    }
}

static void print_sound(const struct verification *v)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    char sha256[SHA256_TEXT];
    sha256_text(v->result.last_sha256, sha256);
    add_events(&line, &v->result);
    add_versions(&line, v);
    if (v->result.seals)
        strbuf_add_format(&line, "; last seal %" PRId64 ":%.16s", v->result.last_seal, sha256);
    printf("sound: %s\n", strbuf_text(&line));
}

static int fail(const struct verification *v)
{
    struct error err = ERROR_NONE;
    uint64_t more = v->result.problems - 1;
    const char *says = v->first.says ? v->first.says : "the journal is not as it was recorded";
    if (more)
        error_say(&err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                  "%s; %" PRIu64 " more %s wrong: ccfs verify --json tells all", says, more,
                  more == 1 ? "thing is" : "things are");
    else
        error_say(&err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                  "%s; keep a copy of .ccfs before anything else", says);
    return cli_fail(&err);
}

/* ---- for programs ---- */

static void json_last_seal(struct json *j, const struct verify_result *r)
{
    char sha256[SHA256_TEXT];
    if (r->seals == 0) {
        json_null(j, "last_seal");
        return;
    }
    sha256_text(r->last_sha256, sha256);
    json_begin_object(j, "last_seal");
    json_int(j, "id", r->last_seal);
    json_int(j, "time", r->last_time);
    json_text(j, "sha256", sha256);
    json_end(j);
}

static void json_problems(struct json *j, const struct verification *v)
{
    json_begin_array(j, "problems");
    for (size_t i = 0; i < v->problem_count; i++) {
        json_begin_object(j, NULL);
        if (v->problems[i].event > 0)
            json_int(j, "event", v->problems[i].event);
        else
            json_null(j, "event");
        json_text(j, "says", v->problems[i].says);
        json_end(j);
    }
    json_end(j);
}

static int print_json(const struct verification *v, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    char key[FINGERPRINT_TEXT] = "";
    const struct verify_result *r = &v->result;
    if (r->is_signed)
        fingerprint_text(r->key, key);
    json_bool(j, "sound", r->problems == 0);
    json_bool(j, "contents_read", !v->wish.quick);
    json_uint(j, "seals", r->seals);
    json_uint(j, "events", r->events);
    json_uint(j, "unsealed", r->unsealed);
    json_text(j, "key", r->is_signed ? key : NULL);
    json_uint(j, "versions", r->versions);
    json_uint(j, "contents", r->contents);
    json_uint(j, "unhashed", r->unhashed);
    json_uint(j, "lost", r->lost);
    json_uint(j, "unrecorded", r->unrecorded);
    json_last_seal(j, r);
    json_uint(j, "problem_count", r->problems);
    json_problems(j, v);
    return json_print(j, stdout, err);
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
    CLEANUP(verification_release) struct verification v = {.workspace = WORKSPACE_NONE};
    struct error err = ERROR_NONE;
    struct cli_list keys = {0};
    const char *seal = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {"quick", 'q', OPTION_FLAG, &v.wish.quick, NULL, "do not read what the vault keeps"},
        {"key", 'k', OPTION_LIST, &keys, "FILE", "the public key that must have signed (PEM)"},
        {"seal", 0, OPTION_TEXT, &seal, "N:SHA256", "this seal must be there"},
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON object on one line"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (seal && !take_seal(seal, &v.wish))
        return cli_misuse(&verb, "--seal is a seal's number, a colon, and 16 to 64 hex digits");
    if (look(cli, &v, &keys, &err) < 0)
        return cli_fail(&err);
    if (json && print_json(&v, &err) < 0)
        return cli_fail(&err);
    if (v.result.problems)
        return fail(&v);
    if (!json)
        print_sound(&v);
    return EXIT_DONE;
}
