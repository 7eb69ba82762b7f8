/* harden.h - tables of what the kernel refuses a sandbox, whatever the program in it is.
 *
 * The filters are as strict as Docker's default profile for a container without capabilities. */
#ifndef LAUNCHER_HARDEN_H
#define LAUNCHER_HARDEN_H

#include "journal/base/error.h"
#include "journal/base/strbuf.h"
#include "launcher/config.h"

/* Two BPF programs in files of memory, to be given to bwrap --add-seccomp-fd; *out: fd_close().
 * Allowed: what stands in the table; the rest is EPERM, and ENOSYS for calls newer than our tables,
 * so that programs fall back.  Refused: arguments of allowed calls that reach out of a sandbox. */
MUST_USE int harden_allowed(int *out, struct error *err);
MUST_USE int harden_refused(int *out, struct error *err);

/* The same table as a profile for the Docker Engine (JSON), without the calls in deny.  A name that
 * stands in no table is an error: it would deny nothing. */
MUST_USE int harden_profile(char *const *deny, size_t count, struct strbuf *out, struct error *err);
/* Names in the table, and what personality(2) may be given. */
const char *const *harden_allowed_names(size_t *count);
const uint64_t *harden_personalities(size_t *count);

/* Of this process and all that it starts.  with_memory: where no cgroup bounds the session, its
 * memory is bounded process by process. */
MUST_USE int harden_limits(const struct sandbox_limits *limits, bool with_memory,
                           struct error *err);

/* How many processes pid may have: after it has a user namespace of its own, so that the caller's
 * other processes do not count.  Best effort: -errno. */
int harden_processes(int pid, const struct sandbox_limits *limits);

#endif
