/* self.h - another verb of this program, in a process of its own: its faults are not ours. */
#ifndef LAUNCHER_SELF_H
#define LAUNCHER_SELF_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/base/error.h"

/* Only comes back when it failed. */
void self_exec(const char **argv);

/* What it says on stdout, piece by piece; false: enough. */
typedef bool self_sink(void *context, const char *data, size_t bytes);
/* argv[0] is "ccfs".  Waits for its end; *exit_code as it was.  said: the first line of its stderr.
 */
MUST_USE int self_run(const char **argv, self_sink *sink, void *context, int *exit_code,
                      char said[200], struct error *err);

#endif
