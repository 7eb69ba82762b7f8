/* actor_proc.h - private to journal/: what /proc says of a process.
 *
 * All of it may be chosen by who is looked at, or be gone when it is read: every length is bounded,
 * and what cannot be read is an error or an empty text.
 * Errors: 0 (or the bytes read) or -errno. */
#ifndef JOURNAL_ACTOR_PROC_H
#define JOURNAL_ACTOR_PROC_H

#include <stdint.h>
#include <sys/types.h>

#define ACTOR_TEXT_MAX 4096
#define ACTOR_COMM_MAX 32
#define ACTOR_CONTAINER_MAX 65

/* When the system was started: UTC ns. */
int64_t actor_boot_time(void);

/* Parent and start (clock ticks since boot), of a process and in a text of /proc/PID/stat. */
int actor_read_stat(pid_t pid, pid_t *parent, uint64_t *ticks);
int actor_stat_parse(const char *stat, pid_t *parent, uint64_t *ticks);

struct actor_status {
    pid_t tgid;
    uint32_t uid; /* the one that files are opened with */
    uint32_t gid;
};
int actor_read_status(pid_t pid, struct actor_status *out);

struct actor_texts {
    char exe[ACTOR_TEXT_MAX];
    char cmdline[ACTOR_TEXT_MAX];
    char container[ACTOR_CONTAINER_MAX];
};
/* tid: a living thread of it; the first one may be gone, and takes the answer along.  A kernel
 * thread, or one that is not ours to see, has only a name, which it may have chosen itself: in
 * brackets, so that it passes for no program. */
void actor_read_exe(struct actor_texts *t, pid_t pid, pid_t tid);
void actor_read_cmdline(struct actor_texts *t, pid_t pid, pid_t tid);
/* In t, NULL: it is in none. */
const char *actor_read_container(struct actor_texts *t, pid_t pid);
/* In a text of /proc/PID/cgroup, the last run of exactly 64 hex digits: docker-N.scope,
 * cri-containerd-N.scope, /docker/N …; NULL: none. */
const char *actor_container(const char *cgroup, char out[ACTOR_CONTAINER_MAX]);

#endif
