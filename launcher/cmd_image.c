/* cmd_image.c - ccfs image: what sessions in a container start from. */
#include <stdio.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/docker/image.h"
#include "launcher/docker/option.h"
#include "launcher/image_scan.h"
#include "launcher/json.h"

static const struct cli_verb verb = {
    .name = "image",
    .usage = "build|list|scan|remove [OPTION…]",
    .about =
        "The image that sessions in a container start from: Debian, the usual tools and Claude "
        "Code, in\n"
        "the version that this ccfs knows by its digest.  Where no registry answers, build "
        "makes the same\n"
        "with debootstrap and npm of this machine (as root).  scan tells what is known to be "
        "vulnerable in\n"
        "it, as trivy, grype or docker scout say, else debsecan and npm audit.\n",
    .examples = "  ccfs image build                     with a registry, else with debootstrap\n"
                "  ccfs image build --from debootstrap  without asking one\n"
                "  ccfs image list --json\n"
                "  ccfs image scan --fail-on high\n",
    .operands_min = 1,
    .operands_max = 1,
};

struct image_request {
    const char *host;
    const char *from;
    const char *root;
    struct scan_wish scan;
    enum severity level;
    bool json;
    bool verbose;
};

static int build(const struct engine *e, const struct image_request *request, struct error *err)
{
    static const char *const words[] = {"auto", "registry", "debootstrap"};
    struct image_wish wish = {.root = request->root, .loud = request->verbose};
    char client[64];
    size_t n = 0;
    while (request->from && n < COUNT_OF(words) && strcmp(words[n], request->from) != 0)
        n++;
    if (n == COUNT_OF(words))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "--from wants auto, registry or debootstrap");
    wish.source = (enum image_source)n;
    TRY(image_build(e, &wish, err));
    image_client_version(client, sizeof client);
    printf("made " DOCKER_IMAGE ":" DOCKER_IMAGE_TAG " with Claude Code %s\n", client);
    return 0;
}

/* ---- list ---- */

struct image_row {
    const char *name;
    const char *id;
    const char *version;
    const char *client;
    uint64_t bytes;
    uint64_t made;
};

static void row_of(const struct cJSON *image, struct image_row *out)
{
    const struct cJSON *labels = json_at(image, "Labels");
    const char *name = json_text_of(json_first(json_at(image, "RepoTags")));
    *out = (struct image_row){
        .name = name ? name : "(no name)",
        .id = json_at_text(image, "Id"),
        .version = json_at_text(labels, LABEL_VERSION),
        .client = json_at_text(labels, LABEL_CLAUDE),
        .bytes = json_at_number(image, "Size"),
        .made = json_at_number(image, "Created"),
    };
}

static int print_json(const struct image_row *row, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_text(j, "name", row->name);
    json_text(j, "id", row->id);
    json_text(j, "ccfs", row->version);
    json_text(j, "claude", row->client);
    json_uint(j, "bytes", row->bytes);
    json_uint(j, "made", row->made);
    return json_print(j, stdout, err);
}

static void print_row(const struct image_row *row)
{
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf rest = STRBUF_EMPTY;
    text_escape(&name, row->name, strlen(row->name));
    strbuf_add_format(&rest, "ccfs %s, Claude Code %s", row->version ? row->version : "?",
                      row->client ? row->client : "?");
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, strbuf_text(&rest), rest.bytes);
    printf("%s  %llu MB  %s\n", strbuf_text(&name), (unsigned long long)row->bytes / 1000000,
           strbuf_text(&safe));
}

static int list(const struct engine *e, const struct image_request *request, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *images = NULL;
    TRY(image_list(e, &images, err));
    for (const struct cJSON *i = json_first(images); i; i = json_next(i)) {
        struct image_row row;
        row_of(i, &row);
        if (request->json)
            TRY(print_json(&row, err));
        else
            print_row(&row);
    }
    if (!request->json && !json_first(images))
        puts("no image yet; to make one: ccfs image build");
    return 0;
}

static int scan(const struct engine *e, const struct image_request *request, struct error *err)
{
    return image_scan(e, &request->scan, request->level, request->json, err);
}

static int drop(const struct engine *e, const struct image_request *request, struct error *err)
{
    unsigned count = 0;
    (void)request;
    TRY(image_remove(e, &count, err));
    printf("removed %u image%s\n", count, count == 1 ? "" : "s");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct engine *e, const struct image_request *request, struct error *err);
} actions[] = {{"build", build}, {"list", list}, {"scan", scan}, {"remove", drop}};

/* Images are no workspace's; but where there is one, its sessions' Engine is meant. */
static int open_engine(const struct cli *cli, const char *host, struct engine *out,
                       struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    CLEANUP(config_release) struct config config = {0};
    if (!host && workspace_open_as_is(cli, &w, NULL) == 0) {
        TRY(config_load(&w, &config, err));
        host = config.container.host;
    }
    return engine_open(host, out, err);
}

static int act(const struct cli *cli, const struct image_request *request, struct error *err)
{
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    const char *name = cli->operands[0];
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        TRY(open_engine(cli, request->host, &e, err));
        return actions[i].run(&e, request, err);
    }
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "image wants build, list, scan or remove; see: ccfs image --help");
}

int cmd_image(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct image_request request = {0};
    const char *fail_on = NULL;
    const struct cli_option options[] = {
        DOCKER_HOST_OPTION(request.host),
        {"from", 0, OPTION_TEXT, &request.from, "HOW",
         "build: auto, registry or debootstrap (else auto)"},
        {"root", 0, OPTION_TEXT, &request.root, "DIR",
         "build: of a root that debootstrap made before"},
        {"fail-on", 0, OPTION_TEXT, &fail_on, "LEVEL",
         "scan: end with 1 from this on: low, medium, high or critical"},
        {"scanner", 0, OPTION_TEXT, &request.scan.scanner, "NAME",
         "scan: trivy, grype, scout, debsecan or npm"},
        {"source", 0, OPTION_TEXT, &request.scan.source, "URL",
         "scan: where debsecan gets what is known (else Debian's tracker)"},
        {"json", 0, OPTION_FLAG, &request.json, NULL, "list, scan: JSON Lines"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    request.verbose = cli->verbose;
    int r = image_scan_level(fail_on, &request.level, &err);
    if (r == 0)
        r = act(cli, &request, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
