/* actor_proc.c - what /proc says of a process; see actor_proc.h. */
#include "journal/actor_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"

/* Bytes read, NUL-terminated behind them, or -errno. */
static ssize_t proc_read(pid_t pid, const char *name, char *out, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, out, room - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return n;
}

int64_t actor_boot_time(void)
{
    int64_t seconds = 0;
    FILE *f = fopen("/proc/stat", "re");
    char line[256];
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "btime ", 6) == 0)
            seconds = strtoll(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return seconds * NS_PER_S;
}

int actor_stat_parse(const char *stat, pid_t *parent, uint64_t *ticks)
{
    const char *at = strrchr(stat, ')'); /* the name before it may hold anything */
    uint64_t field = 0;
    if (!at || at[1] != ' ' || !at[2])
        return -EBADMSG;
    at += 3; /* ") S" */
    for (int n = 4; n <= 22; n++) {
        char *end;
        field = strtoull(at, &end, 10);
        if (end == at)
            return -EBADMSG;
        at = end;
        if (n == 4)
            *parent = (pid_t)field;
    }
    *ticks = field;
    return 0;
}

int actor_read_stat(pid_t pid, pid_t *parent, uint64_t *ticks)
{
    char text[1024];
    ssize_t n = proc_read(pid, "stat", text, sizeof text);
    return n < 0 ? (int)n : actor_stat_parse(text, parent, ticks);
}

static uint32_t fourth_number(const char *at)
{
    unsigned long value = 0;
    for (int i = 0; i < 4; i++) {
        char *end;
        value = strtoul(at, &end, 10);
        at = end;
    }
    return (uint32_t)value;
}

int actor_read_status(pid_t pid, struct actor_status *out)
{
    char text[2048];
    ssize_t n = proc_read(pid, "status", text, sizeof text);
    if (n < 0)
        return (int)n;
    const char *tgid = strstr(text, "\nTgid:");
    const char *uid = strstr(text, "\nUid:");
    const char *gid = strstr(text, "\nGid:");
    if (!tgid || !uid || !gid)
        return -EBADMSG;
    out->tgid = (pid_t)strtol(tgid + 6, NULL, 10);
    out->uid = fourth_number(uid + 5);
    out->gid = fourth_number(gid + 5);
    return 0;
}

static ssize_t read_link(pid_t pid, const char *name, char *out, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t n = readlink(path, out, room - 1);
    out[n > 0 ? n : 0] = '\0';
    return n;
}

void actor_read_exe(struct actor_texts *t, pid_t pid, pid_t tid)
{
    char name[ACTOR_COMM_MAX];
    if (read_link(pid, "exe", t->exe, sizeof t->exe) > 0 ||
        read_link(tid, "exe", t->exe, sizeof t->exe) > 0)
        return;
    if (proc_read(pid, "comm", name, sizeof name) <= 0)
        return;
    name[strcspn(name, "\n")] = '\0';
    snprintf(t->exe, sizeof t->exe, "[%s]", name);
}

void actor_read_cmdline(struct actor_texts *t, pid_t pid, pid_t tid)
{
    ssize_t n = proc_read(pid, "cmdline", t->cmdline, sizeof t->cmdline);
    if (n <= 0)
        n = proc_read(tid, "cmdline", t->cmdline, sizeof t->cmdline);
    while (n > 0 && t->cmdline[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (t->cmdline[i] == '\0')
            t->cmdline[i] = ' ';
    t->cmdline[n > 0 ? n : 0] = '\0';
}

const char *actor_container(const char *cgroup, char out[65])
{
    const char *found = NULL;
    for (const char *at = cgroup; *at;) {
        size_t run = strspn(at, "0123456789abcdef");
        if (run == 64)
            found = at;
        at += run;
        at += *at != '\0';
    }
    if (!found)
        return NULL;
    memcpy(out, found, 64);
    out[64] = '\0';
    return out;
}

const char *actor_read_container(struct actor_texts *t, pid_t pid)
{
    char text[ACTOR_TEXT_MAX];
    ssize_t n = proc_read(pid, "cgroup", text, sizeof text);
    return n > 0 ? actor_container(text, t->container) : NULL;
}
