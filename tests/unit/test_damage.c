/* Bits that turn and files that are cut short, anywhere in the state folder: nothing crashes, what
 * verify finds is told, and an undo gives back what was there or nothing; a journal whose rows were
 * changed is found, be it by the undo or by verify.
 *
 * DAMAGE_ROUNDS=N: more; DAMAGE_SEED=N: that one. */
#include <dirent.h>
#include <sys/wait.h>
#include <time.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/verify.h"
#include "tests/support/deeds.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

#define ROUNDS 15
#define ROUNDS_HASHED 6 /* checksums take their time */
#define PATIENCE_S 60
#define MOMENTS 32

/* ---- a story, and every state that it went through ---- */

struct tale {
    struct mediator m;
    char *moments[MOMENTS];
    size_t count;
    uint64_t first; /* the first event that is to be undone */
};

static void note(struct tale *t)
{
    assert_true(t->count < MOMENTS);
    t->moments[t->count++] = tree_look(&t->m);
}

static void begin(struct mediator *m)
{
    char large[20000];
    memset(large, 'L', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    do_mkdir(m, "d");
    do_create(m, "d/kept", "this one is deleted");
    do_create(m, "d/over", "this one is overwritten");
    do_create(m, "d/blocks", large);
    do_create(m, "d/replaced", "this one is replaced");
    do_create(m, "d/short", "this one is made shorter");
    do_create(m, "d/swapped", "this one gets another inode");
    do_setxattr(m, "d/over", "user.one", "first");
}

static void damage_all(struct tale *t)
{
    struct mediator *m = &t->m;
    note(t);
    do_write(m, "d/over", 0, "THIS", CAPTURE_COPY), note(t);
    do_write(m, "d/blocks", 5000, "THAT", CAPTURE_BLOCKS), note(t);
    do_truncate(m, "d/short", 4, CAPTURE_BLOCKS), note(t);
    do_truncate_swapped(m, "d/swapped"), note(t);
    do_setxattr(m, "d/over", "user.one", "second"), note(t);
    do_rename(m, "d/over", "d/replaced"), note(t);
    do_unlink(m, "d/kept"), note(t);
    do_create(m, "d/new", "this one is new"), note(t);
    do_chmod(m, "d/blocks", 0600), note(t);
}

static int64_t not_hashed(const struct tale *t)
{
    char path[128];
    CLEANUP(db_close) struct db *db = NULL;
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", t->m.path);
    assert_int_equal(db_open(path, DB_READ, &db, NULL), 0);
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "SELECT 6 - count(*) FROM version v WHERE EXISTS"
                                 " (SELECT 1 FROM hash h WHERE h.event = v.event AND h.side <> 1)");
    assert_int_equal(stmt_step(&q, NULL), 1);
    return stmt_int(&q, 0);
}

/* All six that were kept: what is not, only its size and times can tell. */
static void wait_until_hashed(const struct tale *t)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    assert_int_equal(journal_drain(t->m.journal, NULL), 0);
    for (int i = 0; i < 3000 && not_hashed(t) > 0; i++)
        nanosleep(&moment, NULL);
    assert_int_equal(not_hashed(t), 0);
}

static void given_tale(struct tale *t, bool hashed)
{
    struct error err = ERROR_NONE;
    *t = (struct tale){0};
    mediator_open(&t->m);
    if (journal_keep_proof(t->m.journal, NULL, &err) < 0)
        fail_msg("%s", err.message);
    begin(&t->m);
    t->first = t->m.last + 1;
    damage_all(t);
    if (hashed)
        wait_until_hashed(t);
    journal_close(&t->m.journal);
}

static void forget(struct tale *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->moments[i]);
    mediator_close(&t->m);
}

/* ---- what is damaged ---- */

enum target {
    TARGET_JOURNAL,
    TARGET_INTAKE,
    TARGET_VAULT,
};

