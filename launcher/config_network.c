/* config_network.c - the section "network" of the configuration. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "launcher/config_reader.h"

static int take_server(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    struct net_wish *wish = out;
    const char *text = NULL;
    struct in_addr address;
    TRY(config_take_text(r, at, value, &text));
    if (inet_pton(AF_INET, text, &address) != 1 || address.s_addr == INADDR_ANY)
        return config_wrong(r, at, "must be the IPv4 address of a name server");
    if (ntohl(address.s_addr) >> 24 == 127)
        return config_wrong(r, at,
                            "is the host's own loopback, which no session reaches: name the "
                            "server that it asks");
    if (wish->dns_count == NET_DNS_LIMIT)
        return config_wrong(r, at, "more than %d name servers", NET_DNS_LIMIT);
    wish->dns[wish->dns_count++] = address;
    return 0;
}

static int take_domain(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    struct net_wish *wish = out;
    const char *text = NULL;
    struct error why = ERROR_NONE;
    struct net_domain domain;
    TRY(config_take_text(r, at, value, &text));
    if (wish->allow_count == NET_DOMAIN_LIMIT)
        return config_wrong(r, at, "more than %d domains", NET_DOMAIN_LIMIT);
    if (net_domain_parse(text, &domain, &why) < 0)
        return config_wrong(r, at, "%.200s", why.message);
    struct net_domain *more = realloc(wish->allow, (wish->allow_count + 1) * sizeof *wish->allow);
    if (!more)
        return error_say(r->err, ENOMEM, "no memory for the configuration");
    wish->allow = more;
    wish->allow[wish->allow_count++] = domain;
    return 0;
}

static int take_mode(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    struct net_wish *wish = out;
    unsigned n = 0;
    TRY(config_take_word(r, at, value, net_mode_words, NET_MODE_COUNT, &n));
    wish->mode = (enum net_mode)n;
    wish->given = true;
    return 0;
}

static int take_dns(struct config_reader *r, const struct config_place *at, const cJSON *value,
                    void *out)
{
    return config_take_list(r, at, value, take_server, out);
}

static int take_allow(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    return config_take_list(r, at, value, take_domain, out);
}

int config_take_network(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out)
{
    static const struct config_key keys[] = {
        {"mode", take_mode, 0},
        {"dns", take_dns, 0},
        {"allow", take_allow, 0},
        {"defaults", config_take_bool, offsetof(struct net_wish, defaults)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}
