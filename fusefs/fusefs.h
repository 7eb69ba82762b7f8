/* fusefs.h - serves a workspace as a FUSE filesystem until it is unmounted.
 *
 * The daemon is the process that calls fusefs_serve(); there is one for each workspace (its lock). */
#ifndef FUSEFS_FUSEFS_H
#define FUSEFS_FUSEFS_H

#include <stdbool.h>
#include <stddef.h>

#include "fusefs/zone.h"
#include "journal/base/error.h"
#include "journal/journal.h"

struct signing_key; /* journal/signature.h */

enum transport {
    TRANSPORT_AUTO, /* io_uring where the kernel has it on, /dev/fuse else */
    TRANSPORT_URING,
    TRANSPORT_DEV,
};

enum write_events {
    WRITES_CLOSE, /* one event of each open-to-close write session */
    WRITES_EACH,  /* one event of each write call */
};

struct fusefs_options {
    const char *workspace;  /* absolute path, borrowed while serving */
    const char *mountpoint; /* absolute path of an empty folder outside the workspace */
    const struct zones *zones;
    enum transport transport;
    enum write_events writes;
    enum durability durability;
    bool passthrough;  /* the kernel may read and write files without us, where it is safe */
    bool allow_other;  /* other users (containers) may use the mount; as root always */
    int ready_fd;      /* gets one byte '+' once the mount answers, then is closed; -1: none */
    size_t copy_limit; /* bytes: a whole copy is made up to here if cloning fails; 0: default */
    const struct signing_key *signing_key; /* of the seals, borrowed while serving; NULL: none */
    const struct gc_limits *retention; /* by which it drops by itself, borrowed; NULL: nothing */
    journal_hide *hide;                /* what the journal is not to remember; NULL: nothing */
    void *hide_context;
    bool ends_with_sessions; /* unmount when the last session ends (there was one) */
};

/* Mounts, serves, unmounts.  Ends by umount, SIGTERM, SIGINT or SIGHUP, or when the control socket says
 * so.  -EBUSY: another daemon serves this workspace, or the mountpoint is busy.  -ENODEV: no /dev/fuse,
 * -EACCES: it is not open to us.  All with a sentence that says what to do. */
MUST_USE int fusefs_serve(const struct fusefs_options *options, struct error *err);

/* The version of the library that serves: "3.18.3". */
const char *fusefs_library(void);

#endif
