/* actor_session.h - private to journal/: the sessions that live, and what roots them.
 *
 * A session has a process whose descendants belong to it and, where that is in a container that is
 * not ours, all else in there: what an engine starts in it has the engine for a parent.
 * Threads: the caller's lock. */
#ifndef JOURNAL_ACTOR_SESSION_H
#define JOURNAL_ACTOR_SESSION_H

#include <stdint.h>
#include <sys/types.h>

#include "journal/actor_proc.h"
#include "journal/journal.h"

#define ACTOR_SESSIONS_MAX 64

struct live_session {
    uint64_t id; /* 0: free */
    pid_t root;
    uint64_t ticks;
    char container[ACTOR_CONTAINER_MAX]; /* root's own one, which is not ours; "": none */
};

struct live_sessions {
    struct live_session list[ACTOR_SESSIONS_MAX];
};

/* texts: for what is read meanwhile.  -ENOSPC: too many live. */
int live_session_add(struct live_sessions *l, struct live_session fresh, struct actor_texts *texts);
void live_session_remove(struct live_sessions *l, uint64_t id);
unsigned live_session_count(const struct live_sessions *l);
/* Those whose root lives; how many. */
size_t live_session_roots(const struct live_sessions *l, struct journal_root *out, size_t limit);

/* 0: none. */
uint64_t live_session_rooted_at(const struct live_sessions *l, pid_t pid, uint64_t ticks);
uint64_t live_session_in_container(const struct live_sessions *l, pid_t pid,
                                   struct actor_texts *texts);

#endif
