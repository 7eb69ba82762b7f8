/* program.h - where a program of the system is. */
#ifndef LAUNCHER_PROGRAM_H
#define LAUNCHER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* In PATH, or where the system keeps what administrators run and a user's PATH leaves out. */
bool program_find(const char *name, char *out, size_t bytes);

#endif
