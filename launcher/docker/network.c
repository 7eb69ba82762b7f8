/* network.c - see network.h. */
#include "launcher/docker/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/log.h"
#include "launcher/cli.h"
#include "launcher/docker/names.h"
#include "launcher/docker/spec.h"
#include "launcher/net/host.h"

void network_subnet(unsigned n, char *subnet, char *gateway)
{
    snprintf(subnet, 24, "172.%u.%u.0/24", 28 + n / 16, n % 16);
    snprintf(gateway, 24, "172.%u.%u.1", 28 + n / 16, n % 16);
}

static int read_gateway(const struct cJSON *network, struct in_addr *out, struct error *err)
{
    const struct cJSON *first = json_first(json_at(network, "IPAM/Config"));
    const char *text = first ? json_at_text(first, "Gateway") : NULL;
    if (text && inet_pton(AF_INET, text, out) == 1)
        return 0;
    return error_say(err, EPROTO,
                     "the Engine does not say where the network " DOCKER_NETWORK " is");
}

/* 1: there, and ours. */
static int look(const struct engine *e, struct in_addr *gateway, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *network = NULL;
    int r = engine_call(e, "GET", NULL, &network, err, "/networks/" DOCKER_NETWORK);
    if (r == -ENOENT)
        return 0;
    TRY(r);
    const char *part = json_at_text(json_at(network, "Labels"), LABEL_PART);
    const struct cJSON *options = json_at(network, "Options");
    const struct cJSON *icc =
        json_at(options, "com.docker.network.bridge.enable_icc"); /* between sessions: closed */
    if (!part || strcmp(part, "network") != 0 || !json_text_of(icc) ||
        strcmp(json_text_of(icc), "false") != 0)
        return error_say(
            err, EXIT_AS_ERROR(EXIT_CONFLICT),
            "there is a network " DOCKER_NETWORK
            " that ccfs did not make: rename or remove it (docker network rm " DOCKER_NETWORK ")");
    TRY(gateway ? read_gateway(network, gateway, err) : 0);
    return 1;
}

/* A network of the host's own with addresses in there: the Engine does not look. */
static bool host_is_in(const struct in_addr *own, size_t count, unsigned n)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t address = ntohl(own[i].s_addr);
        if (address >> 24 == 172 && (address >> 16 & 255) == 28 + n / 16 &&
            (address >> 8 & 255) == n % 16)
            return true;
    }
    return false;
}

static int make(const struct engine *e, unsigned n, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    char subnet[24];
    char gateway[24];
    network_subnet(n, subnet, gateway);
    TRY(spec_network(subnet, gateway, &body, err));
    TRY(engine_call(e, "POST", &body, NULL, err, "/networks/create"));
    if (n > 0)
        log_line("172.28.0.0/24 is taken: the network " DOCKER_NETWORK " is %s", subnet);
    return 0;
}

static bool is_taken(const struct error *err)
{
    return strstr(err->message, "overlap") || strstr(err->message, "not available");
}

static int make_first_free(const struct engine *e, struct error *err)
{
    struct in_addr *own = NULL;
    size_t count = 0;
    TRY(net_host_addresses(&own, &count, err));
    int r = error_say(err, EADDRINUSE, "no free subnet from 172.28.0.0/24 on for " DOCKER_NETWORK);
    for (unsigned n = 0; n < NETWORK_SUBNET_LIMIT; n++) {
        struct error why = ERROR_NONE;
        if (host_is_in(own, count, n))
            continue;
        int made = make(e, n, &why);
        if (made < 0 && is_taken(&why))
            continue;
        if (made < 0 && look(e, NULL, NULL) == 1)
            made = 0; /* another start was faster */
        r = made < 0 ? error_pass(err, &why) : 0;
        break;
    }
    free(own);
    return r;
}

int network_ensure(const struct engine *e, struct in_addr *gateway, struct error *err)
{
    int there = look(e, gateway, err);
    if (there != 0)
        return there < 0 ? there : 0;
    TRY(make_first_free(e, err));
    there = look(e, gateway, err);
    TRY(there);
    return there ? 0 : error_say(err, ENOENT, "somebody removes the network " DOCKER_NETWORK);
}

int network_remove(const struct engine *e, struct error *err)
{
    int there = look(e, NULL, err);
    if (there <= 0)
        return there;
    int r = engine_call(e, "DELETE", NULL, NULL, err, "/networks/" DOCKER_NETWORK);
    return r == -ENOENT ? 0 : r;
}
