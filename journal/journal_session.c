/* journal_session.c - who changes, and in which session. */
#include <errno.h>
#include <stdio.h>

#include "journal/actor_proc.h"
#include "journal/base/clock.h"
#include "journal/base/log.h"
#include "journal/journal_part.h"

/* ---- actors ---- */

void journal_set_hide(struct journal *j, journal_hide *hide, void *context)
{
    j->hide = hide;
    j->hide_context = context;
}

/* text, or in shown what may be remembered of it. */
static const char *without_hidden(const struct journal *j, const char *text,
                                  char shown[ACTOR_TEXT_MAX])
{
    if (!j->hide || !text)
        return text;
    snprintf(shown, ACTOR_TEXT_MAX, "%s", text);
    j->hide(j->hide_context, shown, ACTOR_TEXT_MAX);
    return shown;
}

uint64_t journal_record_actor(void *context, const struct actor *seen)
{
    struct journal *j = context;
    struct actor a = *seen;
    struct record *r = NULL;
    char shown[ACTOR_TEXT_MAX];
    a.cmdline = without_hidden(j, a.cmdline, shown);
    const struct reservation want = record_proc_size(&a);
    if (intake_reserve(j->intake, &want, INTAKE_REPORT, &r, NULL) < 0)
        return 0;
    a.id = atomic_fetch_add(&j->next_proc, 1);
    record_proc_pack(r, &a);
    intake_publish(r, RECORD_DONE);
    return a.id;
}

struct actor_ref journal_actor(struct journal *j, pid_t tid, uint32_t uid, uint32_t gid)
{
    return actors_find(j->actors, tid, uid, gid);
}

/* ---- sessions ---- */

static int session_put(struct journal *j, enum record_kind kind, const struct record_session *s,
                       enum intake_wish wish, struct error *err)
{
    struct record *r = NULL;
    const struct reservation want = record_session_size(kind, s);
    TRY(intake_reserve(j->intake, &want, wish, &r, err));
    record_session_pack(r, s);
    intake_publish(r, RECORD_DONE);
    return 0;
}

static void note_session(struct journal *j, uint64_t session, uint32_t count)
{
    const struct change_spec spec = {.op = OP_SESSION, .who = {.session = session}};
    struct event e = journal_event_of(&spec);
    struct record *r = NULL;
    e.count = count;
    if (journal_event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, NULL) == 0)
        intake_publish(r, RECORD_DONE);
}

void journal_session_contact(struct journal *j, uint64_t session, const struct journal_contact *c)
{
    char shown[ACTOR_TEXT_MAX];
    const struct change_spec spec = {
        .op = OP_NETWORK, .who = {.session = session}, .path = without_hidden(j, c->target, shown)};
    struct event e = journal_event_of(&spec);
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    e.outcome = c->outcome;
    e.reason = c->reason;
    e.count = c->count;
    if (journal_event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, &err) < 0)
        log_error(&err);
    else
        intake_publish(r, RECORD_DONE);
}

int journal_session_begin(struct journal *j, const char *name, const char *backend,
                          const char *command, pid_t root, uint64_t *session, struct error *err)
{
    char shown[ACTOR_TEXT_MAX];
    const struct record_session s = {
        .id = atomic_fetch_add(&j->next_session, 1),
        .began = clock_now_ns(),
        .name = name,
        .backend = backend,
        .command = without_hidden(j, command, shown),
    };
    TRY(session_put(j, RECORD_SESSION_BEGIN, &s, INTAKE_CHANGE, err));
    int r = actors_session_begin(j->actors, root, s.id);
    if (r < 0) {
        journal_session_end(j, s.id, -1);
        return error_say(err, -r, "too many sessions are alive; end one first");
    }
    note_session(j, s.id, 1);
    *session = s.id;
    return 0;
}

void journal_session_end(struct journal *j, uint64_t session, int status)
{
    const struct record_session s = {.id = session, .ended = clock_now_ns(), .status = status};
    struct error err = ERROR_NONE;
    actors_session_end(j->actors, session);
    note_session(j, session, 2);
    if (session_put(j, RECORD_SESSION_END, &s, INTAKE_REPORT, &err) < 0)
        log_error(&err);
}

unsigned journal_sessions_alive(struct journal *j)
{
    return actors_sessions(j->actors);
}

size_t journal_session_roots(struct journal *j, struct journal_root *out, size_t limit)
{
    return actors_session_roots(j->actors, out, limit);
}
