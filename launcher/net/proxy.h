/* proxy.h - the allowlist as a configuration of squid: named domains and ports, the name that TLS
 * says checked against them, nothing decrypted, nothing stored. */
#ifndef LAUNCHER_NET_PROXY_H
#define LAUNCHER_NET_PROXY_H

#include "launcher/net/policy.h"

/* Borrowed. */
struct proxy_setup {
    const char *listen;      /* the address at which it is asked, on NET_PROXY_PORT */
    const char *certificate; /* paths, as squid sees them: of proxy_certificate()'s text, */
    const char *log;         /* and of what takes lines for contacts_take_line() */
    const struct net_policy *policy;
    const struct net_domain *domains;
    size_t domain_count;
};

/* It stays in the foreground, and says on its stderr why it ends. */
#define PROXY_OPTIONS "-Nd0"

/* For `squid PROXY_OPTIONS -f FILE`, as any user but root; it needs no capability, and writes only
 * to the log. No memory: out->failed. */
void proxy_config(const struct proxy_setup *setup, struct strbuf *out);

/* The same for the domains that the wish allows; setup comes without any. */
MUST_USE int proxy_config_for(const struct net_wish *wish, struct proxy_setup *setup,
                              struct strbuf *out, struct error *err);

/* What tells programs that there is a proxy at this address, variable by variable. */
typedef void proxy_variable(void *context, const char *name, const char *value);
void proxy_variables(const char *listen, proxy_variable *take, void *context);

#define PROXY_USER 13 /* "proxy" on Debian; a number that is not root's is all that matters */

/* Asked to connect to this, the proxy answers 500 until it is ready, never afterwards. */
#define PROXY_TRIAL_NAME "ccfs.invalid"

/* A key and a certificate that nobody gets to see: squid looks at no TLS without one. */
MUST_USE int proxy_certificate(struct strbuf *out, struct error *err);

/* Out of what it and who started it have said: why it ended, one safe line; "": not a word of it.
 */
void proxy_complaint(const char *said, char *out, size_t bytes);

#endif
