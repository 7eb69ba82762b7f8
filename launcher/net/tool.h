/* tool.h - the programs that make a session's network: started without anything of ours but what
 * they are given, and heard when they complain. */
#ifndef LAUNCHER_NET_TOOL_H
#define LAUNCHER_NET_TOOL_H

#include <sys/types.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

#define TOOL_ARGUMENTS 40

/* EXIT_MISSING with the package that brings it. */
MUST_USE int tool_find(const char *name, const char *package, char *out, size_t bytes,
                       struct error *err);

/* Runs argv[0] (a path) to its end; input, if any, is its stdin; its stdout goes to *output, if
 * any, 64 KiB of it at the most.  Fails with the first line of what it said when it failed. */
MUST_USE int tool_run(const char *const *argv, const struct strbuf *input, struct strbuf *output,
                      struct error *err);

/* The child's part of starting one that stays: its stderr is the file said, what else is open and
 * not in keep (-1 ends it) is closed.  Does not come back. */
void tool_become(const char *const *argv, int said, const int *keep) __attribute__((noreturn));

/* A file in memory for what a tool says. */
MUST_USE int tool_said_open(int *out, struct error *err);
/* No more than it holds by now: for a tool that stays, and whom nobody hears any more. */
void tool_said_enough(int said);
/* Its beginning, as it is; its first line, for a message; the same, or else how the tool ended. */
void tool_said_text(int said, char *out, size_t bytes);
void tool_said_line(int said, char *out, size_t bytes);
void tool_said_why(int said, int status, char *out, size_t bytes);

#endif
