/* socket.c - see socket.h.
 *
 * A context is a folder contexts/meta/HASH with a meta.json that says its name and its host. */
#include "launcher/docker/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/dir.h"
#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/base/text.h"
#include "launcher/cli.h"
#include "launcher/json_read.h"

#define FILE_LIMIT (256 * 1024)
#define SYSTEM_SOCKET "/var/run/docker.sock"

static const char *set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static int take(const char *path, char **out, struct error *err)
{
    *out = strdup(path);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

/* unix:///path, or a path. */
static int take_host(const char *host, const char *said_by, char **out, struct error *err)
{
    static const char scheme[] = "unix://";
    const char *path = strncmp(host, scheme, strlen(scheme)) == 0 ? host + strlen(scheme) : host;
    if (path[0] == '/')
        return take(path, out, err);
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, host, strlen(host));
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "%s says '%.200s': the Engine must be on this machine, to have the mount: "
                     "unix:///PATH",
                     said_by, strbuf_text(&safe));
}

/* ---- contexts ---- */

/* NULL: not there, too large, or no JSON. */
static struct cJSON *read_json(int folder, const char *name)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct cJSON *tree = NULL;
    char buffer[4096];
    ssize_t n = 0;
    while (fd >= 0 && text.bytes <= FILE_LIMIT && (n = read(fd, buffer, sizeof buffer)) > 0)
        strbuf_add(&text, buffer, (size_t)n);
    if (fd < 0 || n < 0 || text.failed || text.bytes > FILE_LIMIT)
        return NULL;
    return json_read(strbuf_text(&text), text.bytes, &tree, NULL) == 0 ? tree : NULL;
}

static int open_settings(void)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    const char *given = set("DOCKER_CONFIG");
    const char *home = set("HOME");
    if (given)
        strbuf_add_text(&path, given);
    else if (home)
        strbuf_add_format(&path, "%s/.docker", home);
    return path.bytes ? open(strbuf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* 1: found, and taken; 0: there is no such context. */
static int look_for(int settings, const char *name, char **out, struct error *err)
{
    int fd = openat(settings, "contexts/meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(dir_close) DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        fd_close(&fd);
        return 0;
    }
    for (const struct dirent *e = readdir(list); e; e = readdir(list)) {
        CLEANUP(strbuf_release) struct strbuf file = STRBUF_EMPTY;
        strbuf_add_format(&file, "%s/meta.json", e->d_name);
        CLEANUP(json_tree_free) struct cJSON *tree = read_json(dirfd(list), strbuf_text(&file));
        const char *called = json_at_text(tree, "Name");
        const char *host = json_at_text(tree, "Endpoints/docker/Host");
        if (!called || !host || strcmp(called, name) != 0)
            continue;
        int r = take_host(host, "the Docker context", out, err);
        return r < 0 ? r : 1;
    }
    return 0;
}

/* 1: a context is in use, and its host taken; 0: none is. */
static int from_context(char **out, struct error *err)
{
    CLEANUP(fd_close) int settings = open_settings();
    CLEANUP(json_tree_free)
    struct cJSON *config = settings < 0 ? NULL : read_json(settings, "config.json");
    const char *name = set("DOCKER_CONTEXT");
    if (!name)
        name = json_at_text(config, "currentContext");
    if (!name || strcmp(name, "default") == 0)
        return 0;
    int found = settings < 0 ? 0 : look_for(settings, name, out, err);
    if (found)
        return found;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, name, strlen(name));
    return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG),
                     "there is no Docker context '%.200s': name the socket with --docker-host",
                     strbuf_text(&safe));
}

int docker_socket_find(const char *given, char **out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf own = STRBUF_EMPTY;
    if (given)
        return take_host(given, "--docker-host", out, err);
    if (set("DOCKER_HOST"))
        return take_host(set("DOCKER_HOST"), "DOCKER_HOST", out, err);
    int found = from_context(out, err);
    if (found)
        return found < 0 ? found : 0;
    if (set("XDG_RUNTIME_DIR"))
        strbuf_add_format(&own, "%s/docker.sock", set("XDG_RUNTIME_DIR"));
    bool rootless =
        own.bytes && access(SYSTEM_SOCKET, W_OK) < 0 && access(strbuf_text(&own), W_OK) == 0;
    return take(rootless ? strbuf_text(&own) : SYSTEM_SOCKET, out, err);
}
