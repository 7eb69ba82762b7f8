/* contacts.c - see contacts.h. */
#include "launcher/net/contacts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "launcher/net/policy.h"

/* Neither what was refused nor what was not takes more than this. */
#define SHARE (CONTACT_LIMIT / 2)

static const char *const reasons[CONTACT_OUTCOMES] = {
    [CONTACT_REACHED] = "",
    [CONTACT_FAILED] = "no such name, or nobody answers",
    [CONTACT_REFUSED] = "not on the allowlist",
    [CONTACT_OTHER_NAME] = "TLS for another name",
    [CONTACT_NO_TLS] = "not TLS",
};

const char *contact_reason(enum contact_outcome outcome)
{
    return outcome < CONTACT_OUTCOMES ? reasons[outcome] : "";
}

int contacts_make(struct contacts **out, struct error *err)
{
    void *p = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return error_set(err, errno, "get memory for what a session contacts");
    *out = p;
    return 0;
}

void contacts_free(struct contacts **c)
{
    if (*c)
        munmap(*c, sizeof **c);
    *c = NULL;
}

/* ---- lines ---- */

/* As proxy_config() has them written. */
enum {
    DOOR,
    METHOD,
    NAME,
    PORT,
    STATUS,
    RESULT,
    TLS,
    FAULT,
    FIELDS
};

static bool split(char *line, char **fields)
{
    size_t n = 0;
    char *rest = line;
    for (char *word; (word = strsep(&rest, " ")) != NULL; n++) {
        if (n == FIELDS || word[0] == '\0')
            return false;
        fields[n] = word;
    }
    return n == FIELDS;
}

static bool is(const char *field, const char *word)
{
    return strcmp(field, word) == 0;
}

/* What TLS showed, at the inner door. */
static bool judge_tls(char *const *f, enum contact_outcome *out)
{
    if (strstr(f[RESULT], "DENIED"))
        return false; /* the outer door refuses the same */
    if (is(f[TLS], "terminate"))
        *out = CONTACT_OTHER_NAME;
    else if (is(f[FAULT], "ERR_PROTOCOL_UNKNOWN"))
        *out = CONTACT_NO_TLS;
    else if (is(f[RESULT], "TCP_TUNNEL"))
        *out = CONTACT_REACHED;
    else if (!is(f[FAULT], "-") || f[STATUS][0] == '5')
        *out = CONTACT_FAILED;
    else
        return false; /* its beginning; its end follows */
    return true;
}

/* false: says nothing about a contact. */
static bool judge(char *const *f, enum contact_outcome *out)
{
    char door[8];
    snprintf(door, sizeof door, "%d", NET_PROXY_PORT);
    if (!is(f[DOOR], door))
        return is(f[METHOD], "CONNECT") && judge_tls(f, out);
    if (strstr(f[RESULT], "DENIED"))
        *out = CONTACT_REFUSED;
    else if (is(f[METHOD], "CONNECT"))
        return false; /* the inner door tells */
    else
        *out = f[STATUS][0] == '5' || f[STATUS][0] == '0' ? CONTACT_FAILED : CONTACT_REACHED;
    return true;
}

/* ---- the table ---- */

static bool is_refusal(uint32_t outcome)
{
    return outcome >= CONTACT_REFUSED;
}

static struct contact *find(struct contacts *c, const char *target, enum contact_outcome outcome)
{
    size_t alike = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->items[i].outcome == outcome && strcmp(c->items[i].target, target) == 0)
            return &c->items[i];
        alike += is_refusal(c->items[i].outcome) == is_refusal(outcome);
    }
    if (alike == SHARE)
        return NULL;
    struct contact *new = &c->items[c->count++];
    snprintf(new->target, sizeof new->target, "%s", target);
    new->outcome = outcome;
    return new;
}

void contacts_take_line(struct contacts *c, const char *line)
{
    char copy[1024];
    char target[CONTACT_TARGET_BYTES];
    char *fields[FIELDS];
    enum contact_outcome outcome;
    if (strlen(line) >= sizeof copy)
        return;
    snprintf(copy, sizeof copy, "%s", line);
    if (!split(copy, fields) || !judge(fields, &outcome))
        return;
    snprintf(target, sizeof target, "%.255s:%.5s", fields[NAME], fields[PORT]);
    struct contact *at = find(c, target, outcome);
    if (!at)
        c->more++;
    else if (at->count < UINT32_MAX)
        at->count++;
}

static void take_whole_lines(struct contacts *c, struct contact_lines *lines)
{
    char *end;
    while ((end = memchr(lines->heard, '\n', lines->bytes)) != NULL) {
        size_t bytes = (size_t)(end - lines->heard) + 1;
        *end = '\0';
        if (!lines->overlong)
            contacts_take_line(c, lines->heard);
        lines->overlong = false;
        lines->bytes -= bytes;
        memmove(lines->heard, end + 1, lines->bytes);
    }
    if (lines->bytes == sizeof lines->heard) {
        lines->overlong = true;
        lines->bytes = 0;
    }
}

void contacts_take(struct contacts *c, struct contact_lines *lines, const char *data, size_t bytes)
{
    while (bytes > 0) {
        size_t room = sizeof lines->heard - lines->bytes;
        size_t n = bytes < room ? bytes : room;
        memcpy(lines->heard + lines->bytes, data, n);
        lines->bytes += n;
        data += n;
        bytes -= n;
        take_whole_lines(c, lines);
    }
}

size_t contacts_check(struct contacts *c)
{
    if (c->count > CONTACT_LIMIT)
        c->count = CONTACT_LIMIT;
    for (uint32_t i = 0; i < c->count; i++) {
        c->items[i].target[CONTACT_TARGET_BYTES - 1] = '\0';
        if (c->items[i].outcome >= CONTACT_OUTCOMES)
            c->items[i].outcome = CONTACT_REFUSED;
    }
    return c->count;
}
