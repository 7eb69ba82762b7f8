/* fs.h - private to fusefs/: one served workspace, and the words that its operations share.
 *
 * Lock order: fs->gate, then a file's lock, then handles->lock, nodes->lock or the journal's own.
 * The gate is held for reading by every operation that changes something, from the look at its path to
 * its record; for writing by what changes the paths of others: a folder's rename, an undo. */
#ifndef FUSEFS_FS_H
#define FUSEFS_FS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fusefs/fusefs.h"
#include "fusefs/handle.h"
#include "fusefs/place.h"
#include "journal/journal.h"
#include "journal/retention.h"

/* Handles that the kernel has closed and whose mappings live on: mapped.h. */
struct mapped {
    pthread_mutex_t lock;
    uint64_t *numbers; /* oldest first, from `first` on */
    size_t first, count, room;
};

struct fusefs {
    const struct fusefs_options *options; /* borrowed */
    int root;                             /* the workspace, owned */
    struct journal *journal;
    struct vault *vault; /* the journal's */
    struct nodes *nodes;
    struct handles handles;
    pthread_rwlock_t gate;
    bool act_as_caller; /* what is created belongs to the caller (needs privilege) */
    uid_t uid;          /* our own */
    gid_t gid;
    int64_t copy_limit; /* bytes up to which a whole copy is kept where cloning is impossible */
    double timeout_s;   /* how long the kernel may trust names and attributes */
    int64_t since;      /* UTC ns: served since */
    atomic_bool uring;
    atomic_bool through; /* files may be passed through (passthrough.h) */
    bool may_lease;      /* also files of others: who has them mapped can be found out */
    struct mapped mapped;
    atomic_bool ending;
    pthread_mutex_t sessions_lock; /* a session begins, or the idle mount goes: not both */
    int ready_fd;                  /* -1 once it was told */
    void *session;                 /* struct fuse_session, for control.c and fusefs.c */
    struct retention *retention;   /* NULL: nothing is dropped by itself */
    struct fresh *fresh;           /* fresh.h; NULL: nothing is mounted */
    struct spares *spares;         /* spare.h; NULL: none are made */
};

/* Who asks, as the kernel says. */
struct caller {
    pid_t tid;
    uid_t uid;
    gid_t gid;
};

struct actor_ref caller_actor(struct fusefs *fs, const struct caller *caller);
/* Between the two, what this thread creates belongs to the caller. */
void caller_enter(struct fusefs *fs, const struct caller *caller);
void caller_leave(struct fusefs *fs, const struct caller *caller);
/* A write by this caller drops setuid, and setgid of what its group may run (FUSE_CAP_HANDLE_KILLPRIV_V2). */
void caller_drop_setid(int fd, uint32_t mode);
/* Can this process create for others?  Asked once, at start. */
bool caller_can_switch(void);
bool caller_has_capability(unsigned cap);

/* Records a refusal and returns -code. */
int refuse(struct fusefs *fs, const struct caller *caller, enum op op, const char *path,
           const char *path2, int code, const char *reason);
/* zone_check(); a refusal is recorded.  0 or -errno. */
int allow(struct fusefs *fs, const struct caller *caller, enum op op, const struct zone *zone,
          enum wish wish, const char *path, const char *path2);

/* A change that follows the one pattern: spec filled with who and when. */
struct change_spec spec_for(struct fusefs *fs, const struct caller *caller, enum op op,
                            const char *path);

/* CLEANUP(gate_leave) struct fusefs *in = gate_enter(fs); */
struct fusefs *gate_enter(struct fusefs *fs);
struct fusefs *gate_enter_alone(struct fusefs *fs);
void gate_leave(struct fusefs **fs);

/* The kernel's first request was answered: whoever started us may go on. */
void serve_ready(struct fusefs *fs);

/* The mediation itself failed (vault or journal): said on stderr, at most once a second. */
void complain(const struct error *err);

#endif
