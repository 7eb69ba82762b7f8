/* actor.h - private to journal/: who a thread is, and which session it belongs to.
 *
 * Threads: all calls may run at once.  Memory and descriptors are bounded: THREADS_MAX threads (one
 * descriptor each) and PROCESSES_MAX processes are remembered, the rest are looked up again. */
#ifndef JOURNAL_ACTOR_H
#define JOURNAL_ACTOR_H

#include <stdint.h>
#include <sys/types.h>

#include "journal/event.h"
#include "journal/journal.h"

struct actors;

/* Remembers a process met for the first time (or after an exec); its number, 0: it could not. */
typedef uint64_t actor_record(void *context, const struct actor *a);

struct actors *actors_new(actor_record *record, void *context); /* NULL: no memory */
void actors_free(struct actors **a);
struct actor_ref actors_find(struct actors *a, pid_t tid, uint32_t uid, uint32_t gid);

/* root and its descendants, born or not, belong to session, and where root is in a container that is
 * not ours also all else in there; root 0: nobody.  -ENOSPC: too many live. */
int actors_session_begin(struct actors *a, pid_t root, uint64_t session);
void actors_session_end(struct actors *a, uint64_t session);
unsigned actors_sessions(struct actors *a);
/* Of those that live; how many. */
size_t actors_session_roots(struct actors *a, struct journal_root *out, size_t limit);

#endif
