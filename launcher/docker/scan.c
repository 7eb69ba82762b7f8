/* scan.c - see scan.h. */
#include "launcher/docker/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/capture.h"
#include "launcher/cli.h"
#include "launcher/docker/image.h"
#include "launcher/docker/image_files.h"
#include "launcher/docker/scan_files.h"
#include "launcher/docker/scan_parse.h"
#include "launcher/program.h"
#include "launcher/scratch.h"

#define IMAGE DOCKER_IMAGE ":" DOCKER_IMAGE_TAG
#define OUTPUT_LIMIT (128 << 20)
#define PATIENCE_MS (15 * 60 * 1000) /* the first time they fetch what is known */
#define ENVIRONMENT_LIMIT 1024
#define WORDS 12

struct scan {
    const struct engine *engine;
    const struct scan_wish *wish;
    const char *id; /* of the image */
    char program[4096];
    char docker_host[4200];
    const char *environment[ENVIRONMENT_LIMIT + 2]; /* ours, but with this Engine */
    struct scan_report *report;
};

struct scanner {
    const char *name;
    const char *program;
    const char *words[WORDS]; /* behind the program; NULL-terminated */
    int (*run)(struct scan *s, const struct scanner *self, struct error *err);
    scan_parser *parse;
    bool reports_by_status; /* it ends with 1 when it finds something */
};

/* ---- asking ---- */

/* These are the user's own programs: they get the user's environment (a proxy, where they keep what
 * they fetched). */
static void make_environment(struct scan *s)
{
    size_t count = 0;
    for (char **at = environ; at && *at && count < ENVIRONMENT_LIMIT; at++)
        if (strncmp(*at, "DOCKER_HOST=", 12) != 0 && strncmp(*at, "DOCKER_CONTEXT=", 15) != 0)
            s->environment[count++] = *at;
    snprintf(s->docker_host, sizeof s->docker_host, "DOCKER_HOST=unix://%s", s->engine->socket);
    s->environment[count] = s->docker_host;
}

static int ask(struct scan *s, const struct scanner *self, const char *const *argv, int folder,
               struct error *err)
{
    const struct capture_wish wish = {.argv = argv,
                                      .environment = s->environment,
                                      .folder = folder,
                                      .most = OUTPUT_LIMIT,
                                      .patience_ms = PATIENCE_MS};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    TRY(capture_run(&wish, &said, err));
    if (said.status != 0 && !(self->reports_by_status && said.output.bytes))
        return error_say(err, EIO, "%s failed: %s", self->name,
                         said.said[0] ? said.said : "it does not say why");
    return self->parse(strbuf_text(&said.output), said.output.bytes, self->name, s->report, err);
}

static int run_simply(struct scan *s, const struct scanner *self, struct error *err)
{
    const char *argv[WORDS + 2] = {s->program};
    for (size_t i = 0; i < WORDS && self->words[i]; i++)
        argv[i + 1] = self->words[i];
    return ask(s, self, argv, -1, err);
}

/* ---- debsecan: over the packages that the image lists ---- */

static int run_debsecan(struct scan *s, const struct scanner *self, struct error *err)
{
    CLEANUP(scan_packages_release) struct scan_packages packages = {.release = ""};
    CLEANUP(fd_close) int file = memfd_create("status", 0); /* it reads it by its path */
    char path[64];
    TRY(scan_packages_read(s->engine, s->id, &packages, err));
    int r = file < 0 ? -errno : fd_write_all(file, packages.status.data, packages.status.bytes);
    if (r < 0)
        return error_set(err, -r, "keep the image's list of packages");
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), file);
    const char *argv[] = {s->program, "--status", path, "--suite", packages.release,
                          "--format", "summary",  NULL, NULL,      NULL};
    if (s->wish->source) {
        argv[7] = "--source";
        argv[8] = s->wish->source;
    }
    return ask(s, self, argv, -1, err);
}

/* ---- npm audit: over the lock that the image was made by ---- */

static int write_lock(const struct scratch *folder, struct error *err)
{
    for (size_t i = 0; i < image_file_count; i++)
        if (strncmp(image_files[i].name, "package", 7) == 0 && strstr(image_files[i].name, ".json"))
            TRY(scratch_write(folder, image_files[i].name, image_files[i].data,
                              image_files[i].bytes, err));
    return 0;
}

static int run_npm(struct scan *s, const struct scanner *self, struct error *err)
{
    CLEANUP(scratch_remove) struct scratch folder = SCRATCH_NONE;
    const char *const argv[] = {s->program, "audit", "--json", "--package-lock-only", NULL};
    TRY(scratch_make(&folder, err));
    TRY(write_lock(&folder, err));
    return ask(s, self, argv, folder.fd, err);
}

