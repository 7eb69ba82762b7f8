/* image.c - see image.h. */
#include "launcher/docker/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/cli.h"
#include "launcher/docker/image_files.h"
#include "launcher/docker/image_root.h"
#include "launcher/docker/progress.h"
#include "launcher/json.h"
#include "launcher/tar.h"

static const struct {
    const char *name;
    const char *tag;
} bases[] = {{"debian", "bookworm-slim"}, {"node", "22-bookworm-slim"}};

void image_client_version(char *out, size_t bytes)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    const char *version = NULL;
    for (size_t i = 0; i < image_file_count; i++)
        if (strcmp(image_files[i].name, "package.json") == 0 &&
            json_read((const char *)image_files[i].data, image_files[i].bytes, &tree, NULL) == 0)
            version = json_text_of(json_first(json_at(tree, "dependencies"))); /* the only one */
    snprintf(out, bytes, "%s", version ? version : "unknown");
}

/* ---- from a registry ---- */

/* What it says itself goes into progress, and from there into *err. */
static int follow(const struct engine *e, struct progress *p, struct http_request *request,
                  const char *path, struct error *err)
{
    struct engine_lines lines = {.line = progress_line, .context = p};
    request->method = "POST";
    request->sink = engine_lines_take;
    request->sink_context = &lines;
    int r = engine_stream(e, request, err, "%s", path);
    progress_end(p);
    strbuf_release(&lines.partial);
    TRY(error_pass(err, &p->error));
    return r;
}

static int pull(const struct engine *e, size_t base, struct error *err)
{
    char path[256];
    char what[64];
    struct progress p;
    struct http_request request = {0};
    snprintf(path, sizeof path, "/images/create?fromImage=%s&tag=%s", bases[base].name,
             bases[base].tag);
    snprintf(what, sizeof what, "pulling %s:%s", bases[base].name, bases[base].tag);
    progress_begin(&p, what, false);
    return follow(e, &p, &request, path, err);
}

/* {"io.ccfs.part":"image",…} for the query of a build. */
static int labels_json(struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(json_free) struct json *j = json_new();
    char client[64];
    image_client_version(client, sizeof client);
    json_text(j, LABEL_PART, "image");
    json_text(j, LABEL_VERSION, CCFS_VERSION);
    json_text(j, LABEL_CLAUDE, client);
    TRY(json_line(j, &text, err));
    engine_quote(out, strbuf_text(&text));
    return 0;
}

/* Where this machine reaches the world by a proxy only, so does the build; the Engine keeps these
 * out of the image. */
static int proxies_json(struct strbuf *out, struct error *err)
{
    static const char *const names[] = {"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                        "https_proxy", "NO_PROXY",   "no_proxy"};
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(json_free) struct json *j = json_new();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = getenv(names[i]);
        if (value && value[0] && strlen(value) < 256)
            json_text(j, names[i], value);
    }
    TRY(json_line(j, &text, err));
    engine_quote(out, strbuf_text(&text));
    return 0;
}

static int build_context(struct strbuf *out, struct error *err)
{
    struct tar_file files[16];
    size_t count = 0;
    for (size_t i = 0; i < image_file_count && count < COUNT_OF(files); i++)
        files[count++] =
            (struct tar_file){image_files[i].name, image_files[i].data, image_files[i].bytes};
    return tar_files(files, count, out, err);
}

static int build_by_registry(const struct engine *e, const struct image_wish *wish,
                             struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf context = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    struct progress p;
    for (size_t i = 0; i < COUNT_OF(bases); i++)
        TRY(pull(e, i, err));
    TRY(build_context(&context, err));
    strbuf_add_text(&path, "/build?forcerm=1&t=" DOCKER_IMAGE "%3A" DOCKER_IMAGE_TAG "&labels=");
    TRY(labels_json(&path, err));
    strbuf_add_text(&path, "&buildargs=");
    TRY(proxies_json(&path, err));
    struct http_request request = {
        .content_type = "application/x-tar",
        .body = strbuf_text(&context),
        .body_bytes = context.bytes,
    };
    progress_begin(&p, "building the image", wish->loud);
    return follow(e, &p, &request, strbuf_text(&path), err);
}

/* ---- without one ---- */

static void add_change(struct strbuf *path, const char *format, ...) PRINTF_LIKE(2, 3);

static void add_change(struct strbuf *path, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    strbuf_add_text(path, "&changes=");
    engine_quote(path, text);
}

