/* pidfd.h - a process by a descriptor: its number cannot become another's meanwhile. */
#ifndef LAUNCHER_PIDFD_H
#define LAUNCHER_PIDFD_H

#include <stdbool.h>
#include <sys/types.h>

int pidfd_of(pid_t pid);              /* -1 and errno */
bool pidfd_wait(int fd, int ms);      /* until it ended, at most so long; false: it has not */
void pidfd_wait_gone(int fd);         /* until it ended; -1: does nothing */
void pidfd_kill(int fd);              /* likewise */
int pidfd_signal(int fd, int signal); /* -1 and errno */

#endif
