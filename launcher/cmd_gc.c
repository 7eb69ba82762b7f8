/* cmd_gc.c - ccfs gc: drops what is older, larger or more than is to be kept. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/gc.h"
#include "journal/journal.h"
#include "journal/signature.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/json.h"
#include "launcher/look.h"
#include "launcher/render.h"
#include "launcher/retention.h"

static const struct cli_verb verb = {
    .name = "gc",
    .usage = "[--dry-run] [OPTION…]",
    .about =
        "Drops old contents and events beyond the limits of config.json (\"retention\"), or those "
        "given\n"
        "here.  What goes cannot be undone any more; it leaves a sealed tombstone, so that verify "
        "still\n"
        "holds.  What the floors hold never goes, nor what a running session did.\n"
        "Old contents that stay, and have not changed for a week, are packed, which loses "
        "nothing.\n",
    .examples = "  ccfs gc --dry-run\n"
                "  ccfs gc --vault-size 5g\n"
                "  ccfs gc --vault-age 30d --keep-sessions 3\n",
};

struct request {
    bool dry_run;
    bool json;
    const char *events_age; /* as typed; NULL: as configured */
    const char *vault_age;
    const char *vault_size;
    const char *keep_age;
    const char *pack_after;
    uint64_t events_count;
    uint64_t vault_count;
    uint64_t keep_sessions;
    struct gc_limits limits;
    struct gc_result done;
};

/* ---- limits ---- */

static int take_age(const char *option, const char *typed, uint64_t *out, struct error *err)
{
    if (!typed || retention_parse_age(typed, out))
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "--%s is an age like 30d, 8w, 13mo or none; see: ccfs gc --help", option);
}

static int take_size(const char *typed, uint64_t *out, struct error *err)
{
    if (!typed)
        return 0;
    if (strcmp(typed, "none") == 0)
        *out = 0;
    else if (!config_parse_size(typed, out))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "--vault-size is a size like 5g, 512m or none; see: ccfs gc --help");
    return 0;
}

/* What was typed goes before what is configured. */
static int choose_limits(struct request *q, const struct config *config, struct error *err)
{
    q->limits = config->retention;
    TRY(take_age("events-age", q->events_age, &q->limits.events_age_s, err));
    TRY(take_age("vault-age", q->vault_age, &q->limits.vault_age_s, err));
    TRY(take_age("keep-age", q->keep_age, &q->limits.keep_age_s, err));
    TRY(take_age("pack-after", q->pack_after, &q->limits.pack_after_s, err));
    TRY(take_size(q->vault_size, &q->limits.vault_bytes, err));
    if (q->events_count != UINT64_MAX)
        q->limits.events_count = q->events_count;
    if (q->vault_count != UINT64_MAX)
        q->limits.vault_count = q->vault_count;
    if (q->keep_sessions != UINT64_MAX)
        q->limits.keep_sessions = q->keep_sessions;
    return 0;
}

/* ---- doing ---- */

static int ask_daemon(struct control *daemon, struct request *q, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    strbuf_add_text(&request, "gc");
    retention_add(&request, &q->limits);
    control_add_number(&request, "dry_run", q->dry_run);
    if (request.failed)
        return error_set(err, ENOMEM, "ask the daemon");
    TRY(control_ask(daemon, strbuf_text(&request), NULL, NULL, err));
    q->done = (struct gc_result){
        .versions = control_number(daemon, "versions"),
        .bytes = control_number(daemon, "bytes"),
        .events = control_number(daemon, "events"),
        .last_event = control_number(daemon, "last_event"),
        .vault_bytes = control_number(daemon, "vault_bytes"),
        .vault_versions = control_number(daemon, "vault_versions"),
        .held_back = control_number(daemon, "held_back"),
        .packed = control_number(daemon, "packed"),
        .packed_bytes = control_number(daemon, "packed_bytes"),
        .event = control_number(daemon, "event"),
    };
    return 0;
}

/* Where seals are signed, the tombstone is, too. */
static int run_here(const struct workspace *w, const struct config *config, struct journal *journal,
                    struct request *q, struct error *err)
{
    CLEANUP(signing_key_free) struct signing_key *key = NULL;
    const char *path = config->journal.signing_key;
    int r = path ? signing_key_load(path, w->root, &key, err) : 0;
    if (r == 0 && key)
        r = journal_keep_proof(journal, key, err);
    if (r == 0)
        r = gc_run(journal, &q->limits, journal_actor(journal, getpid(), getuid(), getgid()),
                   q->dry_run, &q->done, err);
    journal_close(&journal); /* before the key goes */
    return r;
}

