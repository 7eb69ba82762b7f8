/* verbs.c - what a request on the control socket does (CONTROL.md). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/control.h"
#include "fusefs/data.h"
#include "fusefs/notify.h"
#include "fusefs/unmount.h"
#include "journal/base/fd.h"
#include "journal/gc.h"
#include "journal/undo.h"

/* ---- words ------------------------------------------------------------------------------------------- */

static void add_encoded(struct strbuf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._/:@,+=-";
    for (const char *at = text; *at; at++) {
        if (strchr(plain, *at))
            strbuf_add(out, at, 1);
        else
            strbuf_add_format(out, "%%%02X", (unsigned char)*at);
    }
}

static void decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        unsigned byte;
        if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1 && byte != 0 && at[1] && at[2]) {
            *to++ = (char)byte;
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* The value of key in the words after the verb, decoded; yours (free()); NULL: absent. */
static char *word(const char *words, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = words; at && *at;) {
        const char *end = strchr(at, ' ');
        if (strncmp(at, key, n) == 0 && at[n] == '=') {
            char *copy = strndup(at + n + 1, strcspn(at + n + 1, " "));
            if (copy)
                decode(copy);
            return copy;
        }
        at = end ? end + 1 : NULL;
    }
    return NULL;
}

static uint64_t number(const char *words, const char *key)
{
    char *value = word(words, key);
    uint64_t n = value ? strtoull(value, NULL, 10) : 0;
    free(value);
    return n;
}

static void say_error(struct strbuf *reply, int r, const struct error *err)
{
    strbuf_clear(reply);
    char text[128];
    strbuf_add_format(reply, "err %d ", -r);
    add_encoded(reply, err->message[0] ? err->message : error_text(-r, text, sizeof text));
}

/* ---- verbs ------------------------------------------------------------------------------------------- */

typedef int verb(struct peer *peer, const char *words, struct strbuf *reply, struct error *err);

#define ROOTS_TOLD 64

static void add_roots(struct fusefs *fs, struct strbuf *reply)
{
    struct journal_root roots[ROOTS_TOLD];
    size_t count = journal_session_roots(fs->journal, roots, COUNT_OF(roots));
    for (size_t i = 0; i < count; i++)
        strbuf_add_format(reply, "%s%llu:%d",
                          i ? "," : " roots=", (unsigned long long)roots[i].session, roots[i].root);
}

static int verb_status(struct peer *peer, const char *words, struct strbuf *reply,
                       struct error *err)
{
    (void)words;
    (void)err;
    struct fusefs *fs = peer->fs;
    struct journal_recovery done = journal_recovered(fs->journal);
    pthread_mutex_lock(&fs->nodes->lock);
    size_t nodes = fs->nodes->count;
    pthread_mutex_unlock(&fs->nodes->lock);
    strbuf_add_format(reply, " pid=%d mountpoint=", getpid());
    add_encoded(reply, fs->options->mountpoint);
    strbuf_add_format(reply,
                      " transport=%s passthrough=%s since=%lld sessions=%u open_files=%zu nodes=%zu"
                      " settled=%u sessions_ended=%u",
                      fs->uring ? "io_uring" : "dev", atomic_load(&fs->through) ? "yes" : "no",
                      (long long)fs->since, journal_sessions_alive(fs->journal),
                      handles_open(&fs->handles), nodes, done.settled, done.sessions);
    add_roots(fs, reply);
    uint64_t bytes = 0;
    if (vault_used(journal_vault(fs->journal), &bytes))
        strbuf_add_format(reply, " vault_bytes=%llu", (unsigned long long)bytes);
    return 0;
}

static int verb_drain(struct peer *peer, const char *words, struct strbuf *reply, struct error *err)
{
    (void)words;
    (void)reply;
    data_settle_all(peer->fs, SETTLE_REPORT);
    return journal_drain(peer->fs->journal, err);
}

static int begin_session(struct peer *peer, const char *words, uint64_t *session, struct error *err)
{
    char *name = word(words, "name");
    char *backend = word(words, "backend");
    char *command = word(words, "command");
    pid_t pid = (pid_t)number(words, "pid");
    int r = journal_session_begin(peer->fs->journal, name && name[0] ? name : NULL,
                                  backend ? backend : "unknown", command ? command : "", pid,
                                  session, err);
    free(name);
    free(backend);
    free(command);
    return r;
}

