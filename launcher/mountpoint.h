/* mountpoint.h - where a workspace is mounted: chosen, checked, made, cleaned. */
#ifndef LAUNCHER_MOUNTPOINT_H
#define LAUNCHER_MOUNTPOINT_H

#include "launcher/workspace.h"

/* The folder that belongs to this workspace alone: /run/ccfs/UID/NAME-HASH as root,
 * $XDG_RUNTIME_DIR/ccfs/NAME-HASH or /tmp/ccfs-UID/NAME-HASH else.  Made when it is not there, on a
 * path that nobody else can change, and left there: another session may be about to mount on it.
 * *out: free(). */
MUST_USE int mountpoint_default(const struct workspace *w, char **out, struct error *err);

/* One that a person gave: made absolute; made when it is not there; an empty folder, no mountpoint,
 * neither in the workspace nor around it.  *out: free(). */
MUST_USE int mountpoint_check(const struct workspace *w, const char *given, char **out,
                              struct error *err);

/* The daemon leaves word of where it mounts, for the case that it is killed, and of whether it is
 * there for sessions only: every session that ends must know. */
struct mount_record {
    bool for_sessions;
    char path[4096]; /* "": none */
};
void mountpoint_record(const struct workspace *w, const struct mount_record *record);
void mountpoint_recorded(const struct workspace *w, struct mount_record *out);
void mountpoint_unrecord(const struct workspace *w);
/* The recorded one, when the kernel still lists it as a mount of ours.  -ENOENT: nowhere. */
MUST_USE int mountpoint_find(const struct workspace *w, char **out, struct error *err);

/* An error where anything is mounted in the workspace's own folder, a bind mount among it. */
MUST_USE int mountpoint_none_in(const struct workspace *w, struct error *err);

/* Unmounts without the daemon's help: umount2(2) where allowed, fusermount3 else. */
MUST_USE int mountpoint_detach(const char *path, bool lazy, struct error *err);

/* After a daemon died: takes its mount away where it answers nothing any more. */
void mountpoint_clean(const char *path);

#endif
