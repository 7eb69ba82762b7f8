/* contacts.h - what a session's proxy was asked for: each name and port once for each outcome, with
 * a count.  What it says comes from the agent: bounded, and checked. */
#ifndef LAUNCHER_NET_CONTACTS_H
#define LAUNCHER_NET_CONTACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

enum contact_outcome {
    CONTACT_REACHED,
    CONTACT_FAILED,     /* allowed, but there is no such name, or nobody answered */
    CONTACT_REFUSED,    /* not on the allowlist */
    CONTACT_OTHER_NAME, /* TLS asked for another name */
    CONTACT_NO_TLS,     /* what was said is not TLS */
    CONTACT_OUTCOMES
};
const char *contact_reason(enum contact_outcome outcome); /* for people; "" for CONTACT_REACHED */

#define CONTACT_TARGET_BYTES 264 /* "name:port" */
#define CONTACT_LIMIT 512

struct contact {
    char target[CONTACT_TARGET_BYTES];
    uint32_t outcome; /* enum contact_outcome */
    uint32_t count;
};

/* Shared between the process that hears the proxy and the session's own: plain bytes, no pointer.
 */
struct contacts {
    uint32_t count;
    uint32_t more; /* contacts that found no room: what is refused cannot crowd out what is not */
    struct contact items[CONTACT_LIMIT];
};

/* An empty one, shared with children.  contacts_free() it. */
MUST_USE int contacts_make(struct contacts **out, struct error *err);
void contacts_free(struct contacts **c);

/* One line of the proxy's log, without its end; what is not understood is passed over. */
void contacts_take_line(struct contacts *c, const char *line);

/* The log in pieces as they come; one for each log, {0} at first. */
struct contact_lines {
    char heard[2048]; /* not yet taken */
    size_t bytes;
    bool overlong; /* the line began before what was heard: it is passed over */
};
void contacts_take(struct contacts *c, struct contact_lines *lines, const char *data, size_t bytes);

/* The proxy itself as a target, when it ended before its session: no name is like that. */
#define CONTACT_PROXY "(the proxy)"
#define CONTACT_PROXY_ENDED "it ended: from then on the session reached nothing"

/* Written by a process that meets the agent's words: makes it safe to read.  How many. */
size_t contacts_check(struct contacts *c);

#endif
