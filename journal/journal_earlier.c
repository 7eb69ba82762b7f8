/* journal_earlier.c - goes on where an earlier run ended, in order or not.
 *
 * Look at identities, settle the intake, drain it, end write sessions, then give numbers: they
 * (events, versions, processes, sessions) are given from memory, and never twice. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal_part.h"
#include "journal/meta.h"
#include "journal/recover.h"

#define NUMBER_MAX (INT64_MAX / 4) /* beyond any that was ever given */

/* A query for one number, which a sound journal has below NUMBER_MAX. */
static int number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    TRY(db_number(db, sql, out, err));
    if (*out < 0 || *out > NUMBER_MAX)
        return error_say(err, EBADMSG,
                         "the journal is damaged: it holds an impossible number; keep a "
                         "copy of .ccfs before anything else");
    return 0;
}

/* "clean": the run ended in order, and this is the next version's number.  "running": it began with
 * this one.  What says so must be durable before the first version is made. */
static int versions_number(struct journal *j, struct recovery *found, struct error *err)
{
    int64_t clean = 0;
    int64_t first = 0;
    int64_t known = 0;
    TRY(meta_get(j->db, "clean", &clean, err));
    TRY(meta_get(j->db, "running", &first, err));
    /* An unreadable record may know a version, unless it was only on its way to the disk. */
    if (clean <= 0 && (found->damaged == 0 || found->power_lost))
        TRY(recover_orphans(j->vault, j->db, (uint64_t)first, found, err));
    TRY(number(j->db,
               "SELECT max(ifnull((SELECT max(id) FROM version), 0),"
               " ifnull((SELECT max(highest) FROM tombstone), 0))",
               &known, err));
    uint64_t next = (uint64_t)(clean > known ? clean : known + 1);
    if (clean <= 0) { /* its own are not all known: some were set aside, some are gone again */
        uint64_t highest = vault_highest(j->vault);
        next = highest >= next ? highest + 1 : next;
        if (first <= NUMBER_MAX && first > (int64_t)next)
            next = (uint64_t)first;
    }
    vault_set_next(j->vault, next);
    TRY(meta_set(j->db, "running", (int64_t)next, err));
    return db_exec(j->db, "DELETE FROM meta WHERE key IN ('clean', 'damaged')", err);
}

static int numbers_set(struct journal *j, const struct recovery *found, struct error *err)
{
    int64_t event = 0;
    int64_t proc = 0;
    int64_t session = 0;
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM event", &event, err));
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM proc", &proc, err));
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM session", &session, err));
    uint64_t highest =
        found->highest_event > (uint64_t)event ? found->highest_event : (uint64_t)event;
    intake_set_next_event(j->intake, highest + 1);
    atomic_store(&j->next_proc, (uint64_t)proc + 1);
    atomic_store(&j->next_session, (uint64_t)session + 1);
    j->first_session = (uint64_t)session + 1;
    return 0;
}

static void boot_read(char out[64])
{
    CLEANUP(fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, 63);
    out[n > 0 ? n : 0] = '\0';
}

/* Did the system itself go down since the last run?  In doubt it did. */
static int boot_is_another(struct db *db, bool *out, struct error *err)
{
    char boot[64];
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT value FROM meta WHERE key = 'boot'");
    int r = stmt_step(&q, err);
    TRY(r);
    const char *then = r == 1 ? stmt_text(&q, 0) : NULL;
    boot_read(boot);
    *out = !then || !boot[0] || strcmp(then, boot) != 0;
    return 0;
}

static int boot_set(struct db *db, struct error *err)
{
    char boot[64];
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "INSERT OR REPLACE INTO meta(key, value) VALUES('boot', ?1)");
    boot_read(boot);
    stmt_bind_text(&q, 1, boot);
    return stmt_run(&q, err);
}

/* A daemon that was only killed left all its writes in memory; a power loss did not. */
static int recover_power(struct journal *j, struct recovery *found, struct error *err)
{
    int64_t clean = 0;
    int64_t first = 0;
    bool another = false;
    TRY(meta_get(j->db, "clean", &clean, err));
    TRY(meta_get(j->db, "running", &first, err));
    TRY(boot_is_another(j->db, &another, err));
    found->power_lost = clean <= 0 && another;
    if (!found->power_lost)
        return 0;
    return recover_torn(j->vault, j->db, (uint64_t)first, found, err);
}

int journal_recover(struct journal *j, struct error *err)
{
    struct recovery found = {0};
    int64_t stored = 0;
    TRY(number(j->db, "SELECT ifnull(max(id), 0) FROM event", &stored, err));
    found.stored = (uint64_t)stored;
    recover_intake(j->root, j->vault, j->intake, &found);
    TRY(writer_drain(j->writer, err));
    TRY(meta_get(j->db, "damaged", &found.damaged, err));
    TRY(recover_power(j, &found, err));
    TRY(recover_open(j->root, j->vault, j->db, &found, err));
    TRY(versions_number(j, &found, err));
    TRY(boot_set(j->db, err)); /* last: what was cut off here still followed a power loss */
    TRY(numbers_set(j, &found, err));
    j->recovered = found.done;
    if (found.damaged > 0)
        log_line("%" PRId64 " records of the journal's intake were damaged and left out",
                 found.damaged);
    return 0;
}

void journal_mark_clean(struct journal *j)
{
    struct error err = ERROR_NONE;
    if (intake_queued(j->intake) > 0)
        return;
    if (durable_all(j->durable, &err) < 0 || writer_let_idle_go(j->writer, &err) < 0 ||
        meta_set(j->db, "clean", (int64_t)vault_new(j->vault), &err) < 0)
        log_error(&err);
}
