/* test_durable.c - what was promised to survive a power loss is on the disk; what is not whole after
 * one is told apart and never put back.
 *
 * A power loss is played by what it leaves: another boot, no clean end, and files that are short,
 * full of zeros or missing. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/intake.h"
#include "journal/journal.h"
#include "journal/schema.h"
#include "journal/vault_sync.h"
#include "tests/support/bare.h"
#include "tests/support/sealed.h"

static int make_workspace(void **state)
{
    unsetenv("CCFS_FAIL");
    make_folder(state);
    assert_int_equal(journal_create(root, NULL), 0);
    return 0;
}

static int remove_workspace(void **state)
{
    unsetenv("CCFS_FAIL");
    return remove_folder(state);
}

static struct journal *given_a_journal_kept(enum durability durability)
{
    struct journal *j = NULL;
    struct error err = ERROR_NONE;
    if (journal_open(root, &j, &err) < 0)
        fail_msg("%s", err.message);
    journal_set_durability(j, durability);
    return j;
}

/* ---- a version, made as an overwrite makes it ---- */

static int begin_write(struct journal *j, uint64_t *version, uint64_t *event, struct error *err)
{
    struct vault *v = journal_vault(j);
    struct change_spec spec = {.op = OP_WRITE, .path = "f", .version = vault_new(v)};
    CLEANUP(fd_close) int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(attr_read(root, "f", &spec.before), 0);
    assert_int_equal(
        vault_copy_in(v, spec.version, fd, (int64_t)spec.before.size, 1 << 20, &spec.kept, err), 0);
    *version = spec.version;
    int r = journal_write_begin(j, &spec, event, err);
    if (r < 0)
        vault_discard(v, spec.version);
    return r;
}

static int begin_blocks(struct journal *j, uint64_t *version, uint64_t *event)
{
    struct vault *v = journal_vault(j);
    int fd = -1;
    struct change_spec spec = {
        .op = OP_WRITE, .path = "f", .version = vault_new(v), .kept = KEPT_BLOCKS};
    assert_int_equal(attr_read(root, "f", &spec.before), 0);
    assert_int_equal(vault_blocks_create(v, spec.version, &fd, NULL), 0);
    assert_int_equal(journal_write_begin(j, &spec, event, NULL), 0);
    assert_int_equal(vault_blocks_add(fd, 0, "0123", 4, NULL), 0);
    assert_int_equal(journal_write_kept(j, spec.version, false, NULL), 0);
    *version = spec.version;
    return fd;
}