/* The same as the last lines of the Dockerfile. */
static void import_path(struct strbuf *path)
{
    char client[64];
    image_client_version(client, sizeof client);
    strbuf_add_text(path, "/images/create?fromSrc=-&repo=" DOCKER_IMAGE "&tag=" DOCKER_IMAGE_TAG);
    add_change(path, "LABEL %s=image", LABEL_PART);
    add_change(path, "LABEL %s=%s", LABEL_VERSION, CCFS_VERSION);
    add_change(path, "LABEL %s=%s", LABEL_CLAUDE, client);
    add_change(path, "ENV HOME=/home/agent LANG=C.UTF-8 DISABLE_AUTOUPDATER=1");
    add_change(path, "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    add_change(path, "USER 1000:1000");
    add_change(path, "WORKDIR /workspace");
    add_change(path, "CMD [\"/bin/bash\"]");
}

static int build_by_debian(const struct engine *e, const struct image_wish *wish, struct error *err)
{
    CLEANUP(image_root_remove) struct image_root root = IMAGE_ROOT_NONE;
    CLEANUP(image_stream_close) struct image_stream stream = IMAGE_STREAM_NONE;
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    struct progress p;
    TRY(image_root_make(wish->root, &root, err));
    TRY(image_stream_open(&root, &stream, err));
    struct http_request request = {
        .content_type = "application/x-tar",
        .source = image_stream_read,
        .source_context = &stream,
    };
    import_path(&path);
    progress_begin(&p, "importing the image", false);
    TRY(follow(e, &p, &request, strbuf_text(&path), err));
    return image_stream_end(&stream, err);
}

int image_build(const struct engine *e, const struct image_wish *wish, struct error *err)
{
    if (wish->source == IMAGE_DEBIAN || wish->root)
        return build_by_debian(e, wish, err);
    int r = build_by_registry(e, wish, err);
    if (r >= 0 || wish->source == IMAGE_REGISTRY)
        return r;
    log_error(err);
    log_line("that did not work with a registry: making the image with debootstrap");
    return build_by_debian(e, wish, err);
}

/* ---- what is there ---- */

static void keep(const char *text, char *out, size_t bytes)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, text ? text : "", strnlen(text ? text : "", bytes));
    snprintf(out, bytes, "%s", strbuf_text(&safe));
}

int image_look(const struct engine *e, struct image_state *out, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *image = NULL;
    int r = engine_call(e, "GET", NULL, &image, err,
                        "/images/" DOCKER_IMAGE ":" DOCKER_IMAGE_TAG "/json");
    if (r == -ENOENT)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "the image " DOCKER_IMAGE ":" DOCKER_IMAGE_TAG
                         " is not there; first: ccfs image build");
    TRY(r);
    const struct cJSON *labels = json_at(image, "Config/Labels");
    const char *part = json_at_text(labels, LABEL_PART);
    if (!part || strcmp(part, "image") != 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT),
                         "the image " DOCKER_IMAGE ":" DOCKER_IMAGE_TAG
                         " was not made by ccfs; make ours: ccfs image build");
    keep(json_at_text(image, "Id"), out->id, sizeof out->id);
    keep(json_at_text(labels, LABEL_VERSION), out->version, sizeof out->version);
    out->current = strcmp(out->version, CCFS_VERSION) == 0;
    return 0;
}

int image_check(const struct engine *e, struct error *err)
{
    struct image_state image;
    TRY(image_look(e, &image, err));
    if (!image.current)
        log_line("the image was made by ccfs %s, this is " CCFS_VERSION
                 "; to renew it: ccfs image build",
                 image.version);
    return 0;
}

int image_list(const struct engine *e, struct cJSON **out, struct error *err)
{
    return engine_call(e, "GET", NULL, out, err,
                       "/images/json?filters=%%7B%%22label%%22%%3A%%5B%%22" LABEL_PART
                       "%%3Dimage%%22%%5D%%7D");
}

int image_remove(const struct engine *e, unsigned *count, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *list = NULL;
    *count = 0;
    TRY(image_list(e, &list, err));
    for (const struct cJSON *i = json_first(list); i; i = json_next(i)) {
        CLEANUP(strbuf_release) struct strbuf id = STRBUF_EMPTY;
        const char *said = json_at_text(i, "Id");
        if (!said)
            continue;
        engine_quote(&id, said);
        int r = engine_call(e, "DELETE", NULL, NULL, err, "/images/%s?force=1", strbuf_text(&id));
        if (r < 0 && r != -ENOENT)
            return r;
        *count += r == 0;
    }
    return 0;
}
