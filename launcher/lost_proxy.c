/* lost_proxy.c - see lost_proxy.h. */
#include "launcher/lost_proxy.h"

#include <string.h>

#include "launcher/net/contacts.h"

static int see_contact(const struct event *e, void *context)
{
    bool *lost = context;
    *lost = *lost || strcmp(e->path, CONTACT_PROXY) == 0;
    return 0;
}

int lost_proxy(struct history *h, uint64_t session, bool *out, struct error *err)
{
    struct history_filter filter = HISTORY_ALL;
    bool lost = false;
    filter.session = session;
    filter.op = OP_NETWORK;
    filter.outcome = OUTCOME_FAILED;
    TRY(history_events(h, &filter, see_contact, &lost, err));
    *out = lost;
    return 0;
}
