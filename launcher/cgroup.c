/* cgroup.c - see cgroup.h.
 *
 * v2: one tree at /sys/fs/cgroup; v1: one tree a controller.  Ours lie in the folder ccfs at the
 * top, one for each session, named by the process that is its root. */
#include "launcher/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"

#define TOP "/sys/fs/cgroup"

static int write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int write_number(const char *folder, const char *name, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, n);
    return write_file(folder, name, text);
}

static bool is_v2(void)
{
    return access(TOP "/cgroup.controllers", F_OK) == 0;
}

static bool make(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* A session that was killed outright left its group behind, named by a process that is no more. */
static void sweep(const char *folder)
{
    DIR *list = opendir(folder);
    if (!list)
        return;
    for (const struct dirent *e = readdir(list); e; e = readdir(list)) {
        long pid = strtol(e->d_name, NULL, 10);
        if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
            (void)unlinkat(dirfd(list), e->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

/* A group for pid below tree, with one limit set; "" in out when that does not work. */
static void join(const char *tree, pid_t pid, const char *file, uint64_t limit, char *out,
                 size_t bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/ccfs", tree);
    if (!make(path))
        return;
    sweep(path);
    snprintf(path, sizeof path, "%s/ccfs/%d", tree, (int)pid);
    if (!make(path))
        return;
    if (write_number(path, file, limit) < 0 ||
        write_number(path, "cgroup.procs", (uint64_t)pid) < 0) {
        (void)rmdir(path);
        return;
    }
    snprintf(out, bytes, "%s", path);
}

/* Children of a v2 group have the controllers that it gives them. */
static void give_controllers(void)
{
    (void)write_file(TOP, "cgroup.subtree_control", "+memory +pids");
    if (make(TOP "/ccfs"))
        (void)write_file(TOP "/ccfs", "cgroup.subtree_control", "+memory +pids");
}

static void make_v2(pid_t pid, const struct sandbox_limits *limits, struct cgroup *out)
{
    give_controllers();
    join(TOP, pid, "memory.max", limits->memory_bytes, out->memory, sizeof out->memory);
    join(TOP, pid, "pids.max", limits->processes, out->processes, sizeof out->processes);
    if (out->memory[0]) /* the limit is meant, not what spills over into swap */
        (void)write_file(out->memory, "memory.swap.max", "0");
}

static void make_v1(pid_t pid, const struct sandbox_limits *limits, struct cgroup *out)
{
    join(TOP "/memory", pid, "memory.limit_in_bytes", limits->memory_bytes, out->memory,
         sizeof out->memory);
    join(TOP "/pids", pid, "pids.max", limits->processes, out->processes, sizeof out->processes);
}

void cgroup_make(pid_t pid, const struct sandbox_limits *limits, struct cgroup *out)
{
    *out = CGROUP_NONE;
    if (is_v2())
        make_v2(pid, limits, out);
    else
        make_v1(pid, limits, out);
}

static void remove_one(char *path)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    /* the last process may be gone for us, and not yet for the group */
    for (int i = 0; path[0] && i < 50 && rmdir(path) < 0 && errno == EBUSY; i++)
        nanosleep(&moment, NULL);
    path[0] = '\0';
}

void cgroup_remove(struct cgroup *group)
{
    if (strcmp(group->memory, group->processes) == 0)
        group->processes[0] = '\0';
    remove_one(group->memory);
    remove_one(group->processes);
}

static bool is_frozen(const char *folder)
{
    char path[300];
    char text[256] = {0};
    snprintf(path, sizeof path, "%s/cgroup.events", folder);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "frozen 1");
}

/* v2 only: a v1 group of ours is in no freezer. */
bool cgroup_freeze(pid_t root, bool frozen)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    char folder[256];
    snprintf(folder, sizeof folder, TOP "/ccfs/%d", (int)root);
    if (write_file(folder, "cgroup.freeze", frozen ? "1" : "0") < 0)
        return false;
    for (int i = 0; i < 500 && is_frozen(folder) != frozen; i++)
        nanosleep(&moment, NULL);
    return is_frozen(folder) == frozen;
}

const char *cgroup_kind(void)
{
    if (is_v2())
        return access(TOP "/cgroup.subtree_control", W_OK) == 0 ? "cgroup v2" : "rlimits";
    if (access(TOP "/memory/cgroup.procs", W_OK) == 0 &&
        access(TOP "/pids/cgroup.procs", W_OK) == 0)
        return "cgroup v1";
    return "rlimits";
}
