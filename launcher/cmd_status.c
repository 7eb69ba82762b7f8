/* cmd_status.c - ccfs status: the mount, the sessions, the journal; a line each. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/history.h"
#include "journal/journal.h"
#include "journal/undo.h"
#include "launcher/cgroup.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/control_client.h"
#include "launcher/json.h"
#include "launcher/look.h"
#include "launcher/lost_proxy.h"
#include "launcher/render.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "status",
    .usage = "[--json]",
    .about =
        "Says where the workspace is mounted, which sessions run, and how large the journal is.\n",
    .examples = "  ccfs status\n  ccfs status --json | jq .mount.mountpoint\n",
};

#define SESSIONS_SHOWN 32

struct seen_session {
    uint64_t id;
    char *name;
    char *backend;
    char *command;
    int64_t began;
    int64_t root; /* its first process */
    uint64_t denied;
    bool proxy_ended; /* with an allowlist: it reaches nothing any more */
};

struct status {
    struct workspace workspace;
    struct config config;
    struct control daemon; /* its reply is that of `status` */
    bool mounted;
    struct history *history;
    struct history_counts counts;
    struct undo_unfinished undo;
    uint64_t vault_bytes;
    uint64_t versions;
    struct seen_session sessions[SESSIONS_SHOWN];
    size_t session_count;
};

static void status_release(struct status *s)
{
    for (size_t i = 0; i < s->session_count; i++) {
        free(s->sessions[i].name);
        free(s->sessions[i].backend);
        free(s->sessions[i].command);
    }
    history_close(&s->history);
    control_close(&s->daemon);
    config_release(&s->config);
    workspace_close(&s->workspace);
}

/* ---- looking ---- */

/* What is still in the intake gets into the journal: by the daemon, or where none runs by
 * ourselves. */
static int freshen(struct status *s, struct error *err)
{
    int runs = control_connect(s->workspace.root, &s->daemon, err);
    TRY(runs);
    s->mounted = runs == 1;
    if (s->mounted)
        return control_ask(&s->daemon, "drain", NULL, NULL, err);
    struct journal *j = NULL;
    int r = journal_open(s->workspace.root, &j, err);
    journal_close(&j);
    return r == -EBUSY ? 0 : r; /* somebody else is at it */
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Only those that run: what was cut off has no end either, but began before this daemon. */
static int keep_session(const struct session *session, void *context)
{
    struct status *s = context;
    bool is_agents = !session->backend || strcmp(session->backend, "mount") != 0;
    bool cut_off = session->began < (int64_t)control_number(&s->daemon, "since");
    if (session->ended || cut_off || !is_agents || s->session_count == SESSIONS_SHOWN)
        return 0;
    s->sessions[s->session_count++] = (struct seen_session){
        .id = session->id,
        .name = copy(session->name),
        .backend = copy(session->backend),
        .command = copy(session->command),
        .began = session->began,
    };
    return 0;
}

static int look_at_session(struct status *s, struct seen_session *one, struct error *err)
{
    struct history_counts counts = {0};
    TRY(history_count(s->history, one->id, &counts, err));
    one->denied = counts.denied;
    return lost_proxy(s->history, one->id, &one->proxy_ended, err);
}

static void take_roots(struct status *s)
{
    const char *at = control_value(&s->daemon, "roots");
    uint64_t session = 0;
    pid_t root = 0;
    while (control_next_root(&at, &session, &root))
        for (size_t i = 0; i < s->session_count; i++)
            if (s->sessions[i].id == session)
                s->sessions[i].root = root;
}

static int look_at_sessions(struct status *s, struct error *err)
{
    if (!s->mounted || control_number(&s->daemon, "sessions") == 0)
        return 0;
    TRY(history_sessions(s->history, NULL, keep_session, s, err));
    for (size_t i = 0; i < s->session_count; i++)
        TRY(look_at_session(s, &s->sessions[i], err));
    take_roots(s);
    return 0;
}

/* The daemon counts what it keeps; where none does, or not yet, all of the vault is gone through. */
static int look_at_vault(struct status *s, struct error *err)
{
    if (!s->mounted || !control_value(&s->daemon, "vault_bytes"))
        return look_vault(&s->workspace, &s->vault_bytes, &s->versions, err);
    s->vault_bytes = control_number(&s->daemon, "vault_bytes");
    return history_kept(s->history, &s->versions, err);
}

static int look(const struct cli *cli, struct status *s, struct error *err)
{
    TRY(workspace_open(cli, &s->workspace, err));
    TRY(config_load(&s->workspace, &s->config, err));
    TRY(freshen(s, err));
    if (s->mounted)
        TRY(control_ask(&s->daemon, "status", NULL, NULL, err));
    TRY(history_open(s->workspace.root, &s->history, err));
    TRY(history_count(s->history, 0, &s->counts, err));
    TRY(undo_find_unfinished(s->workspace.root, &s->undo, err));
    TRY(look_at_vault(s, err));
    return look_at_sessions(s, err);
}

/* ---- for people ---- */

static void print_mount(struct status *s)
{
    char shown[512];
    workspace_show_path(s->workspace.path, shown, sizeof shown);
    printf("workspace  %s     ", shown);
    if (!s->mounted) {
        puts("not mounted");
        return;
    }
    CLEANUP(strbuf_release) struct strbuf where = STRBUF_EMPTY;
    const char *passthrough = control_value(&s->daemon, "passthrough");
    bool is_through =
        passthrough && (strcmp(passthrough, "yes") == 0 || strcmp(passthrough, "1") == 0);
    render_name(&where, control_value(&s->daemon, "mountpoint"));
    printf("mounted on %s  (pid %" PRIu64, strbuf_text(&where), control_number(&s->daemon, "pid"));
    CLEANUP(strbuf_release) struct strbuf transport = STRBUF_EMPTY;
    render_name(&transport, control_value(&s->daemon, "transport"));
    printf(", %s%s)\n", strbuf_text(&transport), is_through ? ", passthrough" : "");
}

static void print_age(int64_t began)
{
    int64_t minutes = (clock_now_ns() - began) / NS_PER_S / 60;
    if (minutes < 120)
        printf("  up %" PRId64 " min", minutes);
    else
        printf("  up %" PRId64 " h", minutes / 60);
}

static void print_sessions(const struct status *s)
{
    for (size_t i = 0; i < s->session_count; i++) {
        const struct seen_session *one = &s->sessions[i];
        CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
        CLEANUP(strbuf_release) struct strbuf command = STRBUF_EMPTY;
        render_name(&name, one->name);
        render_name(&command, one->command);
        printf("%-10s %" PRIu64 "%s%s  %s", i ? "" : "sessions", one->id, name.bytes ? " " : "",
               strbuf_text(&name), one->backend ? one->backend : "?");
        print_age(one->began);
        if (one->denied)
            printf("  %" PRIu64 " refused", one->denied);
        if (one->proxy_ended)
            printf("  its proxy ended: it reaches nothing");
        printf("  %s\n", strbuf_text(&command));
    }
    if (s->session_count == 0)
        puts("sessions   none");
}

static void print_journal(const struct status *s)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    render_plural(&line, s->counts.events, "event", "events");
    if (s->counts.events) {
        strbuf_add_text(&line, " since ");
        render_day(&line, s->counts.first_time, clock_now_ns());
    }
    strbuf_add_text(&line, "   vault ");
    render_size(&line, s->vault_bytes);
    if (s->config.retention.vault_bytes) {
        strbuf_add_text(&line, " of ");
        render_size(&line, s->config.retention.vault_bytes);
    }
    printf("journal    %s\n", strbuf_text(&line));
}

