/* session.c - see session.h. */
#include "launcher/net/session.h"

#include <errno.h>

#include "journal/base/log.h"
#include "launcher/net/gate.h"

static int go_without(struct net_policy *policy, const struct error *why)
{
    log_line("this session has no network: %s", why->message);
    net_policy_release(policy);
    *policy = NET_POLICY_NONE;
    return 0;
}

int net_session_open(const struct workspace *w, const struct net_wish *wish,
                     struct net_policy *policy, struct net_space *space, struct contacts **contacts,
                     struct error *err)
{
    struct error why = ERROR_NONE;
    TRY(net_policy_make(wish, policy, err));
    if (policy->mode == NET_NONE)
        return 0;
    if (policy->mode == NET_ALLOWLIST) {
        policy->proxy_link = GATE_LINK;
        TRY(contacts_make(contacts, err));
    }
    if (policy->dns_count == 0)
        log_line("this session has no name server: the host's is on its own loopback, which no "
                 "session reaches; name one as network.dns");
    int r = net_space_open(w, policy, wish, *contacts, space, &why);
    if (r == 0 || r == -ENETUNREACH || !wish->given)
        return r == 0 ? 0 : go_without(policy, &why);
    return error_pass(err, &why);
}