static bool is_marked(struct journal *j, uint64_t version)
{
    struct stat st;
    char name[17];
    int at = vault_place(journal_vault(j), version, name);
    assert_int_equal(fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return (st.st_mode & 07777) == VAULT_ON_DISK;
}

static void damage(uint64_t version, void (*how)(int fd))
{
    char name[64];
    vault_name(version, name);
    CLEANUP(fd_close) int fd = openat(root, name, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    how(fd);
}

static void cut_short(int fd)
{
    assert_int_equal(ftruncate(fd, 3), 0);
}

static void fill_with_zeros(int fd)
{
    static const char zeros[10];
    assert_int_equal(pwrite(fd, zeros, sizeof zeros, 0), (ssize_t)sizeof zeros);
}

static void leave_alone(int fd)
{
    (void)fd;
}

/* In a child, which ends without a word; the version that it made.  stored: all of it has left the
 * intake. */
static uint64_t when_killed_as(bool stored, void (*work)(struct journal *j, uint64_t *version))
{
    int ends[2];
    uint64_t version = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        work(j, &version);
        if ((stored && journal_drain(j, NULL) < 0) || write(ends[1], &version, sizeof version) < 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &version, sizeof version), (ssize_t)sizeof version);
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return version;
}

static uint64_t when_killed(void (*work)(struct journal *j, uint64_t *version))
{
    return when_killed_as(true, work);
}

static void overwrite_a_file(struct journal *j, uint64_t *version)
{
    uint64_t event = 0;
    assert_int_equal(begin_write(j, version, &event, NULL), 0);
    const struct range all = {.length = 10};
    journal_write_update(j, event, NULL, &all, 1, true);
}

static void overwrite_blocks(struct journal *j, uint64_t *version)
{
    uint64_t event = 0;
    int fd = begin_blocks(j, version, &event);
    const struct range first = {.length = 4};
    journal_write_update(j, event, NULL, &first, 1, false);
    close(fd);
}

static void name_aside(uint64_t version, char name[64])
{
    vault_name(version, name);
    strcat(name, VAULT_ASIDE);
}

static void another_boot(void)
{
    rows_change(folder, "UPDATE meta SET value = 'an earlier one' WHERE key = 'boot'");
}

/* ---- the stories ---- */

static void strict_has_the_old_bytes_on_the_disk_before_the_new_ones_are_written(void **state)
{
    (void)state;
    uint64_t version = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    struct journal *j = given_a_journal_kept(DURABILITY_STRICT);
    assert_int_equal(begin_write(j, &version, &event, NULL), 0);
    assert_true(is_marked(j, version));
    journal_close(&j);
}

static void relaxed_does_not_wait_but_an_fsync_does(void **state)
{
    (void)state;
    uint64_t version = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(begin_write(j, &version, &event, NULL), 0);
    assert_int_equal(journal_make_durable(j, NULL), 0);
    assert_true(is_marked(j, version));
    journal_close(&j);
}

static void blocks_are_marked_when_no_more_will_come(void **state)
{
    (void)state;
    uint64_t version = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    struct journal *j = given_a_journal_kept(DURABILITY_STRICT);
    int fd = begin_blocks(j, &version, &event);
    assert_false(is_marked(j, version));
    assert_int_equal(journal_write_kept(j, version, true, NULL), 0);
    assert_int_equal(journal_make_durable(j, NULL), 0);
    assert_true(is_marked(j, version));
    close(fd);
    journal_close(&j);
}

static void an_orderly_end_leaves_everything_on_the_disk(void **state)
{
    (void)state;
    uint64_t version = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(begin_write(j, &version, &event, NULL), 0);
    journal_close(&j);
    j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_true(is_marked(j, version));
    journal_close(&j);
}

static void without_the_disk_nothing_is_destroyed(void **state)
{
#ifdef CCFS_FAULTS
    static const char *const faults[] = {"vault_sync:5", "intake_sync:5"};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        uint64_t version = 0;
        uint64_t event = 0;
        struct error err = ERROR_NONE;
        test_file_text(root, "f", "0123456789");
        struct journal *j = given_a_journal_kept(DURABILITY_STRICT);
        char fault[64]; /* passages are counted for the whole process: all of them */
        snprintf(fault, sizeof fault, "%s:1:1000", faults[i]);
        setenv("CCFS_FAIL", fault, 1);
        assert_int_equal(begin_write(j, &version, &event, &err), -EIO);
        assert_true(err.message[0]);
        assert_false(vault_has(journal_vault(j), version));
        assert_int_equal(journal_make_durable(j, NULL), i == 0 ? 0 : -EIO);
        unsetenv("CCFS_FAIL"); /* the disk is well again */
        assert_int_equal(begin_write(j, &version, &event, NULL), 0);
        assert_true(is_marked(j, version));
        journal_close(&j);
        assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 10 AND outcome = 2 AND version "
                             "IS NULL"),
                         (int64_t)i + 1);
    }
#endif
    (void)state;
}

static void after_a_kill_every_version_is_taken_as_it_is(void **state)
{
    (void)state;
    test_file_text(root, "f", "0123456789");
    uint64_t version = when_killed(overwrite_a_file);
    damage(version, cut_short); /* not what a kill does: nobody looks */
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(journal_recovered(j).torn, 0);
    assert_true(vault_has(journal_vault(j), version));
    journal_close(&j);
}