static int verb_session_begin(struct peer *peer, const char *words, struct strbuf *reply,
                              struct error *err)
{
    size_t i = 0;
    while (i < CONTROL_SESSIONS && peer->sessions[i])
        i++;
    if (i == CONTROL_SESSIONS)
        return error_say(err, EBUSY, "too many sessions on one connection");
    /* Under the lock that umount-if-idle takes: no session begins on a mount that is about to go. */
    pthread_mutex_lock(&peer->fs->sessions_lock);
    int r = atomic_load(&peer->fs->ending)
                ? error_say(err, ESHUTDOWN, "the mount is being removed; try again")
                : begin_session(peer, words, &peer->sessions[i], err);
    pthread_mutex_unlock(&peer->fs->sessions_lock);
    if (r == 0)
        strbuf_add_format(reply, " session=%llu", (unsigned long long)peer->sessions[i]);
    return r;
}

static bool is_its_session(const struct peer *peer, uint64_t session)
{
    for (size_t i = 0; session && i < CONTROL_SESSIONS; i++)
        if (peer->sessions[i] == session)
            return true;
    return false;
}

static enum outcome outcome_of(const char *name)
{
    static const enum outcome all[] = {OUTCOME_OK, OUTCOME_DENIED};
    for (size_t i = 0; name && i < COUNT_OF(all); i++)
        if (strcmp(name, outcome_name(all[i])) == 0)
            return all[i];
    return OUTCOME_FAILED;
}

static int verb_session_contact(struct peer *peer, const char *words, struct strbuf *reply,
                                struct error *err)
{
    uint64_t session = number(words, "session");
    (void)reply;
    if (!is_its_session(peer, session))
        return error_say(err, ENOENT, "no session %llu on this connection",
                         (unsigned long long)session);
    char *target = word(words, "target");
    char *outcome = word(words, "outcome");
    char *reason = word(words, "reason");
    const struct journal_contact contact = {
        .target = target ? target : "",
        .outcome = outcome_of(outcome),
        .reason = reason && reason[0] ? reason : NULL,
        .count = (uint32_t)number(words, "count"),
    };
    journal_session_contact(peer->fs->journal, session, &contact);
    free(target);
    free(outcome);
    free(reason);
    return 0;
}

void verb_end_when_idle(struct fusefs *fs)
{
    if (!fs->options->ends_with_sessions)
        return;
    pthread_mutex_lock(&fs->sessions_lock);
    if (journal_sessions_alive(fs->journal) == 0)
        unmount_and_end(fs, true);
    pthread_mutex_unlock(&fs->sessions_lock);
}

static int verb_session_end(struct peer *peer, const char *words, struct strbuf *reply,
                            struct error *err)
{
    uint64_t session = number(words, "session");
    int status = (int)number(words, "status");
    for (size_t i = 0; i < CONTROL_SESSIONS; i++)
        if (peer->sessions[i] && peer->sessions[i] == session) {
            peer->sessions[i] = 0;
            data_settle_all(peer->fs, SETTLE_REPORT);
            journal_session_end(peer->fs->journal, session, status);
            retention_nudge(peer->fs->retention);
            return verb_drain(peer, words, reply, err);
        }
    return error_say(err, ENOENT, "no session %llu on this connection",
                     (unsigned long long)session);
}

static int verb_umount(struct peer *peer, const char *words, struct strbuf *reply,
                       struct error *err)
{
    (void)reply;
    bool lazy = number(words, "lazy") == 1;
    int r = unmount_and_end(peer->fs, lazy);
    if (r == -EBUSY)
        return error_say(err, EBUSY, "%s is in use: close what is open there, or umount --lazy",
                         peer->fs->options->mountpoint);
    return r < 0 ? error_set(err, -r, "umount %s", peer->fs->options->mountpoint) : 0;
}

static int verb_umount_if_idle(struct peer *peer, const char *words, struct strbuf *reply,
                               struct error *err)
{
    (void)words;
    struct fusefs *fs = peer->fs;
    pthread_mutex_lock(&fs->sessions_lock);
    bool busy = journal_sessions_alive(fs->journal) > 0;
    int r = busy ? 0 : unmount_and_end(fs, true);
    pthread_mutex_unlock(&fs->sessions_lock);
    if (busy)
        strbuf_add_text(reply, " busy=1");
    return r < 0 ? error_set(err, -r, "umount %s", fs->options->mountpoint) : 0;
}

static int verb_note_history(struct peer *peer, const char *words, struct strbuf *reply,
                             struct error *err)
{
    (void)words;
    (void)reply;
    (void)err;
    struct change_spec spec = spec_for(peer->fs, &peer->caller, OP_HISTORY, "");
    journal_note(peer->fs->journal, &spec, OUTCOME_OK, 0, NULL);
    return 0;
}

