/* pod_check.c - see pod_check.h. */
#include "launcher/docker/pod_check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/text.h"

static int refuse(const char *path, const char *why, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    text_escape(&safe, path, strlen(path));
    return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG), "container.mounts: %.300s %s",
                     strbuf_text(&safe), why);
}

static int check_one(const struct engine *e, const struct workspace *w, const char *path,
                     struct error *err)
{
    static const char *const kernels[] = {"/proc", "/sys", "/dev", "/run", "/var/run"};
    char truly[PATH_MAX];
    char socket[PATH_MAX];
    struct stat st;
    if (!realpath(path, truly) || stat(truly, &st) < 0)
        return refuse(path, "is not there", err);
    if (S_ISSOCK(st.st_mode) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return refuse(path, "is neither a file nor a folder", err);
    if (path_is_below(truly, w->path) || path_is_below(w->path, truly))
        return refuse(path, "is or holds the workspace: sessions reach it through the mount only",
                      err);
    if (realpath(e->socket, socket) && path_is_below(socket, truly))
        return refuse(path, "holds the Engine's socket, with which a container owns the machine",
                      err);
    for (size_t i = 0; i < COUNT_OF(kernels); i++)
        if (path_is_below(truly, kernels[i]) || path_is_below(kernels[i], truly))
            return refuse(path, "is or holds what the system keeps its sockets and devices in",
                          err);
    return 0;
}

int pod_check_mounts(const struct engine *e, const struct workspace *w,
                     const struct container_wish *wish, struct error *err)
{
    for (size_t i = 0; i < wish->mount_count; i++)
        TRY(check_one(e, w, wish->mounts[i].from, err));
    return 0;
}

int pod_check_user(const struct container_wish *wish, struct error *err)
{
    for (size_t i = 0; i < wish->capability_count; i++)
        if (strcmp(wish->capabilities[i], "SETUID") == 0)
            return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG),
                             "container.capabilities: with SETUID a session could pass for its "
                             "proxy: not with an allowlist");
    return 0;
}

int pod_check_profiles(const struct engine *e, const struct container_wish *wish, struct error *err)
{
    const struct {
        const char *key;
        const char *value;
        bool there;
        const char *what;
    } rows[] = {{"apparmor", wish->apparmor, e->apparmor, "AppArmor"},
                {"selinux", wish->selinux, e->selinux, "SELinux"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].value && !rows[i].there)
            return error_say(
                err, EXIT_AS_ERROR(EXIT_MISSING),
                "container.%s: this Engine confines nothing by %s: switch it on there, "
                "or take the key away",
                rows[i].key, rows[i].what);
    return 0;
}
