/* spec.h - what the Engine is asked to make for a session: request bodies, nothing else.
 *
 *   network   a bridge of ours, on which nobody reaches anybody
 *   holder    owns the session's network namespace, and does nothing
 *   helper    loads the network policy there, with NET_ADMIN, and ends
 *   proxy     with an allowlist: alone reaches what is outside, as a user of its own
 *   agent     works: no capability that was not asked for, read-only root, bounded in all it has
 *
 * Holder and agent run `cat`: they live as long as somebody of ours holds their stdin; so does the
 * proxy, which reads its files there first: each with a line before it that holds its length. */
#ifndef LAUNCHER_DOCKER_SPEC_H
#define LAUNCHER_DOCKER_SPEC_H

#include "launcher/cli.h"
#include "launcher/config.h"
#include "launcher/docker/engine.h"
#include "launcher/docker/names.h"

#define SPEC_NAME_LIMIT 80

/* The names of one session's things. */
struct spec_names {
    char agent[SPEC_NAME_LIMIT];  /* claude-code-env[-NAME] */
    char holder[SPEC_NAME_LIMIT]; /* …-net */
    char helper[SPEC_NAME_LIMIT]; /* …-nft */
    char proxy[SPEC_NAME_LIMIT];  /* …-proxy */
    char home[SPEC_NAME_LIMIT];   /* …-home: the volume, where it is wished */
};
/* name NULL or "": the first session.  Refused: what the Engine does not take as a name, and what
 * is one of another session's things. */
MUST_USE int spec_names_make(const char *name, struct spec_names *out, struct error *err);

/* All borrowed. */
struct spec {
    const struct spec_names *names;
    const struct workspace *workspace;
    const struct container_wish *wish;
    const struct net_policy *policy;
    const struct cli_list *env;
    const struct secrets_wish *secrets;
    const char *mountpoint;
    const char *seccomp; /* the agent's profile, as JSON */
    uint64_t memory_bytes;
    uint64_t cpus;
    uint64_t files;
    uint64_t proxy_files;
};
/* What the wish asks for, lowered to what the Engine's machine has, with a line for each. */
void spec_fit(struct spec *s, const struct engine *e);

MUST_USE int spec_network(const char *subnet, const char *gateway, struct strbuf *out,
                          struct error *err);
MUST_USE int spec_holder(const struct spec *s, struct strbuf *out, struct error *err);
MUST_USE int spec_helper(const struct spec *s, struct strbuf *out, struct error *err);
MUST_USE int spec_proxy(const struct spec *s, struct strbuf *out, struct error *err);
MUST_USE int spec_agent(const struct spec *s, struct strbuf *out, struct error *err);

/* Where the proxy finds its second file, and its first line when it answers. */
#define SPEC_PROXY_CERTIFICATE "/run/proxy/tls.pem"
#define SPEC_PROXY_READY "ready"

#endif
