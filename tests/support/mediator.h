/* mediator.h - a workspace whose changes are recorded as the filesystem records them, without a
 * mount, and a look at the whole tree, for tests of undo. */
#ifndef TESTS_SUPPORT_MEDIATOR_H
#define TESTS_SUPPORT_MEDIATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/gc.h"
#include "journal/journal.h"
#include "journal/undo.h"

struct mediator {
    char path[64];
    int root;
    struct journal *journal;
    uint64_t last;     /* number of the event that was recorded last */
    unsigned how;      /* enum undo_how of the next plans */
    bool copies_names; /* one name of several goes: a copy is kept, as where no other is known */
};

enum capture {
    CAPTURE_COPY,   /* the whole old content */
    CAPTURE_BLOCKS, /* what is overwritten */
};

void mediator_open(struct mediator *m); /* a workspace of its own, empty */
void mediator_close(struct mediator *m);
void mediator_reopen(struct mediator *m); /* as a daemon that starts again */

/* Each asserts that it worked and returns its event. */
uint64_t do_create(struct mediator *m, const char *path, const char *text);
uint64_t do_mkdir(struct mediator *m, const char *path);
uint64_t do_mkfifo(struct mediator *m, const char *path);
uint64_t do_symlink(struct mediator *m, const char *target, const char *path);
uint64_t do_link(struct mediator *m, const char *old_path, const char *path);
uint64_t do_unlink(struct mediator *m, const char *path);
uint64_t do_rmdir(struct mediator *m, const char *path);
uint64_t do_rename(struct mediator *m, const char *path, const char *path2);
uint64_t do_exchange(struct mediator *m, const char *path, const char *path2);
uint64_t do_write(struct mediator *m, const char *path, int64_t offset, const char *text,
                  enum capture how);
uint64_t do_write_kept(struct mediator *m, uint64_t removal, const char *path, const char *text);
uint64_t do_truncate(struct mediator *m, const char *path, int64_t size, enum capture how);
/* To nothing, as a large file is: a new inode takes the place of the old one. */
uint64_t do_truncate_swapped(struct mediator *m, const char *path);
uint64_t do_chmod(struct mediator *m, const char *path, mode_t mode);
uint64_t do_chown(struct mediator *m, const char *path, uid_t uid, gid_t gid);
uint64_t do_utimens(struct mediator *m, const char *path, int64_t mtime);
uint64_t do_setxattr(struct mediator *m, const char *path, const char *name, const char *value);
uint64_t do_removexattr(struct mediator *m, const char *path, const char *name);

/* At a fault point, which the build must have; the journal is closed then. */
void when_gc_is_killed(struct mediator *m, const struct gc_limits *limits, const char *point);

/* tree_text() of the workspace. */
char *tree_look(const struct mediator *m);
void assert_tree(const struct mediator *m, const char *expected);

/* Takes back what was recorded from event first to last (last 0: all).  The OP_UNDO event. */
uint64_t undo_range(struct mediator *m, uint64_t first, uint64_t last);
uint64_t undo_ids(struct mediator *m, const uint64_t *ids, size_t count);
/* Takes back every step of an undo. */
uint64_t redo(struct mediator *m, uint64_t undo);
struct undo_plan *plan_ids(struct mediator *m, const uint64_t *ids, size_t count);
struct undo_plan *plan_range(struct mediator *m, uint64_t first, uint64_t last);

#endif
