/* proxy.c - see proxy.h.
 *
 * Two doors.  The agent is answered at the first, without TLS being looked at: what is refused
 * there is refused with a plain 403.  What is allowed goes on to the second, which reads the first
 * message of TLS and ends the connection when it asks for a name that is not allowed.
 *
 * squid looks for the second door once while it still opens it, and again a second later when it is
 * asked for something: until then it answers 500.  A name that the first door lets pass, and the
 * second does not, is what it can be asked for meanwhile. */
#include "launcher/net/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/net/tool.h"

static void add_doors(struct strbuf *out, const struct proxy_setup *s)
{
    strbuf_add_format(out, "http_port %s:%d name=agent\n", s->listen, NET_PROXY_PORT);
    strbuf_add_format(out,
                      "http_port 127.0.0.1:%d name=tls ssl-bump generate-host-certificates=off "
                      "cert=%s\n",
                      NET_PROXY_INNER_PORT, s->certificate);
    strbuf_add_text(out, "acl from_agent myportname agent\n");
    strbuf_add_format(out,
                      "cache_peer 127.0.0.1 parent %d 0 no-query no-digest no-netdb-exchange "
                      "name=self\n",
                      NET_PROXY_INNER_PORT);
    strbuf_add_text(out, "cache_peer_access self allow from_agent CONNECT\n"
                         "cache_peer_access self deny all\n"
                         "never_direct allow from_agent CONNECT\n");
}

static void add_names(struct strbuf *out, const struct proxy_setup *s, const char *acl,
                      const char *type, uint16_t port)
{
    for (size_t i = 0; i < s->domain_count; i++)
        if (s->domains[i].port == port)
            strbuf_add_format(out, "acl %s_%u %s %s%s\n", acl, port, type,
                              s->domains[i].below ? "." : "", s->domains[i].name);
}

static bool is_first_of_port(const struct proxy_setup *s, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (s->domains[i].port == s->domains[at].port)
            return false;
    return true;
}

/* The domains of one port, or of the web's two. */
static void add_group(struct strbuf *out, const struct proxy_setup *s, uint16_t port)
{
    add_names(out, s, "names", "dstdomain -n", port);
    add_names(out, s, "tls", "ssl::server_name", port);
    if (port)
        strbuf_add_format(out, "acl ports_%u port %u\n", port, port);
    else
        strbuf_add_text(out, "acl ports_0 port 80 443\n");
    strbuf_add_format(out, "http_access allow names_%u ports_%u\n", port, port);
    strbuf_add_format(out, "ssl_bump splice tls_%u ports_%u\n", port, port);
}

static void add_access(struct strbuf *out, const struct proxy_setup *s)
{
    strbuf_add_text(out, "acl step1 at_step SslBump1\n"
                         "acl address dstdom_regex -n ^[0-9.]+$ :\n"
                         "acl plain port 80\n"
                         "http_access deny address\n"
                         "http_access deny CONNECT plain\n"
                         "acl trial dstdomain -n " PROXY_TRIAL_NAME "\n"
                         "http_access allow from_agent CONNECT trial\n"
                         "ssl_bump peek step1\n");
    for (size_t i = 0; i < s->domain_count; i++)
        if (is_first_of_port(s, i))
            add_group(out, s, s->domains[i].port);
    strbuf_add_text(out, "http_access deny all\nssl_bump terminate all\n");
}

static void add_name_servers(struct strbuf *out, const struct net_policy *p)
{
    strbuf_add_text(out, "dns_defnames off\nhosts_file none\n");
    for (size_t i = 0; i < p->dns_count; i++) {
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &p->dns[i], text, sizeof text);
        strbuf_add_format(out, "%s%s%s", i ? " " : "dns_nameservers ", text,
                          i + 1 == p->dns_count ? "\n" : "");
    }
}

void proxy_config(const struct proxy_setup *setup, struct strbuf *out)
{
    add_doors(out, setup);
    add_access(out, setup);
    add_name_servers(out, setup->policy);
    strbuf_add_format(out,
                      "logformat ccfs %%lp %%rm %%#>rd %%>rP %%03>Hs %%Ss %%ssl::bump_mode "
                      "%%err_code\n"
                      "access_log stdio:%s logformat=ccfs\n",
                      setup->log);
    strbuf_add_text(out, "buffered_logs off\n"
                         "cache deny all\ncache_mem 0\nmemory_pools off\n"
                         "pinger_enable off\nclient_db off\nnetdb_filename none\n"
                         "via off\nforwarded_for delete\nhttpd_suppress_version_string on\n"
                         "visible_hostname ccfs\n"
                         "connect_timeout 30 seconds\nshutdown_lifetime 0 seconds\n"
                         "max_filedescriptors 4096\n"
                         "pid_filename none\ncoredump_dir none\ncache_log /dev/null\n");
}

static void free_domains(struct net_domain **domains)
{
    free(*domains);
}

int proxy_config_for(const struct net_wish *wish, struct proxy_setup *setup, struct strbuf *out,
                     struct error *err)
{
    CLEANUP(free_domains) struct net_domain *domains = NULL;
    size_t count = 0;
    TRY(net_policy_domains(wish, &domains, &count, err));
    setup->domains = domains;
    setup->domain_count = count;
    proxy_config(setup, out);
    setup->domains = NULL;
    setup->domain_count = 0;
    return out->failed ? error_say(err, ENOMEM, "no memory for the proxy's configuration") : 0;
}

/* "2026/11/27 02:27:03| " stands before all that squid itself says. */
static bool is_chatter(const char *line)
{
    return strcspn(line, "|\n") == 19 && line[19] == '|';
}

void proxy_complaint(const char *said, char *out, size_t bytes)
{
    static const char fatal[] = "FATAL: ";
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *at = strstr(said, fatal);
    const char *line = at ? at + strlen(fatal) : is_chatter(said) ? "" : said;
    text_escape(&safe, line, strcspn(line, "\n"));
    snprintf(out, bytes, "%s", strbuf_text(&safe));
}

/* Programs know one spelling or the other; node only when told to look. */
void proxy_variables(const char *listen, proxy_variable *take, void *context)
{
    static const char *const names[] = {"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"};
    char url[64];
    snprintf(url, sizeof url, "http://%s:%d", listen, NET_PROXY_PORT);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        take(context, names[i], url);
    take(context, "NO_PROXY", "localhost,127.0.0.1");
    take(context, "no_proxy", "localhost,127.0.0.1");
    take(context, "NODE_USE_ENV_PROXY", "1");
}

int proxy_certificate(struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf key = STRBUF_EMPTY;
    char openssl[4096];
    TRY(tool_find("openssl", "openssl", openssl, sizeof openssl, err));
    const char *const make[] = {
        openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", NULL};
    const char *const sign[] = {openssl, "req",      "-x509", "-new", "-key", "/dev/stdin",
                                "-subj", "/CN=ccfs", "-days", "3650", NULL};
    TRY(tool_run(make, NULL, &key, err));
    TRY(tool_run(sign, &key, out, err));
    strbuf_add(out, key.data, key.bytes);
    return out->failed ? error_say(err, ENOMEM, "no memory for a certificate") : 0;
}
