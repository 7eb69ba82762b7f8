/* cmd_incident.c - ccfs incident: hold what runs, and keep what there is to know of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/backup.h"
#include "launcher/commands.h"
#include "launcher/docker/option.h"
#include "launcher/docker/swarm.h"
#include "launcher/incident.h"

static const struct cli_verb verb = {
    .name = "incident",
    .usage = "[SESSION] [--output FILE] | --thaw [SESSION]",
    .about =
        "For the moment in which something is wrong: freezes the sessions that run, or SESSION (a "
        "number or a\n"
        "name), cuts their network, and puts a backup with the journal, logs, containers, "
        "processes, history\n"
        "and what verify says into one archive with checksums; values of secrets are taken out of "
        "all but\n"
        "the backup.  Nothing is ended: --thaw lets all go on, with its network.\n",
    .examples = "  ccfs incident\n"
                "  ccfs incident night --output /mnt/disk/night.tar.gz\n"
                "  ccfs incident --thaw\n",
    .operands_max = 1,
};

struct request {
    const char *host;
    const char *file;
    bool thaw;
    bool json;
};

struct archive {
    struct archive_file place;
    char sha256[65];
    uint64_t bytes;
    bool there;
};

/* ---- the archive ---- */

static int add_report(const struct incident *i, struct evidence *e, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    json_text(j, "workspace", i->workspace.path);
    json_int(j, "time", (int64_t)time(NULL));
    json_text(j, "ccfs", CCFS_VERSION);
    incident_report(i, j);
    TRY(json_line(j, &line, err));
    TRY(evidence_begin(e, err, "incident.json"));
    (void)evidence_feed(e, strbuf_text(&line), line.bytes); /* evidence_end() says it */
    return evidence_end(e, err);
}

/* As the workspace's owner, who we are for good from here on. */
static int add_backup(struct incident *i, struct evidence *e, const struct screen *screen,
                      struct error *err)
{
    static const struct cli_list nothing = {0};
    CLEANUP(look_close) struct look look = LOOK_NONE;
    CLEANUP(backup_result_release) struct backup_result result = {0};
    CLEANUP(fd_close) int fd = -1;
    const struct backup_wish wish = {.exclude = &nothing, .with_journal = true, .screen = screen};
    TRY(look_open(i->cli, &look, err));
    int r = backup_write(&look, &wish, e->place, &result, &fd, err);
    if (screen->terminal)
        fputs("\r\033[K", screen->out);
    TRY(r);
    TRY(evidence_add(e, "backup.tar.gz", &fd, err));
    return backup_is_whole(&result, err);
}

/* "FILE.sha256", as sha256sum -c reads it. */
static int write_sum(const struct archive *a, struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(archive_file_close) struct archive_file sum = ARCHIVE_FILE_NONE;
    char unused[65];
    uint64_t bytes = 0;
    strbuf_add_format(&line, "%s.sha256", a->place.path);
    sum.path = strbuf_take(&line);
    sum.folder = dup(a->place.folder);
    if (!sum.path || sum.folder < 0)
        return error_say(err, ENOMEM, "no memory for a checksum");
    strbuf_add_format(&line, "%s  %s\n", a->sha256, archive_file_name(&a->place));
    TRY(archive_file_nameless(&sum, &fd, err));
    int r = fd_write_all(fd, strbuf_text(&line), line.bytes);
    if (r < 0)
        return error_set(err, -r, "write the archive's checksum");
    return archive_file_finish(&sum, fd, unused, &bytes, err);
}

/* The name without what tells its kind: the folder in it. */
static void name_folder(const struct archive *a, char out[200])
{
    snprintf(out, 200, "%s", archive_file_name(&a->place));
    char *kind = strstr(out, ".tar");
    if (kind && kind != out)
        *kind = '\0';
}

static int place_archive(struct incident *i, const struct request *request, struct archive *a,
                         struct error *err)
{
    const struct archive_place place = {.path = request->file, .prefix = "claude-incident"};
    TRY(workspace_act_as_owner(&i->workspace, err));
    int r = archive_file_place(&place, &i->workspace, &a->place, err);
    workspace_act_as_self();
    return r;
}

/* Those of a swarm are asked for as a session asks for them. */
static int know_secrets(struct incident *i, struct secrets *all, struct error *err)
{
    size_t n = 0;
    TRY(secrets_load(&i->workspace, all, err));
    while (n < i->count && !i->sessions[n].container)
        n++;
    if (n == i->count)
        return 0;
    const struct spec spec = {
        .names = &i->sessions[n].names, .workspace = &i->workspace, .secrets = &i->config.secrets};
    return swarm_take_secrets(&i->engine, &spec, all, err);
}

/* Secrets that are not known could not be taken out: then there is the backup alone. */
static int collect(struct incident *i, const struct archive *a, struct evidence *e,
                   struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    struct error why = ERROR_NONE;
    bool known = know_secrets(i, &all, &why) == 0;
    TRY(evidence_open(&a->place, &all, e, err));
    if (known)
        incident_collect(i, e);
    else
        incident_failed(i, &why, "collect anything that could hold a secret");
    return 0;
}

