/* mount.h - a workspace of a test's own, served by a real daemon on a real mount.
 *
 * The daemon is a child that calls fusefs_serve(), so that sanitizers see it and its exit code
 * tells; it dies with the test.  The test itself stays without threads: a forked child may then
 * have some.
 *
 *     base/ws     the workspace: rw ro wo hidden setid wolist rw/locked, a zone of that mode each
 *     base/mnt    where it is mounted
 *     base/plain  an ordinary folder of the same filesystem, to compare with */
#ifndef TESTS_SUPPORT_MOUNT_H
#define TESTS_SUPPORT_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "fusefs/fusefs.h"
#include "journal/base/arena.h"
#include "journal/event.h"
#include "tests/support/test.h"

struct mount {
    char base[128];
    char raw[160];
    char at[160];
    char plain[160];
    int root;     /* of raw */
    pid_t daemon; /* 0: none runs */
    struct zones *zones;
    struct fusefs_options options; /* may be changed until it is started */
    uid_t user;                    /* of the daemon; 0: as the test itself.  See mount_give_to() */
    unsigned descriptors;          /* the most that the daemon may have; 0: as the test itself */
};

/* Can a FUSE mount be made here?  Says why not; a group setup that returns it skips visibly. */
bool mount_is_possible(void);

struct mount *mount_make(const char *parent); /* NULL: $TMPDIR; not started */
/* root's test, but the workspace and the daemon are a normal user's.  Before it is started. */
void mount_give_to(struct mount *m, uid_t user);
void mount_start(struct mount *m);
/* 0, or what the daemon ended with before it was ready: -errno. */
int mount_try(struct mount *m);
/* By the control socket; the daemon must end with 0 and nothing stay mounted. */
void mount_stop(struct mount *m);
/* Waits for the daemon; returns its wait status. */
int mount_wait(struct mount *m);
/* Takes away what a killed daemon left. */
void mount_clear(struct mount *m);
bool mount_is_there(const struct mount *m);
/* Ends what runs and removes everything; *m becomes NULL. */
void mount_remove(struct mount **m);

/* Fixture halves: *state is the mount. */
int given_mount(void **state);
int given_mount_over_dev(void **state);
int given_mount_over_uring(void **state);
int given_unmounted(void **state); /* not started */
int end_of_mount(void **state);
/* Can it be used here?  Says why not. */
bool transport_is_here(enum transport transport);

/* base is raw, at or plain; the path is valid until the eighth next call. */
const char *path_in(const char *base, const char *name);

/* One request on the control socket; the last line of the reply, yours (free()). */
char *mount_ask(struct mount *m, const char *request);
/* The same on a connection of one's own, which is to be closed. */
int mount_connect(struct mount *m);
char *mount_ask_on(int control, const char *request);
void mount_drain(struct mount *m);

/* ---- what the journal holds ---------------------------------------------------------------------
 */

struct seen {
    struct arena arena;
    struct event *list; /* oldest first; its texts are the arena's */
    size_t count;
    size_t room;
    struct seen *older; /* private */
};
/* All events with a higher number than `after`, the daemon's newest too; seen_free() it. */
struct seen *mount_events(struct mount *m, uint64_t after);
/* The same when no write session is open any more: releases come a moment after close(). */
struct seen *mount_events_ended(struct mount *m, uint64_t after);
void seen_free(struct seen **s);
uint64_t mount_last_event(struct mount *m);
/* The newest of that operation on that path; NULL: none. */
const struct event *seen_find(const struct seen *s, enum op op, const char *path);
size_t seen_count(const struct seen *s, enum op op, const char *path);

/* The bytes that a version gives back, whichever way they are kept; present: what the file holds
 * now. Yours (free()). */
char *version_bytes(struct mount *m, const struct event *e, const char *present, size_t *bytes);

/* Same names, kinds, modes, owners, sizes, times and contents in both trees. */
void assert_same_trees(const char *left, const char *right);

void sleep_ms(int ms);

#endif