/* While one is at it, it only takes a moment. */
static void print_undo(const struct status *s)
{
    if (!s->undo.id)
        return;
    printf("undo       #%" PRIu64
           " is not finished (%zu of %zu steps)   go on: ccfs undo --resume   "
           "take it back: ccfs undo --abort\n",
           s->undo.id, s->undo.done, s->undo.total);
}

static void print_limits(const struct status *s)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    strbuf_add_text(&line, "memory ");
    render_size(&line, s->config.sandbox.memory_bytes);
    strbuf_add_text(&line, ", ");
    render_count(&line, s->config.sandbox.processes);
    strbuf_add_format(&line, " processes a session, kept by %s", cgroup_kind());
    printf("limits     %s\n", strbuf_text(&line));
}

/* ---- for programs ---- */

static void json_mount(struct json *j, struct status *s)
{
    if (!s->mounted) {
        json_null(j, "mount");
        return;
    }
    json_begin_object(j, "mount");
    json_text(j, "mountpoint", control_value(&s->daemon, "mountpoint"));
    json_uint(j, "pid", control_number(&s->daemon, "pid"));
    json_text(j, "transport", control_value(&s->daemon, "transport"));
    json_text(j, "passthrough", control_value(&s->daemon, "passthrough"));
    json_uint(j, "since", control_number(&s->daemon, "since"));
    json_uint(j, "open_files", control_number(&s->daemon, "open_files"));
    json_uint(j, "nodes", control_number(&s->daemon, "nodes"));
    json_uint(j, "settled", control_number(&s->daemon, "settled"));
    json_end(j);
}

static void json_sessions(struct json *j, const struct status *s)
{
    json_begin_array(j, "sessions");
    for (size_t i = 0; i < s->session_count; i++) {
        json_begin_object(j, NULL);
        json_uint(j, "id", s->sessions[i].id);
        json_text(j, "name", s->sessions[i].name);
        json_text(j, "backend", s->sessions[i].backend);
        json_text(j, "command", s->sessions[i].command);
        json_int(j, "root_pid", s->sessions[i].root);
        json_int(j, "began", s->sessions[i].began);
        json_uint(j, "refused", s->sessions[i].denied);
        json_bool(j, "proxy_ended", s->sessions[i].proxy_ended);
        json_end(j);
    }
    json_end(j);
}

static void json_undo(struct json *j, const struct undo_unfinished *undo)
{
    if (!undo->id) {
        json_null(j, "unfinished_undo");
        return;
    }
    json_begin_object(j, "unfinished_undo");
    json_uint(j, "event", undo->id);
    json_uint(j, "done", undo->done);
    json_uint(j, "steps", undo->total);
    json_end(j);
}

static int print_json(struct status *s, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_text(j, "workspace", s->workspace.path);
    json_mount(j, s);
    json_sessions(j, s);
    json_uint(j, "events", s->counts.events);
    json_uint(j, "vault_bytes", s->vault_bytes);
    json_uint(j, "vault_versions", s->versions);
    json_uint(j, "vault_budget", s->config.retention.vault_bytes);
    json_undo(j, &s->undo);
    json_text(j, "limits", cgroup_kind());
    return json_print(j, stdout, err);
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
    CLEANUP(status_release) struct status s = {.workspace = WORKSPACE_NONE, .daemon = CONTROL_NONE};
    struct error err = ERROR_NONE;
    bool json = false;
    const struct cli_option options[] = {
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON object on one line"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (look(cli, &s, &err) < 0)
        return cli_fail(&err);
    if (json)
        return print_json(&s, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
    print_mount(&s);
    print_sessions(&s);
    print_journal(&s);
    print_undo(&s);
    print_limits(&s);
    return EXIT_DONE;
}