/* ---- undo ------------------------------------------------------------------------------------------------ */

static uint64_t *parse_ids(const char *text, size_t *count)
{
    size_t room = 1;
    for (const char *at = text; *at; at++)
        room += *at == ',';
    uint64_t *ids = calloc(room, sizeof *ids);
    *count = 0;
    for (char *at = NULL; ids && *text; text = *at == ',' ? at + 1 : at) {
        uint64_t id = strtoull(text, &at, 10);
        if (at == text || (*at != ',' && *at != '\0')) {
            free(ids);
            return NULL;
        }
        ids[(*count)++] = id;
    }
    return ids;
}

static void tell_progress(void *context, size_t done, size_t total)
{
    struct notify *told = context;
    char line[64];
    int n = snprintf(line, sizeof line, "progress %zu %zu\n", done, total);
    (void)!fd_write_all(told->peer, line, (size_t)n);
}

/* The gate keeps every other change out from the look at the tree to the last step. */
struct undo_wish {
    const uint64_t *ids;
    size_t count;
    unsigned how;   /* enum undo_how */
    bool only_note; /* what was changed outside, which the plan finds */
};

static int undo_under_gate(struct peer *peer, const struct undo_wish *wish, struct notify *told,
                           struct undo_result *result, struct error *err)
{
    struct fusefs *fs = peer->fs;
    struct history *history = NULL;
    struct undo_plan *plan = NULL;
    const struct undo_conflict *conflicts;
    const struct undo_hooks hooks = {notify_collect, tell_progress, told};
    struct actor_ref who = caller_actor(fs, &peer->caller);
    unsigned finished = 0;
    data_settle_all(fs, SETTLE_RENEW);
    int r = journal_drain(fs->journal, err);
    if (r == 0) /* of an undo that failed half-way */
        r = undo_resume(fs->journal, fs->root, &finished, err);
    if (r == 0)
        r = history_open(fs->root, &history, err);
    if (r == 0)
        r = undo_plan_make(history, fs->root, wish->ids, wish->count, wish->how, &plan, err);
    if (r == 0)
        r = undo_note_outside(fs->journal, fs->root, plan, who, err);
    if (r == 0 && !wish->only_note && undo_plan_conflicts(plan, &conflicts) > 0)
        r = error_say(err, EEXIST, "%s: %s", conflicts[0].path, conflicts[0].reason);
    if (r == 0 && !wish->only_note)
        r = undo_apply(fs->journal, fs->root, plan, who, &hooks, result, err);
    undo_plan_free(&plan);
    history_close(&history);
    return r;
}

static int verb_undo(struct peer *peer, const char *words, struct strbuf *reply, struct error *err)
{
    char *text = word(words, "ids");
    size_t count = 0;
    uint64_t *ids = text ? parse_ids(text, &count) : NULL;
    free(text);
    if (!ids)
        return error_say(err, EINVAL, "undo: no event numbers given");
    const struct undo_wish wish = {
        .ids = ids,
        .count = count,
        .how = number(words, "force") == 1 ? UNDO_FORCE : 0,
        .only_note = number(words, "note") == 1,
    };
    struct notify told = {.peer = peer->fd};
    struct undo_result result = {0};
    pthread_rwlock_wrlock(&peer->fs->gate);
    journal_hold_vault(peer->fs->journal);
    int r = undo_under_gate(peer, &wish, &told, &result, err);
    journal_let_go_vault(peer->fs->journal);
    pthread_rwlock_unlock(&peer->fs->gate);
    notify_send(peer->fs, &told); /* not under the gate: the kernel may wait for an operation */
    free(ids);
    if (r == 0)
        strbuf_add_format(
            reply, " undo=%llu brought_back=%zu put_back=%zu renamed=%zu removed=%zu reset=%zu",
            (unsigned long long)result.undo, result.brought_back, result.put_back, result.renamed,
            result.removed, result.reset);
    return r;
}

/* An undo that failed half-way, for lack of room say, is finished before anybody plans the next. */
static int verb_undo_resume(struct peer *peer, const char *words, struct strbuf *reply,
                            struct error *err)
{
    struct fusefs *fs = peer->fs;
    unsigned finished = 0;
    (void)words;
    pthread_rwlock_wrlock(&fs->gate);
    journal_hold_vault(fs->journal);
    int r = journal_drain(fs->journal, err);
    if (r == 0)
        r = undo_resume(fs->journal, fs->root, &finished, err);
    journal_let_go_vault(fs->journal);
    pthread_rwlock_unlock(&fs->gate);
    if (r == 0)
        strbuf_add_format(reply, " finished=%u", finished);
    return r;
}

