/* incident.c - see incident.h: which sessions there are, held and let go. */
#include "launcher/incident.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "launcher/docker/containers.h"
#include "launcher/docker/rules.h"
#include "launcher/freeze.h"
#include "launcher/net/cut.h"
#include "launcher/self.h"

#define STATUS_LIMIT (1024 * 1024)

int incident_open(struct cli *cli, const char *only, const char *docker_host, struct incident *out,
                  struct error *err)
{
    *out = INCIDENT_NONE;
    out->cli = cli;
    out->only = only;
    TRY(workspace_open_as_is(cli, &out->workspace, err));
    TRY(config_load(&out->workspace, &out->config, err));
    const char *host = docker_host ? docker_host : out->config.container.host;
    int r = engine_open(host, &out->engine, err);
    out->has_engine = r == 0;
    if (r == 0 || (cli_exit_code(err) == EXIT_MISSING && !host))
        return 0; /* without an Engine, there is nothing of ours in it */
    incident_failed(out, err, "ask the Engine");
    return 0;
}

void incident_close(struct incident *i)
{
    for (size_t n = 0; n < i->failure_count; n++)
        free(i->failures[n]);
    i->failure_count = 0;
    engine_close(&i->engine);
    config_release(&i->config);
    workspace_close(&i->workspace);
}

void incident_failed(struct incident *i, const struct error *why, const char *format, ...)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    char step[200];
    va_list args;
    va_start(args, format);
    vsnprintf(step, sizeof step, format, args);
    va_end(args);
    strbuf_add_format(&line, "%s: %s", step, why->message);
    log_line("%s", strbuf_text(&line));
    if (i->failure_count < INCIDENT_FAILURES)
        i->failures[i->failure_count] = strbuf_take(&line);
    i->failure_count +=
        i->failure_count < INCIDENT_FAILURES && i->failures[i->failure_count] != NULL;
}

/* ---- which there are ---- */

