/* incident_collect.c - see incident.h: what is collected, each into a file of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/docker/demux.h"
#include "launcher/incident.h"
#include "launcher/process_tree.h"
#include "launcher/self.h"

/* ---- what other verbs say ---- */

static const struct {
    const char *path;
    const char *words[4];
    int also_fine; /* an exit code that is a finding */
} verbs[] = {
    {"status.json", {"status", "--json"}, EXIT_DONE},
    {"history.jsonl", {"history", "--json"}, EXIT_DONE},
    {"verify.json", {"verify", "--json"}, EXIT_INTEGRITY},
};

static int collect_verb(const struct incident *i, struct evidence *e, size_t n, struct error *err)
{
    const char *argv[8] = {"ccfs", "-w", i->workspace.path};
    char said[200];
    int code = 0;
    for (size_t w = 0; verbs[n].words[w]; w++)
        argv[3 + w] = verbs[n].words[w];
    TRY(evidence_begin(e, err, "%s", verbs[n].path));
    TRY(self_run(argv, evidence_feed, e, &code, said, err));
    TRY(evidence_end(e, err));
    if (code == EXIT_DONE || code == verbs[n].also_fine)
        return 0;
    return error_say(err, EIO, "ccfs %s ended with %d: %s", verbs[n].words[0], code, said);
}

/* ---- what the Engine says ---- */

static int collect_answer(const struct incident *i, struct evidence *e, const char *container,
                          const char *what, const char *path, struct error *err)
{
    struct http_request request = {
        .method = "GET", .sink = evidence_feed, .sink_context = e, .timeout_ms = 60000};
    TRY(evidence_begin(e, err, "%s", path));
    TRY(engine_stream(&i->engine, &request, err, "/containers/%s/%s", container, what));
    return evidence_end(e, err);
}

static bool feed_said(void *evidence, int fd, const char *data, size_t bytes)
{
    (void)fd;
    return evidence_feed(evidence, data, bytes);
}

static int collect_logs(const struct incident *i, struct evidence *e,
                        const struct incident_session *s, struct error *err)
{
    struct demux demux = {.sink = feed_said, .context = e};
    struct http_request request = {
        .method = "GET", .sink = demux_take, .sink_context = &demux, .timeout_ms = 60000};
    TRY(evidence_begin(e, err, "%s/log.txt", s->names.agent));
    TRY(engine_stream(&i->engine, &request, err,
                      "/containers/%s/logs?stdout=1&stderr=1&timestamps=1", s->names.agent));
    return evidence_end(e, err);
}

static void collect_container(struct incident *i, struct evidence *e,
                              const struct incident_session *s)
{
    const struct {
        const char *container;
        const char *what;
        const char *file;
    } answers[] = {
        {s->names.agent, "json", "inspect.json"},
        {s->names.agent, "top?ps_args=-ww%20-eo%20pid,ppid,user,stat,etime,args", "processes.json"},
        {s->names.agent, "changes", "changes.json"},
        {s->names.holder, "json", "inspect-network.json"},
        {s->has_proxy ? s->names.proxy : NULL, "json", "inspect-proxy.json"},
    };
    for (size_t n = 0; n < COUNT_OF(answers); n++) {
        struct error err = ERROR_NONE;
        char path[160];
        if (!answers[n].container)
            continue;
        snprintf(path, sizeof path, "%s/%s", s->names.agent, answers[n].file);
        if (collect_answer(i, e, answers[n].container, answers[n].what, path, &err) < 0)
            incident_failed(i, &err, "collect %s", path);
    }
    struct error err = ERROR_NONE;
    if (collect_logs(i, e, s, &err) < 0)
        incident_failed(i, &err, "collect the log of %s", s->name);
}

/* ---- processes in a sandbox: in a container, the Engine knows which are its ---- */

static void add_link(struct json *j, pid_t pid, const char *name)
{
    char path[64];
    char target[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t n = readlink(path, target, sizeof target);
    if (n > 0)
        json_bytes(j, name, target, (size_t)n);
    else
        json_null(j, name);
}

/* A list of words, each as it was given. */
static void add_command(struct json *j, pid_t pid)
{
    char path[64];
    char text[16384];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    FILE *f = fopen(path, "re");
    size_t bytes = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        (void)fclose(f);
    json_begin_array(j, "command");
    for (size_t at = 0; at < bytes;) {
        size_t n = strnlen(text + at, bytes - at);
        json_bytes(j, NULL, text + at, n);
        at += n + 1;
    }
    json_end(j);
}

static int add_process(struct evidence *e, const struct process *p, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(json_free) struct json *j = json_new();
    const char state[] = {p->state, '\0'};
    json_int(j, "pid", p->pid);
    json_int(j, "parent", p->parent);
    json_text(j, "state", state);
    json_uint(j, "started_ticks", p->ticks);
    add_link(j, p->pid, "exe");
    add_link(j, p->pid, "cwd");
    add_command(j, p->pid);
    TRY(json_line(j, &line, err));
    (void)evidence_feed(e, strbuf_text(&line), line.bytes); /* evidence_end() says it */
    return 0;
}

static int collect_processes(struct evidence *e, const struct incident_session *s,
                             struct error *err)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    TRY(process_tree_find(s->root, &tree, err));
    TRY(evidence_begin(e, err, "session-%llu/processes.jsonl", (unsigned long long)s->id));
    for (size_t n = 0; n < tree.count; n++)
        TRY(add_process(e, &tree.list[n], err));
    return evidence_end(e, err);
}

/* ---- all ---- */

void incident_collect(struct incident *i, struct evidence *e)
{
    for (size_t n = 0; n < i->count; n++) {
        struct error err = ERROR_NONE;
        if (i->sessions[n].container)
            collect_container(i, e, &i->sessions[n]);
        else if (collect_processes(e, &i->sessions[n], &err) < 0)
            incident_failed(i, &err, "list the processes of %s", i->sessions[n].name);
    }
    for (size_t n = 0; n < COUNT_OF(verbs); n++) {
        struct error err = ERROR_NONE;
        if (collect_verb(i, e, n, &err) < 0)
            incident_failed(i, &err, "collect %s", verbs[n].path);
    }
}
