/* look.c - see look.h. */
#include "launcher/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "journal/vault.h"
#include "launcher/config.h"
#include "launcher/when.h"

#define PATIENCE (8 * NS_PER_S) /* somebody else holds the journal for a moment */
#define SILENCE (2 * NS_PER_S)  /* then we say for what we wait */

static void wait_a_moment(void)
{
    struct timespec moment = {.tv_nsec = 100000000};
    nanosleep(&moment, NULL);
}

/* An undo without a daemon keeps what it replaces as a daemon would.  In doubt strictly. */
static void choose_durability(struct look *look, struct journal *journal)
{
    CLEANUP(config_release) struct config config = {0};
    bool known = config_load(&look->workspace, &config, NULL) == 0;
    journal_set_durability(journal, known ? config.durability : DURABILITY_STRICT);
}

/* One try: 0, -EBUSY when neither a daemon nor we have it right now. */
static int take(struct look *look, struct journal **journal, struct error *err)
{
    control_close(&look->daemon);
    int runs = control_connect(look->workspace.root, &look->daemon, err);
    TRY(runs);
    if (runs)
        return 0;
    TRY(journal_open(look->workspace.root, journal, err));
    choose_durability(look, *journal);
    return 0;
}

int look_take_journal(struct look *look, struct journal **journal, struct error *err)
{
    const int64_t began = clock_now_ns();
    bool told = false;
    *journal = NULL;
    for (;;) {
        int r = take(look, journal, err);
        int64_t waited = clock_now_ns() - began;
        if (r != -EBUSY || waited > PATIENCE)
            return r;
        if (waited > SILENCE && !told && err)
            log_line("waiting: %s", err->message);
        told |= waited > SILENCE;
        wait_a_moment();
    }
}

static void note_reading(struct journal *journal)
{
    struct change_spec spec = {
        .op = OP_HISTORY,
        .who = journal_actor(journal, getpid(), getuid(), getgid()),
        .tid = getpid(),
    };
    journal_note(journal, &spec, OUTCOME_OK, 0, NULL);
}

static int ask_daemon(struct look *look, struct error *err)
{
    look->daemon.slow = "waiting for the daemon to write the journal: does another program hold "
                        ".ccfs/journal.db locked?";
    TRY(control_ask(&look->daemon, "note-history", NULL, NULL, err));
    return control_ask(&look->daemon, "drain", NULL, NULL, err);
}

static int freshen(struct look *look, struct error *err)
{
    struct journal *journal = NULL;
    int r = look_take_journal(look, &journal, err);
    if (r == 0 && journal)
        note_reading(journal);
    journal_close(&journal);
    if (r == 0 && look->daemon.fd >= 0)
        return ask_daemon(look, err);
    if (r == -EROFS) { /* nothing can be waiting to be written either */
        log_line("the workspace is read-only: what an earlier run left behind is not shown");
        return 0;
    }
    return r;
}

int look_open(const struct cli *cli, struct look *out, struct error *err)
{
    TRY(workspace_open(cli, &out->workspace, err));
    int r = freshen(out, err);
    if (r == -EPIPE) /* the daemon ended meanwhile */
        r = freshen(out, err);
    TRY(r);
    return history_open(out->workspace.root, &out->history, err);
}

void look_close(struct look *look)
{
    history_close(&look->history);
    control_close(&look->daemon);
    workspace_close(&look->workspace);
}

/* ---- what a person typed ---- */

static int misuse(struct error *err, const char *typed, const char *sentence)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    text_escape(&shown, typed, strlen(typed));
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "%.300s %s", strbuf_text(&shown), sentence);
}

/* What of path lies below folder; NULL: nothing. */
static const char *below(const char *path, const char *folder)
{
    size_t bytes = strlen(folder);
    while (bytes > 0 && folder[bytes - 1] == '/')
        bytes--;
    if (bytes == 0 || strncmp(path, folder, bytes) != 0)
        return NULL;
    return path[bytes] == '/' || path[bytes] == '\0' ? path + bytes : NULL;
}

static const char *below_mountpoint(struct look *look, const char *path)
{
    if (look->daemon.fd < 0 || control_ask(&look->daemon, "status", NULL, NULL, NULL) < 0)
        return NULL;
    const char *mountpoint = control_value(&look->daemon, "mountpoint");
    return mountpoint ? below(path, mountpoint) : NULL;
}

/* Leaves out empty and "." components.  false: there is a "..". */
static bool tidy(struct strbuf *out, const char *path)
{
    strbuf_add(out, "", 0);
    while (*path) {
        size_t bytes = strcspn(path, "/");
        bool dots = bytes == 2 && memcmp(path, "..", 2) == 0;
        if (dots)
            return false;
        if (bytes && !(bytes == 1 && *path == '.')) {
            strbuf_add_text(out, out->bytes ? "/" : "");
            strbuf_add(out, path, bytes);
        }
        path += bytes + (path[bytes] == '/');
    }
    return true;
}

int look_path(struct look *look, const char *typed, char **out, struct error *err)
{
    const char *relative = typed;
    if (*typed == '/') {
        relative = below(typed, look->workspace.path);
        if (!relative)
            relative = below_mountpoint(look, typed);
        if (!relative)
            return misuse(err, typed,
                          "is not in the workspace; name it as history does, like Projects/site");
    }
    CLEANUP(strbuf_release) struct strbuf tidied = STRBUF_EMPTY;
    if (!tidy(&tidied, relative))
        return misuse(err, typed, "has \"..\" in it; name it in full");
    *out = strbuf_take(&tidied);
    return *out ? 0 : error_set(err, ENOMEM, "read a path");
}

int look_time(const char *option, const char *typed, int64_t *out, struct error *err)
{
    if (!typed || when_parse(typed, clock_now_ns(), out, err) == 0)
        return 0;
    err->code = EXIT_AS_ERROR(EXIT_USAGE);
    return error_prefix(err, -EINVAL, "%s", option);
}

static int keep_number(const struct session *session, void *context)
{
    uint64_t *number = context;
    *number = session->id;
    return 0;
}

int look_session(struct look *look, const char *selector, uint64_t *out, struct error *err)
{
    return history_sessions(look->history, selector, keep_number, out, err);
}

/* Digits, perhaps behind '#', up to *at. */
static bool take_number(const char **at, uint64_t *out)
{
    const char *digits = *at + (**at == '#');
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 18)
        return false;
    *out = 0;
    for (size_t i = 0; i < count; i++)
        *out = *out * 10 + (uint64_t)(digits[i] - '0');
    *at = digits + count;
    return *out > 0;
}

bool look_event_number(const char *typed, uint64_t *first, uint64_t *last)
{
    const char *at = typed;
    if (!take_number(&at, first))
        return false;
    if (!last)
        return *at == '\0';
    *last = *first;
    if (*at == '-') {
        at++;
        if (!take_number(&at, last))
            return false;
    }
    return *at == '\0' && *first <= *last;
}

int look_vault(const struct workspace *w, uint64_t *bytes, uint64_t *versions, struct error *err)
{
    struct vault *vault = NULL;
    CLEANUP(fd_close) int state = fd_open_beneath(w->root, STATE_FOLDER, O_RDONLY | O_DIRECTORY, 0);
    if (state < 0)
        return error_set(err, -state, "open the workspace's " STATE_FOLDER);
    TRY(vault_open(state, &vault, err));
    int r = vault_usage(vault, bytes, versions);
    vault_close(&vault);
    return r < 0 ? error_set(err, -r, "measure the vault") : 0;
}