static void after_a_power_loss_a_torn_copy_is_out_of_use(void **state)
{
    static void (*const damages[])(int fd) = {cut_short, fill_with_zeros, leave_alone};
    remove_workspace(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        make_workspace(state);
        test_file_text(root, "f", "0123456789");
        uint64_t version = when_killed(overwrite_a_file);
        bool whole = damages[i] == leave_alone;
        damage(version, damages[i]);
        another_boot();
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        bool clone = ask("SELECT count(*) FROM version WHERE kept = 2") == 1;
        /* Clones are not summed: they cannot be torn. */
        whole |= clone && damages[i] == fill_with_zeros;
        assert_int_equal(journal_recovered(j).torn, whole ? 0 : 1);
        assert_int_equal(vault_has(journal_vault(j), version), whole);
        journal_close(&j);
        assert_int_equal(ask("SELECT state FROM version"), whole ? VERSION_KEPT : VERSION_TORN);
        remove_workspace(state);
    }
    make_workspace(state);
}

static void after_a_power_loss_a_missing_copy_is_known_as_such(void **state)
{
    (void)state;
    char name[64];
    test_file_text(root, "f", "0123456789");
    uint64_t version = when_killed(overwrite_a_file);
    vault_name(version, name);
    assert_int_equal(unlinkat(root, name, 0), 0);
    another_boot();
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(journal_recovered(j).torn, 1);
    journal_close(&j);
    j = given_a_journal_kept(DURABILITY_RELAXED); /* said once */
    assert_int_equal(journal_recovered(j).torn, 0);
    journal_close(&j);
}

static void remove_a_file(struct journal *j, uint64_t *version)
{
    struct change change = CHANGE_NONE;
    struct change_spec spec = {
        .op = OP_UNLINK, .path = "f", .version = vault_new(journal_vault(j)), .kept = KEPT_INODE};
    assert_int_equal(attr_read(root, "f", &spec.before), 0);
    assert_int_equal(journal_begin(j, &spec, &change, NULL), 0);
    journal_confirm(&change, NULL); /* the rename into the vault did not reach the disk */
    *version = spec.version;
}

static void a_removal_that_did_not_reach_the_disk_is_known_as_such(void **state)
{
    (void)state;
    test_file_text(root, "f", "0123456789");
    when_killed(remove_a_file);
    another_boot();
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(journal_recovered(j).torn, 1);
    journal_close(&j);
    assert_true(test_exists(root, "f"));
}

static void open_a_file_for_writing(struct journal *j, uint64_t *version)
{
    uint64_t event = 0;
    const struct timespec ticks = {.tv_nsec = 2 * ATTR_TICK_NS};
    nanosleep(&ticks, NULL); /* the file is older than one */
    assert_int_equal(begin_write(j, version, &event, NULL), 0);
}

/* The new bytes were on the disk, the new times were not. */
static void after_a_power_loss_old_times_do_not_prove_old_bytes(void **state)
{
    for (int power_lost = 0; power_lost < 2; power_lost++) {
        test_file_text(root, "f", "0123456789");
        uint64_t version = when_killed(open_a_file_for_writing);
        if (power_lost)
            another_boot();
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        journal_close(&j);
        assert_int_equal(ask("SELECT outcome FROM event WHERE version NOT NULL"),
                         power_lost ? OUTCOME_OK : OUTCOME_NOTHING);
        assert_true(version > 0);
        remove_workspace(state);
        make_workspace(state);
    }
}

/* Else it would be missing after a power loss, of a change that nobody says did not happen. */
static void what_no_change_needed_goes_when_the_disk_knows(void **state)
{
    (void)state;
#ifdef CCFS_FAULTS
    uint64_t first = 0;
    uint64_t second = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    assert_int_equal(begin_write(j, &first, &event, NULL), 0);
    setenv("CCFS_FAIL", "intake_sync:5:1:1000", 1);
    journal_write_nothing(j, event);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_true(vault_has(journal_vault(j), first));
    unsetenv("CCFS_FAIL");
    assert_int_equal(begin_write(j, &second, &event, NULL), 0);
    journal_write_nothing(j, event);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_false(vault_has(journal_vault(j), first));
    assert_false(vault_has(journal_vault(j), second));
    journal_close(&j);
#endif
}

