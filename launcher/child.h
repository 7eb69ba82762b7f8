/* child.h - what a child of ours does before it becomes, or serves, a session's command. */
#ifndef LAUNCHER_CHILD_H
#define LAUNCHER_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "journal/base/error.h"

/* Its controlling terminal and its stdio; -1: it has none. */
MUST_USE int child_take_terminal(int terminal, struct error *err);
/* Its stdin, stdout and stderr; -1: ours, as it is. */
MUST_USE int child_take_streams(const int *streams, struct error *err);
/* Until it has ended: its wait status; 0 for none (pid <= 0). */
int child_wait(pid_t pid);
/* What a shell says of such an end: the exit code, or 128 and the signal. */
int child_exit_code(int status);
/* For a message: "exit code 3", "signal 9". */
void child_how_ended(int status, char *out, size_t bytes);
/* As if nobody had ever changed one. */
void child_reset_signals(void);

#endif
