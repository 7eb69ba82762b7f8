/* policy.h - what of the network a session may reach, for every backend, and the ruleset that says
 * so to the kernel.
 *
 *   internet   names and public addresses; nothing private, nothing of the host, no other server on
 *              port 53 than the configured ones
 *   none       nothing
 *   allowlist  named domains and ports, through a proxy that alone may leave
 *
 * In all of them nobody comes in but where a port is served, nothing is forwarded, and IPv6 is
 * closed. */
#ifndef LAUNCHER_NET_POLICY_H
#define LAUNCHER_NET_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"
#include "launcher/net/domain.h"

enum net_mode { /* its words: net_mode_words, in this order */
    NET_INTERNET,
    NET_NONE,
    NET_ALLOWLIST,
    NET_MODE_COUNT
};
extern const char *const net_mode_words[NET_MODE_COUNT];
bool net_mode_from_word(const char *word, enum net_mode *out);

#define NET_DNS_LIMIT 4
#define NET_DOMAIN_LIMIT 1024
#define NET_PORT_LIMIT 64
#define NET_SERVED_LIMIT 64
#define NET_PROXY_PORT 3128
#define NET_PROXY_INNER_PORT 3129 /* the proxy's own; nobody else is answered there */
#define NET_ANY_USER UINT32_MAX

/* What the user asked for (config "network", --network). */
struct net_wish {
    enum net_mode mode;
    bool given; /* somebody said so; else it is the default */
    struct in_addr dns[NET_DNS_LIMIT];
    size_t dns_count;         /* 0: those that the host asks */
    struct net_domain *allow; /* owned */
    size_t allow_count;
    bool defaults; /* allowlist: net_domain_defaults too */
};
void net_wish_release(struct net_wish *wish);

/* What is put into force. */
struct net_policy {
    enum net_mode mode;
    struct in_addr dns[NET_DNS_LIMIT]; /* who may be asked on port 53, wherever they are */
    size_t dns_count;
    struct in_addr *own; /* addresses of the host's interfaces; owned */
    size_t own_count;
    uint16_t ports[NET_PORT_LIMIT]; /* allowlist: where the proxy may go */
    size_t port_count;
    uint32_t proxy_user;    /* allowlist: who alone may leave, where the agent shares the namespace;
                               NET_ANY_USER: the namespace is the proxy's own */
    const char *proxy_link; /* allowlist: the interface on which it is asked; NULL: lo */
    uint16_t served[NET_SERVED_LIMIT]; /* ports at which the session itself is asked, */
    size_t served_count;
    struct in_addr served_to; /* by this one address only */
};
#define NET_POLICY_NONE ((struct net_policy){.mode = NET_NONE, .proxy_user = NET_ANY_USER})

/* From the wish, and from what the host's interfaces and its resolv.conf are now.  *out:
 * net_policy_release() it, also after an error. */
MUST_USE int net_policy_make(const struct net_wish *wish, struct net_policy *out,
                             struct error *err);
void net_policy_release(struct net_policy *policy);
/* served_to may ask the session at this port, too. */
void net_policy_serve(struct net_policy *policy, uint16_t port);

/* For `nft -f`, to be loaded in the namespace of the session: one table, inet ccfs, replaced as a
 * whole; other tables (Docker has one for its resolver) are not touched.  No memory: out->failed.
 */
void net_policy_ruleset(const struct net_policy *policy, struct strbuf *out);

/* resolv.conf for the inside. */
void net_policy_resolv_conf(const struct net_policy *policy, struct strbuf *out);

/* The allowlist: the wish's domains, and the defaults where wanted, without those that others
 * cover.  *out: free(). */
MUST_USE int net_policy_domains(const struct net_wish *wish, struct net_domain **out, size_t *count,
                                struct error *err);

#endif
