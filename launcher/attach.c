/* attach.c - see attach.h. */
#include "launcher/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/base/log.h"
#include "journal/event.h"
#include "launcher/daemon.h"
#include "launcher/mountpoint.h"

/* Another ccfs may be starting or ending the daemon at this moment. */
#define TRIES 100
#define PAUSE_NS (100 * 1000 * 1000)

static void pause_briefly(void)
{
    const struct timespec moment = {.tv_nsec = PAUSE_NS};
    nanosleep(&moment, NULL);
}

void attach_close(struct attach *a)
{
    control_close(&a->daemon);
    free(a->mountpoint);
    a->mountpoint = NULL;
}

/* 1: attached; 0: no daemon runs. */
static int look(const struct workspace *w, struct attach *a, struct error *err)
{
    struct mount_record record;
    int runs = control_connect(w->root, &a->daemon, err);
    if (runs <= 0)
        return runs;
    TRY(control_ask(&a->daemon, "status", NULL, NULL, err));
    mountpoint_recorded(w, &record);
    a->temporary = record.for_sessions;
    const char *mountpoint = control_value(&a->daemon, "mountpoint");
    a->mountpoint = mountpoint ? strdup(mountpoint) : NULL;
    return a->mountpoint ? 1
                         : error_say(err, EPROTO, "the daemon does not say where it is mounted");
}

static int start(const struct workspace *w, struct error *err)
{
    struct daemon_options options = {.ends_with_sessions = true};
    char *mountpoint = NULL;
    TRY(mountpoint_default(w, &mountpoint, err));
    options.mountpoint = mountpoint;
    int r = daemon_start(w, &options, err);
    free(mountpoint);
    return r;
}

int attach_open(const struct workspace *w, struct attach *out, struct error *err)
{
    bool started = false;
    int r = 0;
    for (int i = 0; i < TRIES; i++) {
        CLEANUP(attach_close) struct attach a = ATTACH_NONE;
        r = look(w, &a, err);
        if (r == 1) {
            a.temporary = a.temporary || started;
            *out = a;
            a = ATTACH_NONE;
            return 0;
        }
        if (r == 0) { /* none, or no more: another session's end may have taken ours along */
            r = start(w, err);
            started = r == 0;
            if (started)
                continue;
        }
        if (r != -EBUSY && r != -EPIPE)
            return r;
        pause_briefly();
    }
    return r < 0 ? r
                 : error_say(err, EBUSY,
                             "the daemon of this workspace does not answer; see .ccfs/daemon.log");
}

int attach_begin(struct attach *a, const struct attach_session *session, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    strbuf_add_text(&request, "session-begin");
    if (session->name)
        control_add(&request, "name", session->name);
    control_add(&request, "backend", session->backend);
    control_add(&request, "command", session->command);
    control_add_number(&request, "pid", (uint64_t)session->pid);
    if (request.failed)
        return error_say(err, ENOMEM, "no memory to begin a session");
    TRY(control_ask(&a->daemon, strbuf_text(&request), NULL, NULL, err));
    a->session = control_number(&a->daemon, "session");
    return a->session ? 0 : error_say(err, EPROTO, "the daemon gave the session no number");
}

static int record_contact(struct attach *a, const struct contact *c, enum outcome outcome,
                          const char *reason, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    strbuf_add_text(&request, "session-contact");
    control_add_number(&request, "session", a->session);
    control_add(&request, "target", c->target);
    control_add(&request, "outcome", outcome_name(outcome));
    control_add(&request, "reason", reason);
    control_add_number(&request, "count", c->count);
    if (request.failed)
        return error_say(err, ENOMEM, "no memory to record what the session contacted");
    return control_ask(&a->daemon, strbuf_text(&request), NULL, NULL, err);
}

/* What came since it was told of the last time. */
static int tell_contact(struct attach *a, const struct contact *c, uint32_t *told,
                        struct error *err)
{
    static const enum outcome outcomes[CONTACT_OUTCOMES] = {
        [CONTACT_REACHED] = OUTCOME_OK,     [CONTACT_FAILED] = OUTCOME_FAILED,
        [CONTACT_REFUSED] = OUTCOME_DENIED, [CONTACT_OTHER_NAME] = OUTCOME_DENIED,
        [CONTACT_NO_TLS] = OUTCOME_DENIED,
    };
    struct contact one = *c;
    one.count -= *told;
    if (c->count <= *told)
        return 0;
    TRY(record_contact(a, &one, outcomes[c->outcome], contact_reason(c->outcome), err));
    *told = c->count;
    return 0;
}

int attach_contacts(struct attach *a, struct contacts *contacts, struct contacts_told *told,
                    struct error *err)
{
    const struct contact others = {.target = "*", .count = contacts->more};
    size_t count = contacts_check(contacts);
    for (size_t i = 0; i < count; i++)
        TRY(tell_contact(a, &contacts->items[i], &told->counts[i], err));
    return contacts->more == 0 ? 0
                               : record_contact(a, &others, OUTCOME_FAILED,
                                                "more names than are kept for one session", err);
}

/* Those that were there at the last look are whole by now. */
int attach_new_contacts(struct attach *a, const struct contacts *contacts,
                        struct contacts_told *told, struct error *err)
{
    uint32_t now = contacts->count;
    for (uint32_t i = 0; i < told->known; i++) {
        struct contact one = contacts->items[i];
        one.target[CONTACT_TARGET_BYTES - 1] = '\0';
        if (told->counts[i] == 0 && one.outcome < CONTACT_OUTCOMES)
            TRY(tell_contact(a, &one, &told->counts[i], err));
    }
    told->known = now < CONTACT_LIMIT ? now : CONTACT_LIMIT;
    return 0;
}

void attach_proxy_ended(struct attach *a, const char *name)
{
    const struct contact proxy = {.target = CONTACT_PROXY, .count = 1};
    struct error err = ERROR_NONE;
    log_line("the proxy of %s ended: from now on the session reaches nothing", name);
    if (record_contact(a, &proxy, OUTCOME_FAILED, CONTACT_PROXY_ENDED, &err) < 0)
        log_error(&err);
}

static int end_session(struct attach *a, int status, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    strbuf_add_text(&request, "session-end");
    control_add_number(&request, "session", a->session);
    control_add_number(&request, "status", (uint64_t)status);
    return control_ask(&a->daemon, strbuf_text(&request), NULL, NULL, err);
}

int attach_end(struct attach *a, int status, struct error *err)
{
    int r = a->session ? end_session(a, status, err) : 0;
    a->recorded = r == 0;
    if (r == -EPIPE) {
        mountpoint_clean(a->mountpoint);
        return r;
    }
    if (!a->temporary)
        return r;
    struct error later = ERROR_NONE;
    int u = control_ask(&a->daemon, "umount-if-idle", NULL, NULL, &later);
    bool busy = u == 0 && control_number(&a->daemon, "busy") == 1;
    if (!busy && (u == 0 || u == -EPIPE))
        u = control_wait_end(&a->daemon, &later);
    if (r == 0 && u < 0 && err)
        *err = later;
    return r < 0 ? r : u;
}