/* The one at `wanted` of those in the vault; their number. */
static size_t vault_file(const struct tale *t, size_t wanted, char path[320])
{
    size_t count = 0;
    for (unsigned folder = 0; folder < 256; folder++) {
        char name[128];
        snprintf(name, sizeof name, "%s/.ccfs/vault/%02x", t->m.path, folder);
        DIR *dir = opendir(name);
        assert_non_null(dir);
        for (const struct dirent *e; (e = readdir(dir));)
            if (e->d_name[0] != '.' && count++ == wanted)
                snprintf(path, 320, "%s/%.100s", name, e->d_name);
        closedir(dir);
    }
    return count;
}

static void find_target(const struct tale *t, enum target target, struct dice *dice, char path[320])
{
    if (target == TARGET_VAULT) {
        size_t count = vault_file(t, SIZE_MAX, path);
        assert_true(count > 0);
        vault_file(t, dice_roll(dice, (unsigned)count), path);
        return;
    }
    snprintf(path, 320, "%s/.ccfs/%s", t->m.path,
             target == TARGET_JOURNAL ? "journal.db" : "intake");
}

static void turn_bits(int fd, off_t size, struct dice *dice)
{
    for (unsigned bit = dice_roll(dice, 3) + 1; bit > 0; bit--) { /* another one each time */
        unsigned char byte;
        off_t at = (off_t)dice_roll(dice, (unsigned)size);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte = (unsigned char)(byte ^ 1U << bit);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
}

static void damage(const struct tale *t, enum target target, struct dice *dice)
{
    char path[320];
    struct stat st;
    find_target(t, target, dice, path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    off_t sized = target == TARGET_INTAKE && st.st_size > 16384 ? 16384 : st.st_size;
    if (sized == 0)
        assert_int_equal(ftruncate(fd, 1), 0);
    else if (dice_roll(dice, 4) == 0)
        assert_int_equal(ftruncate(fd, (off_t)dice_roll(dice, (unsigned)sized)), 0);
    else
        turn_bits(fd, sized, dice);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
}

/* ---- looking at it, in a process of its own ---- */

enum answer {
    ANSWER_SOUND = 40, /* nothing was found, or undone */
    ANSWER_DAMAGED,    /* found, or refused */
};

static void count_problem(void *context, int64_t event, const char *says)
{
    (void)event;
    print_message("%s\n", says);
    ++*(unsigned *)context;
}

static enum answer verified(struct tale *t)
{
    const struct verify_wish wish = {0};
    struct verify_result result = {0};
    struct error err = ERROR_NONE;
    unsigned problems = 0;
    int r = verify_journal(t->m.root, &wish, count_problem, &problems, &result, &err);
    print_message("%s\n", err.message);
    return r < 0 || problems ? ANSWER_DAMAGED : ANSWER_SOUND;
}

struct found {
    uint64_t ids[256];
    size_t count;
};

static int see(const struct event *e, void *context)
{
    struct found *all = context;
    if (all->count < COUNT_OF(all->ids))
        all->ids[all->count++] = e->id;
    return 0;
}

/* As ccfs undo does it, without a daemon. */
static int undo(struct tale *t, struct error *err)
{
    struct found all = {0};
    struct history *h = NULL;
    struct undo_plan *plan = NULL;
    struct undo_result result;
    struct history_filter filter = HISTORY_ALL;
    filter.first_id = t->first;
    TRY(journal_open(t->m.root, &t->m.journal, err));
    int r = history_open(t->m.root, &h, err);
    if (r == 0)
        r = history_events(h, &filter, see, &all, err);
    if (r >= 0)
        r = undo_plan_make(h, t->m.root, all.ids, all.count, 0, &plan, err);
    if (r == 0)
        r = undo_apply(t->m.journal, t->m.root, plan, (struct actor_ref){0}, NULL, &result, err);
    undo_plan_free(&plan);
    history_close(&h);
    journal_close(&t->m.journal);
    return r;
}

static enum answer undone(struct tale *t)
{
    struct error err = ERROR_NONE;
    int r = undo(t, &err);
    print_message("%s\n", err.message);
    return r < 0 ? ANSWER_DAMAGED : ANSWER_SOUND;
}

static enum answer ask(struct tale *t, enum answer (*question)(struct tale *))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_S);
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        int answer = (int)question(t);
        fflush(NULL);
        _exit(answer);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    bool answered = WIFEXITED(status) &&
                    (WEXITSTATUS(status) == ANSWER_SOUND || WEXITSTATUS(status) == ANSWER_DAMAGED);
    if (!answered)
        fail_msg("a damaged workspace ended a process with status %x", (unsigned)status);
    return (enum answer)WEXITSTATUS(status);
}

