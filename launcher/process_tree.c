/* process_tree.c - see process_tree.h. */
#include "launcher/process_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/list.h"

void process_tree_release(struct process_tree *t)
{
    free(t->list);
    *t = (struct process_tree){0};
}

bool process_look(pid_t pid, struct process *out)
{
    char path[64];
    char text[1024] = {0};
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return false;
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    *out = (struct process){.pid = pid};
    if (!at || sscanf(at,
                      ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                      "%" SCNu64,
                      &out->state, &parent, &out->ticks) != 3)
        return false;
    out->parent = parent;
    return true;
}

static bool add(struct process_tree *t, const struct process *p)
{
    struct process *more = list_grown(t->list, t->count, &t->room, sizeof *more);
    if (!more)
        return false;
    t->list = more;
    t->list[t->count++] = *p;
    return true;
}

static int find_all(struct process_tree *all, struct error *err)
{
    DIR *list = opendir("/proc");
    bool room = list != NULL;
    if (!list)
        return error_set(err, errno, "read /proc");
    for (const struct dirent *e = readdir(list); e && room; e = readdir(list)) {
        struct process p;
        long pid = strtol(e->d_name, NULL, 10);
        if (pid > 0 && process_look((pid_t)pid, &p))
            room = add(all, &p);
    }
    closedir(list);
    return room ? 0 : error_say(err, ENOMEM, "no memory for the processes of a session");
}

int process_tree_find(pid_t root, struct process_tree *out, struct error *err)
{
    CLEANUP(process_tree_release) struct process_tree all = {0};
    CLEANUP(process_tree_release) struct process_tree found = {0};
    bool room = true;
    TRY(find_all(&all, err));
    for (size_t i = 0; i < all.count; i++)
        if (all.list[i].pid == root)
            room = add(&found, &all.list[i]);
    for (size_t at = 0; at < found.count && room; at++)
        for (size_t i = 0; i < all.count && room; i++)
            if (all.list[i].parent == found.list[at].pid)
                room = add(&found, &all.list[i]);
    if (!room)
        return error_say(err, ENOMEM, "no memory for the processes of a session");
    *out = found;
    found = (struct process_tree){0};
    return 0;
}