static int gc(const struct cli *cli, struct request *q, struct error *err)
{
    CLEANUP(look_close) struct look look = LOOK_NONE;
    CLEANUP(config_release) struct config config = {0};
    struct journal *journal = NULL;
    TRY(workspace_open(cli, &look.workspace, err));
    TRY(config_load(&look.workspace, &config, err));
    TRY(choose_limits(q, &config, err));
    TRY(look_take_journal(&look, &journal, err));
    return journal ? run_here(&look.workspace, &config, journal, q, err)
                   : ask_daemon(&look.daemon, q, err);
}

/* ---- telling ---- */

static void add_packed(struct strbuf *line, const struct request *q)
{
    const struct gc_result *d = &q->done;
    if (d->packed == 0)
        return;
    strbuf_add_text(line, q->dry_run ? "; would try to pack " : "; packed ");
    render_plural(line, d->packed, "old content", "old contents");
    strbuf_add_text(line, q->dry_run ? " of " : ", which saved ");
    render_size(line, d->packed_bytes);
}

static void print_done(const struct request *q)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    const struct gc_result *d = &q->done;
    bool nothing = d->versions == 0 && d->events == 0;
    strbuf_add_text(&line, nothing ? "nothing to drop" : q->dry_run ? "would drop " : "dropped ");
    if (d->versions) {
        render_plural(&line, d->versions, "old content", "old contents");
        strbuf_add_text(&line, " (");
        render_size(&line, d->bytes);
        strbuf_add_text(&line, ")");
    }
    if (d->events) {
        strbuf_add_text(&line, d->versions ? " and " : "");
        render_plural(&line, d->events, "event", "events");
        strbuf_add_format(&line, " up to #%" PRIu64, d->last_event);
    }
    strbuf_add_text(&line, "; the vault keeps ");
    render_plural(&line, d->vault_versions, "old content", "old contents");
    strbuf_add_text(&line, ", ");
    render_size(&line, d->vault_bytes);
    if (d->held_back) {
        strbuf_add_text(&line, "; held back by floors or a running session: ");
        render_count(&line, d->held_back);
    }
    add_packed(&line, q);
    puts(strbuf_text(&line));
}

static int print_json(const struct request *q, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    const struct gc_result *d = &q->done;
    json_bool(j, "dry_run", q->dry_run);
    json_uint(j, "versions", d->versions);
    json_uint(j, "bytes", d->bytes);
    json_uint(j, "events", d->events);
    json_uint(j, "last_event", d->last_event);
    json_uint(j, "vault_bytes", d->vault_bytes);
    json_uint(j, "vault_versions", d->vault_versions);
    json_uint(j, "held_back", d->held_back);
    json_uint(j, "packed", d->packed);
    json_uint(j, "packed_bytes", d->packed_bytes);
    if (d->event)
        json_uint(j, "event", d->event);
    else
        json_null(j, "event");
    return json_print(j, stdout, err);
}

int cmd_gc(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct request q = {
        .events_count = UINT64_MAX, .vault_count = UINT64_MAX, .keep_sessions = UINT64_MAX};
    const struct cli_option options[] = {
        {"dry-run", 'n', OPTION_FLAG, &q.dry_run, NULL, "tell what would go, drop nothing"},
        {"vault-size", 0, OPTION_TEXT, &q.vault_size, "SIZE", "keep old contents up to this size"},
        {"vault-age", 0, OPTION_TEXT, &q.vault_age, "AGE", "keep old contents so long"},
        {"vault-count", 0, OPTION_NUMBER, &q.vault_count, "N", "keep so many old contents"},
        {"events-age", 0, OPTION_TEXT, &q.events_age, "AGE", "keep events so long"},
        {"events-count", 0, OPTION_NUMBER, &q.events_count, "N", "keep so many events"},
        {"keep-sessions", 0, OPTION_NUMBER, &q.keep_sessions, "N",
         "never drop what the last N sessions did, or came later"},
        {"keep-age", 0, OPTION_TEXT, &q.keep_age, "AGE", "never drop what is younger"},
        {"pack-after", 0, OPTION_TEXT, &q.pack_after, "AGE", "pack old contents that are older"},
        {"json", 'j', OPTION_FLAG, &q.json, NULL, "one JSON object on one line"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (gc(cli, &q, &err) < 0)
        return cli_fail(&err);
    if (q.json && print_json(&q, &err) < 0)
        return cli_fail(&err);
    if (!q.json)
        print_done(&q);
    return EXIT_DONE;
}