/* ---- which ---- */

/* Of these the first that answers. */
static const struct scanner whole[] = {
    {"trivy",
     "trivy",
     {"image", "--quiet", "--format", "json", "--scanners", "vuln", IMAGE},
     run_simply,
     scan_parse_trivy,
     false},
    {"grype",
     "grype",
     {"--quiet", "--output", "json", "docker:" IMAGE},
     run_simply,
     scan_parse_grype,
     false},
    {"scout",
     "docker",
     {"scout", "cves", "--format", "sarif", "local://" IMAGE},
     run_simply,
     scan_parse_sarif,
     false},
};
/* Where none does, all of these. */
static const struct scanner parts[] = {
    {"debsecan", "debsecan", {NULL}, run_debsecan, scan_parse_debsecan, false},
    {"npm", "npm", {NULL}, run_npm, scan_parse_npm, true},
};

/* docker is there for other reasons: whether scout is, only docker knows. */
static bool is_there(struct scan *s, const struct scanner *self)
{
    s->program[0] = '\0';
    if (!program_find(self->program, s->program, sizeof s->program)) {
        s->program[0] = '\0';
        return false;
    }
    if (strcmp(self->name, "scout") != 0)
        return true;
    const char *const argv[] = {s->program, "scout", "version", NULL};
    const struct capture_wish wish = {.argv = argv,
                                      .environment = s->environment,
                                      .folder = -1,
                                      .most = 1 << 20,
                                      .patience_ms = 20 * 1000};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    return capture_done(&wish, &said, NULL) == 0;
}

static bool is_wished(const struct scan *s, const struct scanner *self)
{
    return !s->wish->scanner || strcmp(s->wish->scanner, self->name) == 0;
}

/* false: it is not there, or failed, which a line then says. */
static bool try_scanner(struct scan *s, const struct scanner *self)
{
    struct error err = ERROR_NONE;
    size_t before = s->report->count;
    if (!is_wished(s, self) || !is_there(s, self))
        return false;
    s->report->asked++;
    if (self->run(s, self, &err) >= 0)
        return true;
    log_line("%s could not look: %s", self->name, err.message);
    s->report->failed++;
    scan_report_cut(s->report, before);
    return false;
}

/* What the whole ones could not do is done, as far as these are there. */
static void ask_parts(struct scan *s)
{
    unsigned before = s->report->asked;
    unsigned failed = s->report->failed;
    unsigned absent = 0;
    s->report->failed = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (is_wished(s, &parts[i]) && !try_scanner(s, &parts[i]) && !s->program[0])
            absent++;
    if (s->report->asked == before)
        s->report->failed = failed;
    else if (absent)
        log_line("debsecan looks at Debian's packages and npm at Claude Code's: one of them is not "
                 "here, so only a part was looked at");
    s->report->failed += absent;
}

static int check_wish(const struct scan_wish *wish, struct error *err)
{
    bool known = !wish->scanner;
    for (size_t i = 0; i < COUNT_OF(whole); i++)
        known = known || strcmp(whole[i].name, wish->scanner) == 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        known = known || strcmp(parts[i].name, wish->scanner) == 0;
    return known ? 0
                 : error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                             "--scanner wants trivy, grype, scout, debsecan or npm");
}

static int compare(const void *a, const void *b)
{
    const struct scan_finding *one = a;
    const struct scan_finding *other = b;
    if (one->severity != other->severity)
        return one->severity < other->severity ? 1 : -1;
    return strcmp(one->id, other->id);
}

int scan_image(const struct engine *e, const struct scan_wish *wish, struct scan_report *out,
               struct error *err)
{
    struct image_state image;
    struct scan s = {.engine = e, .wish = wish, .report = out};
    bool answered = false;
    TRY(check_wish(wish, err));
    TRY(image_look(e, &image, err));
    s.id = image.id;
    make_environment(&s);
    for (size_t i = 0; i < COUNT_OF(whole) && !answered; i++)
        answered = try_scanner(&s, &whole[i]);
    if (answered)
        out->failed = 0; /* what another one could not do was done */
    else
        ask_parts(&s);
    if (out->asked == 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "there is no scanner here; install trivy, grype or docker scout, or as "
                         "root: apt-get install debsecan");
    if (out->count)
        qsort(out->findings, out->count, sizeof *out->findings, compare);
    return 0;
}