static int abort_under_gate(struct peer *peer, unsigned how, struct notify *told,
                            struct undo_result *result, struct error *err)
{
    struct fusefs *fs = peer->fs;
    CLEANUP(undo_plan_free) struct undo_plan *plan = NULL;
    const struct undo_hooks hooks = {notify_collect, tell_progress, told};
    data_settle_all(fs, true);
    return undo_abort(fs->journal, fs->root, how, caller_actor(fs, &peer->caller), &hooks, &plan,
                      result, err);
}

static int verb_undo_abort(struct peer *peer, const char *words, struct strbuf *reply,
                           struct error *err)
{
    struct notify told = {.peer = peer->fd};
    struct undo_result result = {0};
    pthread_rwlock_wrlock(&peer->fs->gate);
    journal_hold_vault(peer->fs->journal);
    int r = abort_under_gate(peer, (unsigned)number(words, "how"), &told, &result, err);
    journal_let_go_vault(peer->fs->journal);
    pthread_rwlock_unlock(&peer->fs->gate);
    notify_send(peer->fs, &told);
    if (r == 0)
        strbuf_add_format(reply, " undo=%llu", (unsigned long long)result.undo);
    return r;
}

/* ---- retention ------------------------------------------------------------------------------------------- */

static struct gc_limits limits_of(const char *words)
{
    return (struct gc_limits){
        .events_age_s = number(words, "events_age"),
        .events_count = number(words, "events_count"),
        .vault_age_s = number(words, "vault_age"),
        .vault_bytes = number(words, "vault_bytes"),
        .vault_count = number(words, "vault_count"),
        .keep_sessions = number(words, "keep_sessions"),
        .keep_age_s = number(words, "keep_age"),
        .pack_after_s = number(words, "pack_after"),
    };
}

static int verb_gc(struct peer *peer, const char *words, struct strbuf *reply, struct error *err)
{
    const struct gc_limits limits = limits_of(words);
    struct gc_result done = {0};
    data_settle_all(peer->fs, false);
    TRY(gc_run(peer->fs->journal, &limits, caller_actor(peer->fs, &peer->caller),
               number(words, "dry_run") == 1, &done, err));
    strbuf_add_format(reply,
                      " versions=%llu bytes=%llu events=%llu last_event=%llu vault_bytes=%llu"
                      " vault_versions=%llu held_back=%llu event=%llu",
                      (unsigned long long)done.versions, (unsigned long long)done.bytes,
                      (unsigned long long)done.events, (unsigned long long)done.last_event,
                      (unsigned long long)done.vault_bytes, (unsigned long long)done.vault_versions,
                      (unsigned long long)done.held_back, (unsigned long long)done.event);
    strbuf_add_format(reply, " packed=%llu packed_bytes=%llu", (unsigned long long)done.packed,
                      (unsigned long long)done.packed_bytes);
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    verb *run;
} verbs[] = {
    {"status", verb_status},
    {"drain", verb_drain},
    {"session-begin", verb_session_begin},
    {"session-contact", verb_session_contact},
    {"session-end", verb_session_end},
    {"undo", verb_undo},
    {"undo-resume", verb_undo_resume},
    {"undo-abort", verb_undo_abort},
    {"gc", verb_gc},
    {"umount", verb_umount},
    {"umount-if-idle", verb_umount_if_idle},
    {"note-history", verb_note_history},
};

void verb_run(struct peer *peer, char *line, struct strbuf *reply)
{
    struct error err = ERROR_NONE;
    size_t n = strcspn(line, " ");
    char *words = line[n] ? line + n + 1 : line + n;
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strlen(verbs[i].name) == n && strncmp(verbs[i].name, line, n) == 0) {
            strbuf_add_text(reply, "ok");
            int r = verbs[i].run(peer, words, reply, &err);
            if (r < 0)
                say_error(reply, r, &err);
            return;
        }
    int r =
        error_say(&err, ENOSYS, "the daemon does not know \"%.*s\"", (int)(n < 40 ? n : 40), line);
    say_error(reply, r, &err);
}

void verb_hang_up(struct peer *peer)
{
    bool ended = false;
    for (size_t i = 0; i < CONTROL_SESSIONS; i++)
        if (peer->sessions[i]) {
            data_settle_all(peer->fs, SETTLE_REPORT);
            journal_session_end(peer->fs->journal, peer->sessions[i], -1);
            retention_nudge(peer->fs->retention);
            ended = true;
        }
    if (ended)
        verb_end_when_idle(peer->fs);
}