/* ---- what is there then ---- */

/* Name and content of a line of tree_text(), or nothing where it is no file. */
static void content_of(const char *line, size_t bytes, char out[512])
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)bytes, line);
    const char *size = strstr(text, " size ");
    snprintf(out, 512, "%.*s%s", size ? (int)strcspn(text, " ") : 0, text, size ? size : "");
    char *xattrs = strstr(out, " user.");
    if (xattrs)
        *xattrs = '\0';
}

static bool was_once(const struct tale *t, const char *content)
{
    for (size_t i = 0; i < t->count; i++)
        for (const char *line = t->moments[i]; *line; line += strcspn(line, "\n") + 1) {
            char then[512];
            content_of(line, strcspn(line, "\n"), then);
            if (strcmp(then, content) == 0)
                return true;
        }
    return false;
}

/* Each file has a content that it had once. */
static bool is_nothing_wrong(const struct tale *t)
{
    char *now = tree_look(&t->m);
    bool sound = true;
    for (const char *line = now; *line; line += strcspn(line, "\n") + 1) {
        char content[512];
        content_of(line, strcspn(line, "\n"), content);
        if (content[0] && !was_once(t, content)) {
            print_message("never was: %s\n", content);
            sound = false;
        }
    }
    free(now);
    return sound;
}

static bool is_as_it_began(const struct tale *t)
{
    char *now = tree_look(&t->m);
    bool same = strcmp(now, t->moments[0]) == 0;
    free(now);
    return same;
}

/* ---- rounds ---- */

static void play(enum target target, uint64_t seed)
{
    struct tale t;
    struct dice dice = {seed * 0x9e3779b97f4a7c15U};
    print_message("DAMAGE_SEED=%llu\n", (unsigned long long)seed);
    given_tale(&t, target == TARGET_VAULT);
    damage(&t, target, &dice);
    enum answer found = ask(&t, verified);
    enum answer given = ask(&t, undone);
    bool sound = is_nothing_wrong(&t);
    if (!sound && (target != TARGET_JOURNAL || found == ANSWER_SOUND))
        fail_msg("a wrong content was given back");
    if (given == ANSWER_SOUND && found == ANSWER_SOUND && !is_as_it_began(&t))
        fail_msg("damage that nobody noticed");
    if (target == TARGET_VAULT && found == ANSWER_SOUND)
        fail_msg("verify does not find a changed content");
    forget(&t);
}

static void play_all(enum target target)
{
    const char *wanted = getenv("DAMAGE_ROUNDS");
    const char *only = getenv("DAMAGE_SEED");
    uint64_t usual = target == TARGET_VAULT ? ROUNDS_HASHED : ROUNDS;
    uint64_t rounds = wanted ? strtoull(wanted, NULL, 10) : usual;
    if (only)
        play(target, strtoull(only, NULL, 10));
    for (uint64_t seed = 1; !only && seed <= rounds; seed++)
        play(target, seed);
}

static void a_damaged_vault_gives_back_nothing_wrong(void **state)
{
    (void)state;
    play_all(TARGET_VAULT);
}

static void a_damaged_journal_gives_back_nothing_wrong_unnoticed(void **state)
{
    (void)state;
    play_all(TARGET_JOURNAL);
}

static void a_damaged_intake_gives_back_nothing_wrong(void **state)
{
    (void)state;
    play_all(TARGET_INTAKE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_vault_gives_back_nothing_wrong),
        cmocka_unit_test(a_damaged_journal_gives_back_nothing_wrong_unnoticed),
        cmocka_unit_test(a_damaged_intake_gives_back_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