#ifdef CCFS_FAULTS
/* The disk takes nothing of the intake meanwhile. */
static uint64_t given_what_no_change_needed(struct journal *j)
{
    uint64_t version = 0;
    uint64_t event = 0;
    test_file_text(root, "f", "0123456789");
    assert_int_equal(begin_write(j, &version, &event, NULL), 0);
    setenv("CCFS_FAIL", "intake_sync:5:1:1000000", 1);
    journal_write_nothing(j, event);
    assert_int_equal(journal_drain(j, NULL), 0);
    assert_true(vault_has(journal_vault(j), version));
    return version;
}
#endif

/* Nothing else knows of it any more: what is forgotten here stays in the vault for ever. */
static void what_no_change_needed_goes_also_after_a_batch_that_failed(void **state)
{
    (void)state;
#ifdef CCFS_FAULTS
    struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
    uint64_t version = given_what_no_change_needed(j);
    uint64_t second = 0;
    uint64_t event = 0;
    setenv("CCFS_FAIL", "writer_commit:5:1:1000000", 1);
    assert_int_equal(begin_write(j, &second, &event, NULL), 0);
    assert_int_equal(journal_drain(j, NULL), -EIO);
    assert_true(vault_has(journal_vault(j), version));
    unsetenv("CCFS_FAIL");
    while (journal_drain(j, NULL) < 0) /* it is tried again each second */
        ;
    assert_false(vault_has(journal_vault(j), version));
    assert_true(vault_has(journal_vault(j), second));
    journal_close(&j);
#else
    skip();
#endif
}

static void what_no_change_needed_goes_with_the_journal_s_end_or_the_next_start(void **state)
{
    (void)state;
#ifdef CCFS_FAULTS
    for (int disk_is_back = 0; disk_is_back < 2; disk_is_back++) {
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        uint64_t version = given_what_no_change_needed(j);
        if (disk_is_back)
            unsetenv("CCFS_FAIL");
        journal_close(&j);
        unsetenv("CCFS_FAIL");
        char name[64];
        vault_name(version, name);
        assert_int_equal(test_exists(root, name), !disk_is_back);
        j = given_a_journal_kept(DURABILITY_RELAXED);
        assert_false(vault_has(journal_vault(j), version));
        journal_close(&j);
    }
#else
    skip();
#endif
}

/* It stays in the intake: an earlier change is still under way. */
static void begin_behind_another(struct journal *j, uint64_t *version)
{
    struct change pending = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_MKDIR, .path = "d"};
    uint64_t event = 0;
    assert_int_equal(journal_begin(j, &spec, &pending, NULL), 0);
    assert_int_equal(begin_write(j, version, &event, NULL), 0);
}

/* Their heads are on the disk, what they say is not. */
static void tear_the_records(void)
{
    static char bytes[1 << 20];
    CLEANUP(fd_close) int fd = openat(root, ".ccfs/intake", O_RDWR | O_CLOEXEC);
    assert_int_equal(fd_pread_all(fd, bytes, sizeof bytes, 0), 0);
    for (size_t at = 4096; at + 64 < sizeof bytes; at += 64) {
        const struct record *r = (const void *)(bytes + at);
        if (memcmp(bytes + at, "CCFR", 4) != 0 || r->payload_bytes == r->open_bytes)
            continue;
        off_t sealed = (off_t)(at + sizeof *r + r->open_bytes);
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, sealed), 4);
    }
}

static void after_a_power_loss_a_version_of_a_torn_record_is_set_aside(void **state)
{
    remove_workspace(state);
    for (int power_lost = 0; power_lost < 2; power_lost++) {
        make_workspace(state);
        char aside[64];
        test_file_text(root, "f", "0123456789");
        uint64_t version = when_killed_as(false, begin_behind_another);
        tear_the_records();
        if (power_lost)
            another_boot();
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        assert_int_equal(ask("SELECT count(*) FROM version"), 0);
        assert_int_equal(vault_has(journal_vault(j), version), !power_lost);
        name_aside(version, aside);
        assert_int_equal(test_exists(root, aside), power_lost);
        journal_close(&j);
        remove_workspace(state);
    }
    make_workspace(state);
}

