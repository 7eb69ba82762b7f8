/* fusefs.c - a workspace is mounted, served, unmounted.
 *
 * Start: lock and recover the journal, finish cut-off undos, mount, answer.  End: by umount, by a signal
 * or by the control socket; whatever handles are still open are recorded before the journal closes.
 * The lock order stands in fs.h. */
#include "fusefs/fusefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "fusefs/control.h"
#include "fusefs/data.h"
#include "fusefs/fresh.h"
#include "fusefs/mapped.h"
#include "fusefs/ops.h"
#include "fusefs/passthrough.h"
#include "fusefs/spare.h"
#include "fusefs/unmount.h"
#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/undo.h"

#define COPY_LIMIT 65536
#define TIMEOUT_S 1.0 /* a change that the host's user makes is seen within it */

/* ---- start ---------------------------------------------------------------------------------------- */

/* One that cannot be finished, for lack of room say, must not keep the workspace from being used: the next
 * undo says that it waits. */
static void finish_undo(struct fusefs *fs)
{
    unsigned finished = 0;
    struct error err = ERROR_NONE;
    if (undo_resume(fs->journal, fs->root, &finished, &err) < 0)
        log_line("an undo is still unfinished: %s", err.message);
    if (finished)
        log_line("finished %u undo that had been cut off", finished);
}

static int open_journal(struct fusefs *fs, struct error *err)
{
    TRY(journal_open(fs->root, &fs->journal, err));
    fs->vault = journal_vault(fs->journal);
    journal_set_durability(fs->journal, fs->options->durability);
    journal_set_hide(fs->journal, fs->options->hide, fs->options->hide_context);
    finish_undo(fs);
    return journal_keep_proof(fs->journal, fs->options->signing_key, err);
}

static int open_all(struct fusefs *fs, struct error *err)
{
    fs->root = open(fs->options->workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fs->root < 0)
        return error_set(err, errno, "%s", fs->options->workspace);
    TRY(open_journal(fs, err));
    uint64_t limit = fd_raise_limit();
    fs->through = passthrough_is_possible(fs);
    return nodes_make(fs->root, fs->options->zones, fs->vault, limit / 4, &fs->nodes, err);
}

static void close_all(struct fusefs *fs)
{
    for (uint64_t i = 1; i < fs->handles.count; i++)
        if (fs->handles.slots[i])
            data_drop(fs, i); /* of processes that outlived the mount */
    nodes_free(&fs->nodes);
    mapped_free(&fs->mapped);
    handles_end(&fs->handles);
    journal_close(&fs->journal);
    fd_close(&fs->root);
    pthread_rwlock_destroy(&fs->gate);
    pthread_mutex_destroy(&fs->sessions_lock);
}

static int check_device(struct error *err)
{
    CLEANUP(fd_close) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return 0;
    if (errno == EACCES || errno == EPERM)
        return error_say(err, EACCES,
                         "/dev/fuse is not open to you; let root do: chmod 0666 /dev/fuse");
    return error_say(err, ENODEV, "no /dev/fuse on this system; let root do: modprobe fuse");
}

static bool kernel_has_uring(void)
{
    char value = 'N';
    CLEANUP(fd_close)
    int fd = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &value, 1) == 1 && (value == 'Y' || value == '1');
}

static int choose_transport(const struct fusefs_options *options, bool *uring, struct error *err)
{
    bool on = kernel_has_uring();
    if (options->transport == TRANSPORT_URING && !on)
        return error_say(err, EOPNOTSUPP,
                         "FUSE over io_uring is off in this kernel; let root do: "
                         "echo Y > /sys/module/fuse/parameters/enable_uring");
    *uring = on && options->transport != TRANSPORT_DEV;
    return 0;
}