static int finish_archive(struct incident *i, struct evidence *e, struct archive *a,
                          struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    char folder[200];
    name_folder(a, folder);
    TRY(add_report(i, e, err));
    TRY(archive_file_nameless(&a->place, &fd, err));
    TRY(evidence_pack(e, folder, &i->workspace, fd, err));
    TRY(archive_file_finish(&a->place, fd, a->sha256, &a->bytes, err));
    a->there = true;
    return write_sum(a, err);
}

static int write_archive(struct incident *i, const struct request *request, struct archive *a,
                         struct error *err)
{
    CLEANUP(evidence_close) struct evidence e = {0};
    struct screen screen = screen_of(stderr);
    struct error why = ERROR_NONE;
    TRY(place_archive(i, request, a, err));
    TRY(collect(i, a, &e, err));
    TRY(workspace_become_owner(&i->workspace, err));
    if (add_backup(i, &e, &screen, &why) < 0)
        incident_failed(i, &why, "back up the workspace");
    return finish_archive(i, &e, a, err);
}

/* ---- what is said ---- */

static void print_session(const struct incident_session *s, bool thaw)
{
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    render_name(&name, s->name);
    const char *network = !s->has_network ? "no network"
                          : s->cut        ? "network cut"
                          : thaw          ? "network as before"
                                          : "NETWORK OPEN";
    printf("%-10s  %s  %s, %s\n",
           s->held ? "frozen"
           : thaw  ? "goes on"
                   : "NOT FROZEN",
           strbuf_text(&name), s->container ? "docker" : "sandbox", network);
}

static void print_archive(const struct archive *a)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    render_name(&line, a->place.path);
    strbuf_add_text(&line, "  ");
    render_size(&line, a->bytes);
    printf("archive     %s\nsha256      %s\n", strbuf_text(&line), a->sha256);
}

static void print_end(const struct incident_session *s)
{
    if (s->container && strcmp(s->name, DOCKER_CONTAINER) == 0)
        puts("  end it      ccfs stop");
    else if (s->container)
        printf("  end it      ccfs stop --name %s\n", s->name + strlen(DOCKER_CONTAINER "-"));
    else
        printf("  end it      kill -9 %d\n", (int)s->root);
}

static void print_next(const struct incident *i, const struct archive *a)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    puts("what now:");
    if (a->there) {
        render_name(&path, a->place.path);
        printf("  look at it  tar -xzf %s\n", strbuf_text(&path));
    }
    for (size_t n = 0; n < i->count; n++)
        print_end(&i->sessions[n]);
    for (size_t n = 0; n < i->count; n++)
        if (i->sessions[n].id)
            printf("  what it did ccfs history --session %" PRIu64
                   "    take it back: ccfs undo --session %" PRIu64 "\n",
                   i->sessions[n].id, i->sessions[n].id);
    if (i->count)
        puts("  false alarm ccfs incident --thaw");
    puts("  all of it   ccfs destroy    deletes the workspace itself");
}

static int print_json(const struct incident *i, const struct archive *a, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    if (a->there) {
        json_bytes(j, "archive", a->place.path, strlen(a->place.path));
        json_text(j, "sha256", a->sha256);
        json_uint(j, "bytes", a->bytes);
    }
    incident_report(i, j);
    return json_print(j, stdout, err);
}

static int print(const struct incident *i, const struct request *request, const struct archive *a,
                 struct error *err)
{
    if (request->json)
        return print_json(i, a, err);
    for (size_t n = 0; n < i->count; n++)
        print_session(&i->sessions[n], request->thaw);
    if (i->count == 0)
        puts("no session runs");
    if (a->there)
        print_archive(a);
    if (!request->thaw)
        print_next(i, a);
    return 0;
}

static int act(struct incident *i, const struct request *request, struct archive *a,
               struct error *err)
{
    struct error why = ERROR_NONE;
    if (request->thaw)
        return incident_release(i, err);
    TRY(incident_hold(i, err));
    if (write_archive(i, request, a, &why) < 0)
        incident_failed(i, &why, "make the archive");
    return 0;
}

static void archive_close(struct archive *a)
{
    archive_file_close(&a->place);
}

static int respond(struct cli *cli, const struct request *request, struct error *err)
{
    CLEANUP(incident_close) struct incident incident = INCIDENT_NONE;
    CLEANUP(archive_close) struct archive archive = {.place = ARCHIVE_FILE_NONE};
    const char *only = cli->operand_count ? cli->operands[0] : NULL;
    TRY(incident_open(cli, only, request->host, &incident, err));
    TRY(act(&incident, request, &archive, err));
    TRY(print(&incident, request, &archive, err));
    return incident.failure_count ? EXIT_FAILED : EXIT_DONE;
}

int cmd_incident(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct request request = {0};
    const struct cli_option options[] = {
        DOCKER_HOST_OPTION(request.host),
        {"output", 'o', OPTION_TEXT, &request.file, "FILE",
         "the archive (else ~/claude-incident-YYYYMMDD-HHMMSS.tar.gz)"},
        {"thaw", 0, OPTION_FLAG, &request.thaw, NULL, "let the sessions go on, with their network"},
        {"json", 'j', OPTION_FLAG, &request.json, NULL, "the result as one JSON object"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (request.thaw && request.file)
        return cli_misuse(&verb, "--thaw writes no archive");
    int r = respond(cli, &request, &err);
    return r < 0 ? cli_fail(&err) : r;
}