static struct incident_session *add(struct incident *i, const char *name, pid_t root)
{
    if (i->count == INCIDENT_SESSIONS)
        return NULL;
    struct incident_session *s = &i->sessions[i->count++];
    *s = (struct incident_session){.root = root};
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static bool is_part(const struct incident *i, const struct cJSON *c, const char *wanted,
                    struct spec_names *names)
{
    const char *part = container_part(c);
    return container_is_of(c, &i->workspace) && part && strcmp(part, wanted) == 0 &&
           container_names(c, names);
}

static void add_container(struct incident *i, const struct spec_names *names)
{
    struct pod_state state;
    if (pod_look(&i->engine, names, &state, NULL) < 0 || !state.running)
        return;
    struct incident_session *s = add(i, names->agent, state.root);
    if (!s)
        return;
    s->container = true;
    s->names = *names;
}

static void add_proxy(struct incident *i, const struct spec_names *names)
{
    for (size_t n = 0; n < i->count; n++)
        if (strcmp(i->sessions[n].names.proxy, names->proxy) == 0)
            i->sessions[n].has_proxy = true;
}

static void find_containers(struct incident *i)
{
    CLEANUP(json_tree_free) struct cJSON *all = NULL;
    struct error err = ERROR_NONE;
    struct spec_names names;
    if (!i->has_engine)
        return;
    if (containers_list(&i->engine, &all, &err) < 0) {
        incident_failed(i, &err, "ask the Engine for its containers");
        return;
    }
    for (const struct cJSON *c = json_first(all); c; c = json_next(c))
        if (is_part(i, c, "agent", &names))
            add_container(i, &names);
    for (const struct cJSON *c = json_first(all); c; c = json_next(c))
        if (is_part(i, c, "proxy", &names))
            add_proxy(i, &names);
}

static bool keep(void *text, const char *data, size_t bytes)
{
    strbuf_add(text, data, bytes);
    return ((struct strbuf *)text)->bytes < STATUS_LIMIT;
}

static int ask_status(struct incident *i, struct cJSON **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    const char *argv[] = {"ccfs", "-w", i->workspace.path, "status", "--json", NULL};
    char said[200];
    int code = 0;
    TRY(self_run(argv, keep, &text, &code, said, err));
    if (code != EXIT_DONE)
        return error_say(err, EIO, "ccfs status ended with %d: %s", code, said);
    return json_read(strbuf_text(&text), text.bytes, out, err);
}

static struct incident_session *of_root(struct incident *i, pid_t root)
{
    for (size_t n = 0; n < i->count; n++)
        if (i->sessions[n].root == root)
            return &i->sessions[n];
    return NULL;
}

/* The containers get their numbers, the sandboxes are added. */
static void find_in_journal(struct incident *i)
{
    CLEANUP(json_tree_free) struct cJSON *status = NULL;
    struct error err = ERROR_NONE;
    if (ask_status(i, &status, &err) < 0) {
        incident_failed(i, &err, "ask for the sessions in sandboxes");
        return;
    }
    const struct cJSON *list = json_at(status, "sessions");
    for (const struct cJSON *one = json_first(list); one; one = json_next(one)) {
        const char *name = json_at_text(one, "name");
        const char *backend = json_at_text(one, "backend");
        pid_t root = (pid_t)json_at_number(one, "root_pid");
        struct incident_session *s = root > 0 ? of_root(i, root) : NULL;
        char unnamed[32];
        snprintf(unnamed, sizeof unnamed, "session %llu",
                 (unsigned long long)json_at_number(one, "id"));
        if (!s && root > 0 && backend && strcmp(backend, "sandbox") == 0)
            s = add(i, name ? name : unnamed, root);
        if (s)
            s->id = json_at_number(one, "id");
    }
}

static bool is_wanted(const struct incident *i, const struct incident_session *s)
{
    char number[32];
    size_t n = strlen(DOCKER_CONTAINER "-");
    snprintf(number, sizeof number, "%llu", (unsigned long long)s->id);
    return !i->only || strcmp(i->only, s->name) == 0 || (s->id && strcmp(i->only, number) == 0) ||
           (s->container && strlen(s->name) > n && strcmp(i->only, s->name + n) == 0);
}

static int drop_others(struct incident *i, struct error *err)
{
    size_t kept = 0;
    for (size_t n = 0; n < i->count; n++)
        if (is_wanted(i, &i->sessions[n]))
            i->sessions[kept++] = i->sessions[n];
    i->count = kept;
    if (kept || !i->only)
        return 0;
    return error_say(err, ENOENT, "no session %s runs on this workspace; see: ccfs status",
                     i->only);
}

/* ---- one of them ---- */

static int pause(const struct incident *i, const struct incident_session *s, bool hold,
                 struct error *err)
{
    struct pod_state state;
    TRY(pod_look(&i->engine, &s->names, &state, err));
    if (!state.running)
        return error_say(err, ESRCH, "it has ended");
    if (state.paused == hold)
        return 0;
    return engine_call(&i->engine, "POST", NULL, NULL, err, "/containers/%s/%s", s->names.agent,
                       hold ? "pause" : "unpause");
}

static int cut_container(const struct incident *i, const struct incident_session *s, bool cut,
                         struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf rules = STRBUF_EMPTY;
    const struct spec spec = {.names = &s->names, .workspace = &i->workspace};
    net_cut_rules(cut, &rules);
    if (rules.failed)
        return error_say(err, ENOMEM, "no memory for rules");
    return rules_load(&i->engine, &spec, &rules, err);
}

static void hold_one(struct incident *i, struct incident_session *s, bool hold)
{
    struct error err = ERROR_NONE;
    size_t processes = 0;
    int r = s->container ? pause(i, s, hold, &err)
            : hold       ? freeze_session(s->root, &processes, &err)
                         : thaw_session(s->root, &processes, &err);
    s->held = hold ? r == 0 : r < 0;
    if (r < 0)
        incident_failed(i, &err, "%s %s", hold ? "freeze" : "thaw", s->name);
}

static void cut_one(struct incident *i, struct incident_session *s, bool cut)
{
    struct error err = ERROR_NONE;
    s->has_network = s->container;
    int r = s->container ? cut_container(i, s, cut, &err)
                         : net_cut(&i->workspace, s->root, cut, &s->has_network, &err);
    s->cut = cut ? r == 0 && s->has_network : r < 0;
    if (r < 0)
        incident_failed(i, &err, "%s the network of %s", cut ? "cut" : "give back", s->name);
}

/* ---- all ---- */

/* Rule 1: what can be held is held before anybody is asked for more. */
int incident_hold(struct incident *i, struct error *err)
{
    find_containers(i);
    size_t known = i->count;
    for (size_t n = 0; n < i->count && !i->only; n++)
        hold_one(i, &i->sessions[n], true);
    find_in_journal(i);
    TRY(drop_others(i, err));
    for (size_t n = i->only ? 0 : known; n < i->count; n++)
        hold_one(i, &i->sessions[n], true);
    for (size_t n = 0; n < i->count; n++)
        cut_one(i, &i->sessions[n], true);
    return 0;
}

int incident_release(struct incident *i, struct error *err)
{
    find_containers(i);
    find_in_journal(i);
    TRY(drop_others(i, err));
    for (size_t n = 0; n < i->count; n++) {
        cut_one(i, &i->sessions[n], false);
        hold_one(i, &i->sessions[n], false);
    }
    return 0;
}

void incident_report(const struct incident *i, struct json *j)
{
    json_begin_array(j, "sessions");
    for (size_t n = 0; n < i->count; n++) {
        const struct incident_session *s = &i->sessions[n];
        json_begin_object(j, NULL);
        json_uint(j, "id", s->id);
        json_text(j, "name", s->name);
        json_text(j, "backend", s->container ? "docker" : "sandbox");
        json_int(j, "root_pid", s->root);
        json_bool(j, "frozen", s->held);
        json_bool(j, "has_network", s->has_network);
        json_bool(j, "network_cut", s->cut);
        json_end(j);
    }
    json_end(j);
    json_begin_array(j, "failures");
    for (size_t n = 0; n < i->failure_count; n++)
        json_text(j, NULL, i->failures[n]);
    json_end(j);
}
