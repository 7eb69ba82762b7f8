/* sandbox_args.h - the arguments with which bubblewrap makes the sandbox: what the command sees,
 * who it is, what it may do.  Private to backend_sandbox.c. */
#ifndef LAUNCHER_SANDBOX_ARGS_H
#define LAUNCHER_SANDBOX_ARGS_H

#include "launcher/backend.h"
#include "launcher/net/policy.h"

#define SANDBOX_MADE_FILES 8

/* What bwrap is given as open files; closed in us once it runs. */
struct sandbox_given {
    int args, allowed, refused, status, block;
    int made[SANDBOX_MADE_FILES]; /* of /etc */
    size_t secret_count;
    int secrets[SECRETS_LIMIT];
};
#define SANDBOX_GIVEN_NONE                                                                         \
    ((struct sandbox_given){-1, -1, -1, -1, -1, {-1, -1, -1, -1, -1, -1, -1, -1}, 0, {0}})
void sandbox_given_close(struct sandbox_given *g); /* CLEANUP(sandbox_given_close) */

/* Into g->args, as `bwrap --args` reads them; g's other files are there already, those of /etc are
 * made.  network: NET_NONE gives it an empty network of its own; else it keeps the one that bwrap
 * is started in. */
MUST_USE int sandbox_args_write(const struct backend_job *job, const struct net_policy *network,
                                struct sandbox_given *g, struct error *err);

#endif
