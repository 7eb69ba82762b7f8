/* attach.h - a session's hold on the mount: found or started, kept while needed, ended after the
 * last.
 *
 * A daemon that a session started ends with the last session, whoever began it; one that a person
 * mounted stays. */
#ifndef LAUNCHER_ATTACH_H
#define LAUNCHER_ATTACH_H

#include <sys/types.h>

#include "launcher/control_client.h"
#include "launcher/net/contacts.h"
#include "launcher/workspace.h"

struct attach {
    struct control daemon;
    char *mountpoint;
    uint64_t session; /* 0: none */
    bool temporary;   /* the daemon is for sessions only */
    bool recorded;    /* the session ended, and all that it did is in the journal */
};
#define ATTACH_NONE ((struct attach){.daemon = {.fd = -1}})

/* Connects, and starts a daemon where none runs. */
MUST_USE int attach_open(const struct workspace *w, struct attach *out, struct error *err);

/* Borrowed. */
struct attach_session {
    const char *name; /* NULL: none */
    const char *backend;
    const char *command;
    pid_t pid;
};
/* From here on pid and its descendants are a session.  -ESHUTDOWN, -EPIPE: the mount went
 * meanwhile; nothing of pid has run yet, so begin again with attach_open(). */
MUST_USE int attach_begin(struct attach *a, const struct attach_session *session,
                          struct error *err);
/* What of a session's contacts is on record already; {0} at first. */
struct contacts_told {
    uint32_t known; /* of its items, when it was looked at last */
    uint32_t counts[CONTACT_LIMIT];
};
/* Records what its proxy was asked for and what is not on record yet; call it before the end, when
 * nobody fills them any more.  -EPIPE as there. */
MUST_USE int attach_contacts(struct attach *a, struct contacts *contacts,
                             struct contacts_told *told, struct error *err);
/* The same while they are filled: each that has not been told of, a look after it came. */
MUST_USE int attach_new_contacts(struct attach *a, const struct contacts *contacts,
                                 struct contacts_told *told, struct error *err);
/* Says, and records at once, that its proxy is gone while it goes on. */
void attach_proxy_ended(struct attach *a, const char *name);
/* Ends the session, and the daemon if it was for sessions and no other one lives.  -EPIPE: the
 * daemon is dead, its mount was taken away, and what it had not drained is still in the intake. */
MUST_USE int attach_end(struct attach *a, int status, struct error *err);
/* CLEANUP(attach_close): hanging up ends a session that was not ended. */
void attach_close(struct attach *a);

#endif
