/* check_journal.c - can everything be taken back: the seals, the vault, and what lies elsewhere. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/undo.h"
#include "journal/verify.h"
#include "launcher/backup_record.h"
#include "launcher/control_client.h"
#include "launcher/doctor/checks.h"
#include "launcher/look.h"
#include "launcher/render.h"

#define DAY (24 * 3600 * NS_PER_S)
#define OLD_BACKUP (7 * DAY)

/* ---- seals ---- */

struct first_problem {
    char says[512];
};

static void keep_first(void *context, int64_t event, const char *says)
{
    struct first_problem *first = context;
    (void)event;
    if (!first->says[0])
        snprintf(first->says, sizeof first->says, "%s", says);
}

void check_seals(struct doctor *d)
{
    struct error err = ERROR_NONE;
    struct first_problem first = {""};
    struct verify_wish wish = {.quick = true};
    struct verify_result result = {0};
    if (control_settle(d->workspace.root, &err) < 0 ||
        verify_journal(d->workspace.root, &wish, keep_first, &first, &result, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    render_plural(&line, result.events, "event", "events");
    strbuf_add_text(&line, " under ");
    render_plural(&line, result.seals, "seal", "seals");
    if (result.problems)
        doctor_say(d, VERDICT_FAIL, "the journal is not as it was recorded: %s", first.says);
    else
        doctor_say(d, VERDICT_OK, "the journal is as it was recorded: %s", strbuf_text(&line));
}

void check_undo(struct doctor *d)
{
    struct error err = ERROR_NONE;
    struct undo_unfinished undo = {0};
    if (undo_find_unfinished(d->workspace.root, &undo, &err) < 0)
        doctor_say_error(d, VERDICT_FAIL, &err);
    else if (undo.id)
        doctor_say(d, VERDICT_FAIL, "undo #%" PRIu64 " is not finished (%zu of %zu steps)", undo.id,
                   undo.done, undo.total);
    else
        doctor_say(d, VERDICT_OK, "no undo is unfinished");
}

/* ---- the vault ---- */

void check_vault(struct doctor *d)
{
    struct error err = ERROR_NONE;
    uint64_t bytes = 0;
    uint64_t versions = 0;
    uint64_t budget = d->config.retention.vault_bytes;
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    if (look_vault(&d->workspace, &bytes, &versions, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    render_size(&line, bytes);
    if (budget) {
        strbuf_add_text(&line, " of ");
        render_size(&line, budget);
    }
    if (budget && bytes > budget)
        doctor_say(d, VERDICT_FAIL, "the vault is over its budget: %s", strbuf_text(&line));
    else if (budget && bytes > budget / 10 * 9)
        doctor_say(d, VERDICT_WARN, "the vault is nearly full, the oldest go next: %s",
                   strbuf_text(&line));
    else
        doctor_say(d, VERDICT_OK, "the vault keeps %s", strbuf_text(&line));
}

/* ---- backups ---- */

void check_backup(struct doctor *d)
{
    struct backup_record last;
    CLEANUP(strbuf_release) struct strbuf file = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf when = STRBUF_EMPTY;
    int64_t now = clock_now_ns();
    if (backup_record_read(d->workspace.root, &last) < 0) {
        doctor_say(d, VERDICT_WARN, "no backup was made yet");
        return;
    }
    render_name(&file, last.file);
    render_moment(&when, last.time, now);
    if (access(last.file, F_OK) < 0)
        doctor_say(d, VERDICT_WARN, "the last backup (%s) is not where it was: %s",
                   strbuf_text(&when), strbuf_text(&file));
    else if (now - last.time > OLD_BACKUP)
        doctor_say(d, VERDICT_WARN, "the last backup is %" PRId64 " days old: %s",
                   (now - last.time) / DAY, strbuf_text(&file));
    else
        doctor_say(d, VERDICT_OK, "the last backup is of %s: %s", strbuf_text(&when),
                   strbuf_text(&file));
}