#ifdef CCFS_FAULTS
static void recover_and_die(const char *at)
{
    int status = 0;
    struct journal *j = NULL;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("CCFS_FAULT", at, 1);
        _exit(journal_open(root, &j, NULL) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}
#endif

/* Else the second one would find a version of which nobody knows, and nothing that could know it. */
static void a_recovery_that_is_cut_off_leaves_word_of_the_damage(void **state)
{
#ifdef CCFS_FAULTS
    static const char *const steps[] = {"writer_committed", "writer_moved_tail"};
    remove_workspace(state);
    for (size_t i = 0; i < 2 * COUNT_OF(steps); i++) {
        bool power_lost = i % 2;
        char aside[64];
        make_workspace(state);
        test_file_text(root, "f", "0123456789");
        uint64_t version = when_killed_as(false, begin_behind_another);
        tear_the_records();
        if (power_lost)
            another_boot();
        recover_and_die(steps[i / 2]);
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        vault_name(version, aside);
        assert_int_equal(test_exists(root, aside), !power_lost);
        name_aside(version, aside);
        assert_int_equal(test_exists(root, aside), power_lost);
        journal_close(&j);
        assert_int_equal(ask("SELECT count(*) FROM meta WHERE key = 'damaged'"), 0);
        remove_workspace(state);
    }
    make_workspace(state);
#else
    (void)state;
    skip();
#endif
}

static void the_number_of_what_was_set_aside_is_not_given_again(void **state)
{
    (void)state;
    uint64_t last = 0;
    test_file_text(root, "f", "0123456789");
    for (int i = 0; i < 3; i++) {
        uint64_t version = when_killed_as(false, begin_behind_another);
        assert_true(version > last);
        last = version;
        tear_the_records();
        another_boot();
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        char aside[64];
        name_aside(version, aside);
        assert_true(test_exists(root, aside));
        if (i == 1) /* by somebody who needed the room */
            assert_int_equal(unlinkat(root, aside, 0), 0);
        journal_close(&j);
    }
}

static void blocks_that_lack_a_changed_byte_are_torn(void **state)
{
    static void (*const damages[])(int fd) = {cut_short, leave_alone};
    remove_workspace(state);
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        make_workspace(state);
        test_file_text(root, "f", "0123456789");
        uint64_t version = when_killed(overwrite_blocks);
        damage(version, damages[i]);
        another_boot();
        struct journal *j = given_a_journal_kept(DURABILITY_RELAXED);
        assert_int_equal(journal_recovered(j).torn, damages[i] == cut_short);
        journal_close(&j);
        remove_workspace(state);
    }
    make_workspace(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, make_workspace, remove_workspace)
        STORY(strict_has_the_old_bytes_on_the_disk_before_the_new_ones_are_written),
        STORY(relaxed_does_not_wait_but_an_fsync_does),
        STORY(blocks_are_marked_when_no_more_will_come),
        STORY(an_orderly_end_leaves_everything_on_the_disk),
        STORY(without_the_disk_nothing_is_destroyed),
        STORY(after_a_kill_every_version_is_taken_as_it_is),
        STORY(after_a_power_loss_a_torn_copy_is_out_of_use),
        STORY(after_a_power_loss_a_missing_copy_is_known_as_such),
        STORY(after_a_power_loss_old_times_do_not_prove_old_bytes),
        STORY(after_a_power_loss_a_version_of_a_torn_record_is_set_aside),
        STORY(a_recovery_that_is_cut_off_leaves_word_of_the_damage),
        STORY(the_number_of_what_was_set_aside_is_not_given_again),
        STORY(what_no_change_needed_goes_when_the_disk_knows),
        STORY(what_no_change_needed_goes_also_after_a_batch_that_failed),
        STORY(what_no_change_needed_goes_with_the_journal_s_end_or_the_next_start),
        STORY(a_removal_that_did_not_reach_the_disk_is_known_as_such),
        STORY(blocks_that_lack_a_changed_byte_are_torn),
#undef STORY
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
