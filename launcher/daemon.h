/* daemon.h - starts the process that serves a workspace: ccfs mount --foreground, detached. */
#ifndef LAUNCHER_DAEMON_H
#define LAUNCHER_DAEMON_H

#include "launcher/workspace.h"

struct daemon_options {
    const char *mountpoint;
    bool ends_with_sessions;
};

/* Returns once the mount answers; else with the daemon's own error and nothing left behind. */
MUST_USE int daemon_start(const struct workspace *w, const struct daemon_options *options,
                          struct error *err);

/* The same for any verb of ours that stays: argv is its words, with "--ready-fd" DAEMON_READY_FD among
 * them. */
#define DAEMON_READY_FD "3"
MUST_USE int daemon_launch(const struct workspace *w, const char **argv, struct error *err);

/* Tells whoever waits in daemon_launch() that all is there, or why this process ends.  fd: its side of the pipe. */
void daemon_tell_ready(int fd);
void daemon_tell(int fd, const struct error *err);

/* -ENOENT with a hint unless this process can mount: /dev/fuse, fusermount3. */
MUST_USE int daemon_check_fuse(struct error *err);

#endif
