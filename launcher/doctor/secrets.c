/* secrets.c - see secrets.h.
 *
 * Known shapes only: a prefix that the issuer chose so that it can be found, and as many characters
 * behind it as a genuine one has.  A word that merely begins like one is none. */
#include "launcher/doctor/secrets.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "journal/base/compiler.h"

enum alphabet {
    LETTERS,  /* and digits */
    CAPITALS, /* and digits */
    URL_SAFE, /* letters, digits, - and _ */
};

/* The longest prefix first where one begins another. */
static const struct shape {
    const char *prefix;
    enum alphabet alphabet;
    size_t least; /* characters behind the prefix */
    const char *kind;
} shapes[] = {
    {"sk-ant-", URL_SAFE, 24, "an Anthropic API key"},
    {"sk-proj-", URL_SAFE, 32, "an OpenAI API key"},
    {"sk-svcacct-", URL_SAFE, 32, "an OpenAI API key"},
    {"sk-", LETTERS, 40, "an API key"},
    {"github_pat_", URL_SAFE, 40, "a GitHub token"},
    {"ghp_", LETTERS, 36, "a GitHub token"},
    {"gho_", LETTERS, 36, "a GitHub token"},
    {"ghu_", LETTERS, 36, "a GitHub token"},
    {"ghs_", LETTERS, 36, "a GitHub token"},
    {"ghr_", LETTERS, 36, "a GitHub token"},
    {"glpat-", URL_SAFE, 20, "a GitLab token"},
    {"AKIA", CAPITALS, 16, "an AWS access key"},
    {"ASIA", CAPITALS, 16, "an AWS access key"},
    {"AIza", URL_SAFE, 35, "a Google API key"},
    {"xoxb-", URL_SAFE, 20, "a Slack token"},
    {"xoxp-", URL_SAFE, 20, "a Slack token"},
    {"xapp-", URL_SAFE, 20, "a Slack token"},
    {"npm_", LETTERS, 36, "an npm token"},
    {"pypi-AgEIcHlwaS5vcmc", URL_SAFE, 50, "a PyPI token"},
    {"hf_", LETTERS, 34, "a Hugging Face token"},
    {"sk_live_", LETTERS, 24, "a Stripe key"},
    {"rk_live_", LETTERS, 24, "a Stripe key"},
};

static bool fits(enum alphabet alphabet, char c)
{
    unsigned char u = (unsigned char)c;
    switch (alphabet) {
    case LETTERS:
        return isalnum(u);
    case CAPITALS:
        return isdigit(u) || isupper(u);
    case URL_SAFE:
        return isalnum(u) || c == '-' || c == '_';
    }
    return false;
}

/* A word begins at data. */
static const char *shape_at(const char *data, size_t bytes)
{
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        size_t n = strlen(shapes[i].prefix);
        if (n > bytes || memcmp(data, shapes[i].prefix, n) != 0)
            continue;
        size_t tail = 0;
        while (n + tail < bytes && fits(shapes[i].alphabet, data[n + tail]))
            tail++;
        if (tail >= shapes[i].least)
            return shapes[i].kind;
    }
    return NULL;
}

/* -----BEGIN …PRIVATE KEY-----, and something behind it. */
static bool has_private_key(const char *data, size_t bytes)
{
    static const char begin[] = "-----BEGIN ";
    static const char end[] = "PRIVATE KEY-----";
    const char *at = data;
    size_t left = bytes;
    while ((at = memmem(at, left, begin, sizeof begin - 1)) != NULL) {
        at += sizeof begin - 1;
        left = bytes - (size_t)(at - data);
        size_t window = left < 40 ? left : 40;
        const char *close = memmem(at, window, end, sizeof end - 1);
        size_t behind = close ? bytes - (size_t)(close - data) - (sizeof end - 1) : 0;
        if (behind > 32)
            return true;
    }
    return false;
}

const char *secret_in(const void *data, size_t bytes)
{
    const char *text = data;
    if (has_private_key(text, bytes))
        return "a private key";
    for (size_t i = 0; i < bytes; i++) {
        if (i > 0 && fits(URL_SAFE, text[i - 1]))
            continue; /* within a word */
        const char *kind = shape_at(text + i, bytes - i);
        if (kind)
            return kind;
    }
    return NULL;
}

const char *secret_named(const char *name)
{
    static const struct {
        const char *glob;
        const char *kind; /* NULL: an example, for everybody */
    } names[] = {
        {".env.example", NULL},
        {".env.sample", NULL},
        {".env.template", NULL},
        {".env", "settings that are often secret"},
        {".env.*", "settings that are often secret"},
        {".netrc", "passwords"},
        {".pgpass", "passwords"},
        {".git-credentials", "passwords"},
        {"id_rsa", "a private key"},
        {"id_dsa", "a private key"},
        {"id_ecdsa", "a private key"},
        {"id_ed25519", "a private key"},
        {"*.p12", "a store of keys"},
        {"*.pfx", "a store of keys"},
        {"*.jks", "a store of keys"},
        {"*.kdbx", "a store of passwords"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (fnmatch(names[i].glob, name, FNM_CASEFOLD) == 0)
            return names[i].kind;
    return NULL;
}

/* ---- NAME=VALUE ---- */

static bool names_secret(const char *name, size_t bytes)
{
    static const char *const words[] = {"KEY",      "TOKEN",  "SECRET",
                                        "PASSWORD", "PASSWD", "CREDENTIAL"};
    for (size_t w = 0; w < COUNT_OF(words); w++)
        for (size_t i = 0; i + strlen(words[w]) <= bytes; i++)
            if (strncasecmp(name + i, words[w], strlen(words[w])) == 0)
                return true;
    return false;
}

/* Short ones, and those that point elsewhere ($NAME, <your key>), are none. */
static bool is_value(const char *value, size_t bytes)
{
    while (bytes && (*value == ' ' || *value == '"' || *value == '\'')) {
        value++;
        bytes--;
    }
    return bytes >= 8 && *value != '$' && *value != '<' && *value != '#';
}

const char *secret_setting(const void *data, size_t bytes)
{
    const char *line = data;
    const char *end = line + bytes;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        const char *equals = memchr(line, '=', (size_t)(stop - line));
        if (equals && *line != '#' && names_secret(line, (size_t)(equals - line)) &&
            is_value(equals + 1, (size_t)(stop - equals - 1)))
            return "a password or a key";
        line = stop + 1;
    }
    return NULL;
}
