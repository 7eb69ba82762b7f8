/* cmd_mount.c - ccfs mount: starts the daemon, or is it (--foreground). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fusefs/fusefs.h"
#include "journal/base/fd.h"
#include "journal/signature.h"
#include "launcher/commands.h"
#include "launcher/config.h"
#include "launcher/control_client.h"
#include "launcher/daemon.h"
#include "launcher/mountpoint.h"
#include "launcher/privilege.h"
#include "launcher/secrets_hide.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "mount",
    .usage = "[--foreground] [MOUNTPOINT]",
    .about =
        "Mounts the workspace on MOUNTPOINT, an empty folder outside it (made if it is not "
        "there);\n"
        "without one on a folder of its own, which is printed.  Returns when the mount is ready.\n",
    .examples = "  ccfs mount                     mount on a folder of its own\n"
                "  ccfs mount ~/mnt               mount on ~/mnt\n"
                "  ccfs mount --foreground ~/mnt  stay; Ctrl-C unmounts\n",
    .operands_max = 1,
};

struct mount_request {
    bool foreground;
    bool ends_with_sessions;
    uint64_t ready_fd; /* of daemon_start(): 0 none */
};

static int refuse_second(const struct workspace *w, struct error *err)
{
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    int runs = control_connect(w->root, &daemon, err);
    if (runs <= 0)
        return runs;
    TRY(control_ask(&daemon, "status", NULL, NULL, err));
    const char *where = control_value(&daemon, "mountpoint");
    return error_say(err, EBUSY, "the workspace is mounted already, on %s; first: ccfs umount",
                     where ? where : "another folder");
}

static int choose(const struct workspace *w, const char *given, char **out, struct error *err)
{
    return given ? mountpoint_check(w, given, out, err) : mountpoint_default(w, out, err);
}

/* By the workspace's owner: root must not read what they name. */
static int load_key(const struct workspace *w, const struct config *config,
                    struct signing_key **out, struct error *err)
{
    const char *path = config->journal.signing_key;
    int r = path ? signing_key_load(path, w->root, out, err) : 0;
    if (r < 0 && err)
        err->code = EXIT_AS_ERROR(EXIT_CONFIG);
    return r < 0 ? error_prefix(err, r, "journal.signing_key") : 0;
}

/* The daemon's own life. */
static int serve(const struct workspace *w, const struct mount_request *wish,
                 const char *mountpoint, struct error *err)
{
    CLEANUP(config_release) struct config config = {0};
    CLEANUP(signing_key_free) struct signing_key *key = NULL;
    CLEANUP(secrets_hide_free) struct secrets_hide *hide = NULL;
    struct zones *zones = NULL;
    TRY(config_load(w, &config, err));
    int r = zones_make(config.zones, config.zone_count, &zones, err);
    if (r < 0) {
        if (r == -EINVAL && err)
            err->code = EXIT_AS_ERROR(EXIT_CONFIG);
        return r;
    }
    /* fusefs closes the one it gets: the other is for what may still go wrong */
    struct fusefs_options options = {
        .workspace = w->path,
        .mountpoint = mountpoint,
        .zones = zones,
        .transport = config.transport,
        .passthrough = config.passthrough,
        .writes = config.writes,
        .durability = config.durability,
        .allow_other = config.allow_other || geteuid() == 0,
        .ends_with_sessions = wish->ends_with_sessions,
        .ready_fd = wish->ready_fd ? dup((int)wish->ready_fd) : -1,
    };
    signal(SIGPIPE, SIG_IGN);
    umask(0);
    fd_raise_limit();
    r = privilege_drop(w, err);
    if (r == 0)
        r = load_key(w, &config, &key, err);
    if (r == 0)
        r = secrets_hide_new(w, &hide, err);
    options.hide = secrets_hide_text;
    options.hide_context = hide;
    options.signing_key = key;
    options.retention = &config.retention;
    if (r == 0) {
        struct mount_record record = {.for_sessions = wish->ends_with_sessions};
        snprintf(record.path, sizeof record.path, "%s", mountpoint);
        mountpoint_record(w, &record);
        r = fusefs_serve(&options, err);
    }
    if (r == 0)
        mountpoint_unrecord(w);
    zones_free(&zones);
    return r;
}

static int stay(const struct workspace *w, const struct mount_request *wish, const char *given,
                struct error *err)
{
    char *mountpoint = NULL;
    int r = wish->ready_fd ? 0 : refuse_second(w, err);
    if (r == 0 && wish->ready_fd) /* checked by who started us */
        mountpoint = strdup(given);
    else if (r == 0)
        r = choose(w, given, &mountpoint, err);
    if (r == 0)
        r = daemon_check_fuse(err);
    if (r == 0)
        r = serve(w, wish, mountpoint, err);
    free(mountpoint);
    if (r < 0 && wish->ready_fd)
        daemon_tell((int)wish->ready_fd, err);
    return r;
}

static int detach(const struct workspace *w, const char *given, struct error *err)
{
    CLEANUP(config_release) struct config config = {0};
    char *mountpoint = NULL;
    char shown[512];
    TRY(config_load(w, &config, err));
    TRY(refuse_second(w, err));
    TRY(choose(w, given, &mountpoint, err));
    struct daemon_options options = {.mountpoint = mountpoint};
    int r = daemon_start(w, &options, err);
    if (r == 0) {
        workspace_show_path(w->path, shown, sizeof shown);
        printf("%s is mounted on %s\n", shown, mountpoint);
    }
    free(mountpoint);
    return r;
}

int cmd_mount(struct cli *cli, int argc, char **argv)
{
    struct error err = ERROR_NONE;
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    struct mount_request wish = {0};
    const struct cli_option options[] = {
        {"foreground", 'f', OPTION_FLAG, &wish.foreground, NULL,
         "serve in this process until interrupted"},
        {"ready-fd", 0, OPTION_NUMBER, &wish.ready_fd, "FD", NULL},
        {"ends-with-sessions", 0, OPTION_FLAG, &wish.ends_with_sessions, NULL, NULL},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    const char *given = cli->operand_count ? cli->operands[0] : NULL;
    if (wish.ready_fd && (!given || wish.ready_fd > 1024))
        return cli_misuse(&verb, "--ready-fd is for ccfs itself");
    int r = workspace_open_as_is(cli, &w, &err);
    if (r == 0)
        r = wish.foreground ? stay(&w, &wish, given, &err) : detach(&w, given, &err);
    return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