static struct fuse_session *session_new(struct fusefs *fs, bool uring)
{
    char options[256];
    snprintf(
        options, sizeof options, "default_permissions,nosuid,nodev,fsname=ccfs,subtype=ccfs%s%s",
        fs->options->allow_other || fs->uid == 0 ? ",allow_other" : "", uring ? ",io_uring" : "");
    char *argv[] = {(char[]){"ccfs"}, (char[]){"-o"}, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    struct fuse_session *session = fuse_session_new(&args, &ops_table, sizeof ops_table, fs);
    fuse_opt_free_args(&args);
    return session;
}

/* ---- serving ------------------------------------------------------------------------------------------ */

static void note_service(struct fusefs *fs, enum op op)
{
    const struct caller self = {.tid = getpid(), .uid = fs->uid, .gid = fs->gid};
    struct change_spec spec = spec_for(fs, &self, op, "");
    journal_note(fs->journal, &spec, OUTCOME_OK, 0, NULL);
}

void serve_ready(struct fusefs *fs)
{
    if (fs->ready_fd >= 0)
        (void)!fd_write_all(fs->ready_fd, "+", 1);
    fd_close(&fs->ready_fd);
}

static int loop(struct fusefs *fs, struct error *err)
{
    struct control *control = NULL;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (!config)
        return error_set(err, ENOMEM, "threads");
    fuse_loop_cfg_set_max_threads(config, 16);
    fuse_loop_cfg_set_clone_fd(config, 0);
    int r = control_start(fs, &control, err);
    if (r == 0)
        r = fresh_start(fs, &fs->fresh, err);
    if (r == 0)
        r = spares_start(fs, &fs->spares, err);
    if (r == 0 && fs->options->retention)
        r = retention_start(fs->journal, fs->options->retention, &fs->retention, err);
    if (r == 0) {
        note_service(fs, OP_MOUNT);
        int code = fuse_session_loop_mt(fs->session, config);
        if (code < 0 && code != -ECONNABORTED) /* that is how an unmount under load may look */
            r = error_set(err, -code, "serving %s", fs->options->mountpoint);
        data_settle_all(fs, SETTLE_END);
        note_service(fs, OP_UMOUNT);
    }
    fuse_loop_cfg_destroy(config);
    fresh_stop(&fs->fresh);
    control_stop(&control);
    retention_stop(&fs->retention);
    spares_stop(&fs->spares);
    return r;
}

static int mount_and_serve(struct fusefs *fs, struct error *err)
{
    bool uring = false;
    TRY(choose_transport(fs->options, &uring, err));
    struct fuse_session *session = session_new(fs, uring);
    if (!session)
        return error_say(err, EINVAL, "libfuse refused the session");
    fs->session = session;
    int r = 0;
    if (fuse_set_signal_handlers(session) != 0)
        r = error_say(err, EINVAL, "signal handlers");
    else if (fuse_session_mount(session, fs->options->mountpoint) != 0)
        r = error_say(
            err, EIO, "%s could not be mounted; is fusermount3 installed (package fuse3)%s?",
            fs->options->mountpoint,
            fs->options->allow_other && fs->uid != 0 ? " and user_allow_other set in /etc/fuse.conf"
                                                     : "");
    if (r == 0) {
        r = loop(fs, err);
        if (!atomic_exchange(&fs->ending, true))
            unmount_folder(fs->options->mountpoint, true);
        /* fuse_session_unmount() would try once more, and complain. */
    }
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    return r;
}

int fusefs_serve(const struct fusefs_options *options, struct error *err)
{
    struct fusefs fs = {
        .options = options,
        .root = -1,
        .uid = getuid(),
        .gid = getgid(),
        .copy_limit = options->copy_limit ? (int64_t)options->copy_limit : COPY_LIMIT,
        .timeout_s = TIMEOUT_S,
        .since = clock_now_ns(),
        .ready_fd = options->ready_fd,
    };
    pthread_rwlockattr_t prefer;
    pthread_rwlockattr_init(&prefer);
    pthread_rwlockattr_setkind_np(&prefer, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&fs.gate, &prefer); /* an undo must not starve under load */
    pthread_rwlockattr_destroy(&prefer);
    pthread_mutex_init(&fs.sessions_lock, NULL);
    pthread_mutex_init(&fs.mapped.lock, NULL);
    handles_init(&fs.handles);
    fs.may_lease = caller_has_capability(CAP_LEASE);
    signal(SIGIO, SIG_IGN); /* somebody opens a file whose mappings we are looking for (mapped.c) */
    fs.act_as_caller = caller_can_switch();
    umask(0);
    int r = check_device(err);
    if (r == 0)
        r = open_all(&fs, err);
    if (r == 0)
        r = mount_and_serve(&fs, err);
    close_all(&fs);
    fd_close(&fs.ready_fd);
    return r;
}

const char *fusefs_library(void)
{
    return fuse_pkgversion();
}
