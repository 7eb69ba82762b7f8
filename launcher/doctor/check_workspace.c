/* check_workspace.c - is there a workspace, is it as init made it, and has it room? */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "launcher/control_client.h"
#include "launcher/doctor/checks.h"
#include "launcher/doctor/fix.h"
#include "launcher/mountpoint.h"
#include "launcher/render.h"

#define ROOM_LEAST (UINT64_C(200) << 20) /* below, the next large write may fail */
#define ROOM_ENOUGH (UINT64_C(2) << 30)

void check_workspace(struct doctor *d)
{
    struct error err = ERROR_NONE;
    char shown[512];
    if (workspace_open_as_is(d->cli, &d->workspace, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    d->has |= NEEDS_WORKSPACE;
    workspace_show_path(d->workspace.path, shown, sizeof shown);
    doctor_say(d, VERDICT_OK, "the workspace is %s", shown);
}

void check_config(struct doctor *d)
{
    struct error err = ERROR_NONE;
    if (config_load(&d->workspace, &d->config, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    d->has |= NEEDS_CONFIG;
    doctor_say(d, VERDICT_OK, "the configuration is understood");
}

/* ---- folders ---- */

/* false: a finding was said. */
static bool check_folder(struct doctor *d, const char *name, mode_t wanted)
{
    struct stat st;
    if (fstatat(d->workspace.root, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        doctor_say_fix(d, VERDICT_WARN, "ccfs init", "the folder %s is gone", name);
    } else if (!S_ISDIR(st.st_mode)) {
        doctor_say_fix(d, VERDICT_FAIL, "rename it, then: ccfs init", "%s is no folder", name);
    } else if (st.st_uid != d->workspace.owner) {
        doctor_say_fix(d, VERDICT_WARN, "as root: chown it to the owner of the workspace",
                       "%s belongs to user %u, the workspace to user %u", name, st.st_uid,
                       d->workspace.owner);
    } else if ((st.st_mode & 0777) != wanted) {
        bool open = (st.st_mode & 0777 & ~wanted & 022) || (wanted == 0700 && (st.st_mode & 077));
        doctor_say(d, open ? VERDICT_FAIL : VERDICT_WARN, "%s has mode %03o, not %03o%s", name,
                   st.st_mode & 0777, wanted, open ? ": it is open to other users" : "");
    } else {
        return true;
    }
    return false;
}

void check_folders(struct doctor *d)
{
    const char *name = NULL;
    mode_t mode = 0;
    bool sound = true;
    for (size_t i = 0; made_folder(i, &name, &mode); i++)
        sound = check_folder(d, name, mode) && sound;
    if (sound)
        doctor_say(d, VERDICT_OK, "the workspace's folders have their modes");
}

/* ---- the mount ---- */

static void free_text(char **text)
{
    free(*text);
}

static void say_mounted(struct doctor *d, struct control *daemon)
{
    CLEANUP(strbuf_release) struct strbuf where = STRBUF_EMPTY;
    struct error err = ERROR_NONE;
    if (control_ask(daemon, "status", NULL, NULL, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    render_name(&where, control_value(daemon, "mountpoint"));
    doctor_say(d, VERDICT_OK, "mounted on %s, by process %llu", strbuf_text(&where),
               (unsigned long long)control_number(daemon, "pid"));
}

void check_mount(struct doctor *d)
{
    struct error err = ERROR_NONE;
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    CLEANUP(free_text) char *mountpoint = NULL;
    int runs = control_connect(d->workspace.root, &daemon, &err);
    if (runs < 0)
        doctor_say_error(d, VERDICT_FAIL, &err);
    else if (runs)
        say_mounted(d, &daemon);
    else if (mountpoint_find(&d->workspace, &mountpoint, NULL) == 0)
        doctor_say(d, VERDICT_FAIL, "the mount is dead: its daemon was killed");
    else
        doctor_say(d, VERDICT_OK, "not mounted, and nothing is left of a mount");
}

/* ---- room ---- */

void check_room(struct doctor *d)
{
    struct statvfs fs;
    CLEANUP(strbuf_release) struct strbuf left = STRBUF_EMPTY;
    if (fstatvfs(d->workspace.root, &fs) < 0 || fs.f_blocks == 0) { /* as FUSE and others may */
        doctor_say_fix(d, VERDICT_WARN, NULL,
                       "the workspace's filesystem does not say how much room it has");
        return;
    }
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    render_size(&left, room);
    if (room < ROOM_LEAST)
        doctor_say(d, VERDICT_FAIL, "%s left on the disk: what cannot be kept cannot be changed",
                   strbuf_text(&left));
    else if (fs.f_files && fs.f_favail < 1000)
        doctor_say(d, VERDICT_FAIL, "%llu files can still be made on that disk",
                   (unsigned long long)fs.f_favail);
    else
        doctor_say(d, room < ROOM_ENOUGH ? VERDICT_WARN : VERDICT_OK, "%s left on the disk",
                   strbuf_text(&left));
}
