/* process_tree.h - a process and all that come from it, as this machine numbers them. */
#ifndef LAUNCHER_PROCESS_TREE_H
#define LAUNCHER_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/base/error.h"

struct process {
    pid_t pid;
    pid_t parent;
    char state;     /* of proc(5): 'T' is stopped, 'Z' dead */
    uint64_t ticks; /* when it began: another one of its number has others */
};

/* Parents before their children. */
struct process_tree {
    struct process *list; /* owned; root first */
    size_t count, room;
};
/* Empty where root is gone.  *out: process_tree_release(). */
MUST_USE int process_tree_find(pid_t root, struct process_tree *out, struct error *err);
void process_tree_release(struct process_tree *t); /* CLEANUP */

/* Of one; false: it is gone. */
bool process_look(pid_t pid, struct process *out);

#endif
