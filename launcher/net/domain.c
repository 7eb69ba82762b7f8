/* domain.c - see domain.h. */
#include "launcher/net/domain.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/cli.h"

const char *const net_domain_defaults[] = {
    /* Claude Code: its interface, its sign-in, its updates */
    "api.anthropic.com",
    "claude.ai",
    "*.claude.ai",
    "claude.com",
    "*.claude.com",
    "console.anthropic.com",
    "statsig.anthropic.com",
    /* npm */
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "nodejs.org",
    /* PyPI */
    "pypi.org",
    "files.pythonhosted.org",
    /* GitHub */
    "github.com",
    "api.github.com",
    "codeload.github.com",
    "*.githubusercontent.com",
    /* Debian */
    "deb.debian.org",
    "security.debian.org",
    "snapshot.debian.org",
};
const size_t net_domain_default_count = COUNT_OF(net_domain_defaults);

static int wrong(struct error *err, const char *why)
{
    return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG), "%s", why);
}

/* "…:443" at the end: its number goes to *port, and *bytes becomes that of what is before. */
static bool take_port(const char *text, size_t *bytes, uint16_t *port)
{
    const char *colon = memchr(text, ':', *bytes);
    if (!colon)
        return true;
    const char *digits = colon + 1;
    size_t count = *bytes - (size_t)(digits - text);
    if (count == 0 || count > 5 || strspn(digits, "0123456789") != count)
        return false;
    unsigned long n = strtoul(digits, NULL, 10);
    if (n == 0 || n > 65535)
        return false;
    *port = (uint16_t)n;
    *bytes = (size_t)(colon - text);
    return true;
}

static bool is_label(const char *label, size_t bytes)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return bytes > 0 && bytes <= 63 && strspn(label, letters) >= bytes && label[0] != '-' &&
           label[bytes - 1] != '-';
}

/* The name's labels, all of them well formed; 0: it is no name. */
static int count_labels(const char *name)
{
    int count = 0;
    for (const char *at = name;; at++) {
        size_t bytes = strcspn(at, ".");
        if (!is_label(at, bytes))
            return 0;
        count++;
        at += bytes;
        if (!*at)
            return count;
    }
}

/* As in 10.0.0.1: the last label of a name is never a number. */
static bool ends_in_number(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    return strspn(last, "0123456789") == strlen(last);
}

static void lower(char *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    out[bytes] = '\0';
}

int net_domain_parse(const char *text, struct net_domain *out, struct error *err)
{
    struct net_domain d = {0};
    if (strstr(text, "//") || strchr(text, '/'))
        return wrong(err, "name the host alone, without https:// and what follows it");
    if (strncmp(text, "*.", 2) == 0 || text[0] == '.') {
        d.below = true;
        text += text[0] == '*' ? 2 : 1;
    }
    size_t bytes = strlen(text);
    if (!take_port(text, &bytes, &d.port))
        return wrong(err, "behind the colon belongs a port from 1 to 65535");
    if (bytes > 0 && text[bytes - 1] == '.')
        bytes--;
    if (bytes >= sizeof d.name)
        return wrong(err, "is longer than the 253 characters that a name can have");
    lower(d.name, text, bytes);
    int labels = count_labels(d.name);
    if (labels == 0)
        return wrong(err, "is no domain: letters, digits, - and dots; other scripts as xn--…");
    if (ends_in_number(d.name))
        return wrong(err, "is an address: an allowlist holds names only");
    if (labels == 1)
        return wrong(err, "needs a dot: a name like example.com, or *.example.com");
    *out = d;
    return 0;
}

static bool is_below(const char *name, const char *domain)
{
    size_t n = strlen(name);
    size_t d = strlen(domain);
    return n > d && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

bool net_domain_covers(const struct net_domain *a, const struct net_domain *b)
{
    if (a->port != b->port)
        return false;
    if (strcmp(a->name, b->name) == 0)
        return a->below || !b->below;
    return a->below && is_below(b->name, a->name);
}
