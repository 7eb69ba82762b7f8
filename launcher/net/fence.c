/* fence.c - see fence.h. */
#include "launcher/net/fence.h"

#include <errno.h>
#include <string.h>

#include "launcher/net/tool.h"

/* What `nft list` says when a chain of ours stands: without them nothing is refused. */
static const char *const chains[] = {
    "type filter hook output priority filter; policy drop;",
    "type filter hook input priority filter; policy drop;",
    "type filter hook forward priority filter; policy drop;",
};

static int find_nft(char *out, size_t bytes, struct error *err)
{
    return tool_find("nft", "nftables", out, bytes, err);
}

int fence_check(struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf listed = STRBUF_EMPTY;
    char nft[4096];
    TRY(find_nft(nft, sizeof nft, err));
    const char *const argv[] = {nft, "list", "table", "inet", "ccfs", NULL};
    TRY(tool_run(argv, NULL, &listed, err));
    for (size_t i = 0; i < COUNT_OF(chains); i++)
        if (!strstr(strbuf_text(&listed), chains[i]))
            return error_say(err, EPERM, "the network policy is not in force: nft lists no \"%s\"",
                             chains[i]);
    return 0;
}

int fence_raise(const struct net_policy *policy, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf rules = STRBUF_EMPTY;
    char nft[4096];
    TRY(find_nft(nft, sizeof nft, err));
    net_policy_ruleset(policy, &rules);
    if (rules.failed)
        return error_say(err, ENOMEM, "no memory for the network policy");
    const char *const argv[] = {nft, "-f", "-", NULL};
    TRY(tool_run(argv, &rules, NULL, err));
    return fence_check(err);
}
