/* actor_session.c - the sessions that live; see actor_session.h.
 *
 * Nobody leaves a container's cgroup who has no right over cgroups. */
#include "journal/actor_session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* "" where root is in no container, or in the one that we are in ourselves. */
static void find_container(struct live_session *s, struct actor_texts *texts)
{
    const char *theirs = s->root > 0 ? actor_read_container(texts, s->root) : NULL;
    if (theirs)
        memcpy(s->container, theirs, sizeof s->container);
    const char *ours = theirs ? actor_read_container(texts, getpid()) : NULL;
    if (ours && strcmp(ours, s->container) == 0)
        s->container[0] = '\0';
}

int live_session_add(struct live_sessions *l, struct live_session fresh, struct actor_texts *texts)
{
    find_container(&fresh, texts);
    for (int i = 0; i < ACTOR_SESSIONS_MAX; i++) {
        if (l->list[i].id)
            continue;
        l->list[i] = fresh;
        return 0;
    }
    return -ENOSPC;
}

void live_session_remove(struct live_sessions *l, uint64_t id)
{
    for (int i = 0; i < ACTOR_SESSIONS_MAX; i++)
        if (l->list[i].id == id)
            l->list[i] = (struct live_session){0};
}

unsigned live_session_count(const struct live_sessions *l)
{
    unsigned count = 0;
    for (int i = 0; i < ACTOR_SESSIONS_MAX; i++)
        count += l->list[i].id != 0;
    return count;
}

uint64_t live_session_rooted_at(const struct live_sessions *l, pid_t pid, uint64_t ticks)
{
    for (int i = 0; i < ACTOR_SESSIONS_MAX; i++)
        if (l->list[i].id && l->list[i].root == pid && l->list[i].ticks == ticks)
            return l->list[i].id;
    return 0;
}

uint64_t live_session_in_container(const struct live_sessions *l, pid_t pid,
                                   struct actor_texts *texts)
{
    const char *container = NULL;
    for (int i = 0; i < ACTOR_SESSIONS_MAX; i++) {
        const struct live_session *s = &l->list[i];
        if (!s->id || !s->container[0])
            continue;
        if (!container)
            container = actor_read_container(texts, pid);
        if (!container)
            return 0;
        if (strcmp(container, s->container) == 0)
            return s->id;
    }
    return 0;
}

/* Its number may be another process's by now. */
static bool root_lives(const struct live_session *s)
{
    pid_t parent = 0;
    uint64_t ticks = 0;
    return s->root > 0 && actor_read_stat(s->root, &parent, &ticks) == 0 && ticks == s->ticks;
}

size_t live_session_roots(const struct live_sessions *l, struct journal_root *out, size_t limit)
{
    size_t count = 0;
    for (int i = 0; i < ACTOR_SESSIONS_MAX && count < limit; i++)
        if (l->list[i].id && root_lives(&l->list[i]))
            out[count++] = (struct journal_root){l->list[i].id, l->list[i].root};
    return count;
}
