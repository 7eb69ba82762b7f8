/* scan_files.c - see scan_files.h.
 *
 * The Engine gives files of containers only, so one is made, never started, and removed. */
#include "launcher/docker/scan_files.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/docker/container.h"
#include "launcher/docker/names.h"
#include "launcher/json.h"
#include "launcher/tar.h"

#define FILE_LIMIT (32 << 20)

struct container {
    const struct engine *engine;
    char name[64];
};

static void container_remove(struct container *c)
{
    if (c->name[0])
        (void)!container_drop(c->engine, c->name, NULL);
}

void scan_packages_release(struct scan_packages *p)
{
    strbuf_release(&p->status);
}

static int make_container(const char *image, struct container *c, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    char name[sizeof c->name];
    json_text(j, "Image", image);
    json_bool(j, "NetworkDisabled", true);
    json_begin_array(j, "Cmd");
    json_text(j, NULL, "/bin/true");
    json_end(j);
    json_begin_object(j, "Labels");
    json_text(j, LABEL_PART, "scan");
    json_end(j);
    TRY(json_line(j, &body, err));
    snprintf(name, sizeof name, DOCKER_CONTAINER "-scan-%d", (int)getpid());
    TRY(engine_call(c->engine, "POST", &body, NULL, err, "/containers/create?name=%s", name));
    snprintf(c->name, sizeof c->name, "%s", name);
    return 0;
}

static bool keep(void *context, const char *data, size_t bytes)
{
    struct strbuf *archive = context;
    strbuf_add(archive, data, bytes);
    return !archive->failed && archive->bytes <= FILE_LIMIT;
}

static int read_file(const struct container *c, const char *path, struct strbuf *out,
                     struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf archive = STRBUF_EMPTY;
    struct http_request request = {
        .method = "GET", .sink = keep, .sink_context = &archive, .timeout_ms = 60 * 1000};
    TRY(engine_stream(c->engine, &request, err, "/containers/%s/archive?path=%s", c->name, path));
    if (archive.failed || archive.bytes > FILE_LIMIT)
        return error_say(err, EFBIG, "the image's %s is larger than can be right", path);
    return tar_first_file(archive.data, archive.bytes, out, err);
}

/* VERSION_CODENAME=bookworm */
static int take_release(const struct strbuf *text, char *out, size_t bytes, struct error *err)
{
    static const char key[] = "VERSION_CODENAME=";
    const char *at = strstr(strbuf_text(text), key);
    size_t n = 0;
    if (at) {
        at += sizeof key - 1;
        while (islower((unsigned char)at[n]) && n + 1 < bytes)
            n++;
    }
    if (n == 0)
        return error_say(err, EPROTO, "the image does not say which Debian it is");
    memcpy(out, at, n);
    out[n] = '\0';
    return 0;
}

int scan_packages_read(const struct engine *e, const char *image, struct scan_packages *out,
                       struct error *err)
{
    CLEANUP(container_remove) struct container c = {.engine = e};
    CLEANUP(strbuf_release) struct strbuf release = STRBUF_EMPTY;
    TRY(make_container(image, &c, err));
    TRY(read_file(&c, "/usr/lib/os-release", &release, err));
    TRY(take_release(&release, out->release, sizeof out->release, err));
    return read_file(&c, "/var/lib/dpkg/status", &out->status, err);
}
