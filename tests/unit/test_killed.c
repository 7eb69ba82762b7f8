/* test_killed.c - whoever writes the journal is killed: what the next one finds, it settles. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/support/bare.h"

/* Runs work() in a process that is killed by the fault, or kills itself at the end. */
static void when_killed(void (*work)(struct journal *j), const char *fault)
{
    assert_int_equal(journal_create(root, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct journal *j = NULL;
        setenv("CCFS_FAULT", fault, 1);
        if (journal_open(root, &j, NULL) < 0)
            _exit(1);
        work(j);
        raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void make_three_folders(struct journal *j)
{
    for (int i = 0; i < 3; i++) {
        char name[16];
        struct change c = CHANGE_NONE;
        snprintf(name, sizeof name, "d%d", i);
        if (journal_begin(j, &(struct change_spec){.op = OP_MKDIR, .path = name}, &c, NULL) < 0)
            _exit(1);
        mkdirat(root, name, 0755);
        struct attr a = {0};
        if (attr_read(root, name, &a) < 0)
            _exit(1);
        journal_confirm(&c, &a);
    }
    if (journal_drain(j, NULL) < 0)
        _exit(1);
}

/* Whatever the instant: each folder that is there has exactly one event that says so, and no other.
 */
static void a_kill_at_any_step_loses_no_change_and_invents_none(void **state)
{
    static const char *const faults[] = {
        "intake_take",       "intake_take:3",
        "intake_reserved:2", "begin_filled:2",
        "intake_pending",    "intake_pending:3",
        "intake_finish:2",   "intake_finished:2",
        "intake_done",       "writer_committed",
        "writer_moved_tail", "end_filled:2",
        "end_filled:4",      "none",
    };
    remove_folder(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        make_folder(state);
        when_killed(make_three_folders, faults[i]);
        struct journal *j = NULL;
        struct error err = ERROR_NONE;
        if (journal_open(root, &j, &err) < 0)
            fail_msg("%s: %s", faults[i], err.message);
        journal_close(&j);
        int there = 0;
        for (int d = 0; d < 3; d++) {
            char name[16];
            snprintf(name, sizeof name, "d%d", d);
            there += test_exists(root, name);
        }
        int64_t told = ask("SELECT count(*) FROM event WHERE op = 2 AND outcome = 0 AND a_ino > 0");
        if (told != there)
            fail_msg("%s: %d folders, %d events", faults[i], there, (int)told);
        assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 2 AND outcome = 3"), 0);
        remove_folder(state);
    }
    make_folder(state);
}

static void remove_by_moving(struct journal *j)
{
    struct vault *v = journal_vault(j);
    struct change_spec spec = {
        .op = OP_UNLINK, .path = "f", .version = vault_new(v), .kept = KEPT_INODE};
    struct change c = CHANGE_NONE;
    if (attr_read(root, "f", &spec.before) < 0 || journal_begin(j, &spec, &c, NULL) < 0 ||
        vault_move_in(v, spec.version, root, "f", NULL) < 0)
        _exit(1);
    journal_confirm(&c, NULL);
}

static void remove_by_linking(struct journal *j)
{
    struct vault *v = journal_vault(j);
    struct change_spec spec = {
        .op = OP_UNLINK, .path = "f", .version = vault_new(v), .kept = KEPT_INODE};
    struct change c = CHANGE_NONE;
    if (attr_read(root, "f", &spec.before) < 0 ||
        vault_link_in(v, spec.version, root, "f", NULL) < 0 ||
        journal_begin(j, &spec, &c, NULL) < 0)
        _exit(1);
    unlinkat(root, "f", 0);
    journal_confirm(&c, NULL);
}

static void truncate_a_copy(struct journal *j)
{
    struct vault *v = journal_vault(j);
    struct change_spec spec = {.op = OP_TRUNCATE, .path = "f", .version = vault_new(v)};
    struct change c = CHANGE_NONE;
    int fd = openat(root, "f", O_RDWR);
    if (attr_read(root, "f", &spec.before) < 0 ||
        vault_copy_in(v, spec.version, fd, 4, 100, &spec.kept, NULL) < 0 ||
        journal_begin(j, &spec, &c, NULL) < 0 || ftruncate(fd, 1) < 0)
        _exit(1);
    journal_confirm(&c, NULL);
}

static void a_kill_never_loses_the_bytes_and_leaves_no_orphan(void **state)
{
    static const char *const faults[] = {"intake_reserved:1", "intake_reserved:2", "intake_pending",
                                         "intake_finish",     "intake_finished",   "none"};
    static void (*const works[])(struct journal *) = {remove_by_moving, remove_by_linking,
                                                      truncate_a_copy};
    remove_folder(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(faults) * COUNT_OF(works); i++) {
        make_folder(state);
        test_file_text(root, "f", "1234");
        when_killed(works[i % COUNT_OF(works)], faults[i / COUNT_OF(works)]);
        struct journal *j = NULL;
        assert_int_equal(journal_open(root, &j, NULL), 0);
        uint64_t bytes = 0;
        uint64_t versions = 0;
        assert_int_equal(vault_usage(journal_vault(j), &bytes, &versions), 0);
        journal_close(&j);
        struct attr a = {0};
        bool whole = attr_read(root, "f", &a) == 0 && a.size == 4;
        assert_int_equal(versions, whole ? 0 : 1);
        assert_int_equal(
            ask("SELECT count(*) FROM version JOIN event e ON e.version = version.id AND "
                "e.outcome = 0"),
            whole ? 0 : 1);
        remove_folder(state);
    }
    make_folder(state);
}

static void write_without_an_end(struct journal *j)
{
    struct vault *v = journal_vault(j);
    uint64_t event = 0;
    int blocks = -1;
    struct change_spec spec = {
        .op = OP_WRITE, .path = "f", .version = vault_new(v), .kept = KEPT_BLOCKS};
    if (attr_read(root, "f", &spec.before) < 0 ||
        vault_blocks_create(v, spec.version, &blocks, NULL) < 0 ||
        vault_blocks_add(blocks, 1, "23", 2, NULL) < 0 ||
        journal_write_begin(j, &spec, &event, NULL) < 0)
        _exit(1);
    int fd = openat(root, "f", O_RDWR);
    if (pwrite(fd, "XX", 2, 1) != 2 || pwrite(fd, "new", 3, 4) != 3 ||
        renameat(root, "f", root, "g") < 0)
        _exit(1);
    struct change c = CHANGE_NONE;
    struct change_spec moved = {.op = OP_RENAME, .path = "f", .path2 = "g", .before = spec.before};
    if (journal_begin(j, &moved, &c, NULL) < 0)
        _exit(1);
    journal_confirm(&c, &spec.before);
}

static void a_write_session_cut_off_ends_with_what_may_have_changed(void **state)
{
    (void)state;
    test_file_text(root, "f", "1234");
    when_killed(write_without_an_end, "none");
    struct journal *j = NULL;
    assert_int_equal(journal_open(root, &j, NULL), 0);
    assert_int_equal(journal_recovered(j).sessions, 1);
    journal_close(&j);
    assert_int_equal(
        ask("SELECT count(*) FROM event WHERE op = 10 AND outcome = 0 AND flags = 2 AND a_size "
            "= 7 AND ranges = x'01000000000000000200000000000000"
            "04000000000000000300000000000000'"),
        1);
}

static void rename_folder(struct journal *j, const char *from, const char *to)
{
    struct change c = CHANGE_NONE;
    const struct change_spec spec = {
        .op = OP_RENAME, .path = from, .path2 = to, .before = attr_of(from)};
    if (journal_begin(j, &spec, &c, NULL) < 0 || renameat(root, from, root, to) < 0)
        _exit(1);
    const struct attr after = attr_of(to);
    journal_confirm(&c, &after);
}

/* The file that gone tells of, opened before it went there. */
static int put_into_the_vault(struct journal *j, struct change_spec *gone)
{
    const char *path = gone->op == OP_RENAME ? gone->path2 : gone->path;
    struct vault *v = journal_vault(j);
    struct change c = CHANGE_NONE;
    int fd = openat(root, path, O_RDWR);
    gone->version = vault_new(v);
    gone->kept = KEPT_INODE;
    if (journal_begin(j, gone, &c, NULL) < 0 ||
        vault_move_in(v, gone->version, root, path, NULL) < 0)
        _exit(1);
    journal_confirm(&c, NULL);
    return fd;
}

/* As a program does that goes on with a file that was removed or replaced. */
static void go_on_writing(struct journal *j, int fd, const char *path, const struct attr *before)
{
    const struct change_spec spec = {.op = OP_WRITE, .path = path, .before = *before};
    uint64_t event = 0;
    if (journal_write_begin(j, &spec, &event, NULL) < 0 || pwrite(fd, "more", 4, 10) != 4)
        _exit(1);
}

static void write_to_a_removed_file(struct journal *j)
{
    struct change_spec gone = {.op = OP_UNLINK, .path = "f"};
    if (attr_read(root, "f", &gone.before) < 0)
        _exit(1);
    go_on_writing(j, put_into_the_vault(j, &gone), "f", &gone.before);
}

static void write_to_a_replaced_file(struct journal *j)
{
    struct change_spec gone = {.op = OP_RENAME, .path = "g", .path2 = "f"};
    test_file_text(root, "g", "another");
    if (attr_read(root, "f", &gone.before2) < 0 || attr_read(root, "g", &gone.before) < 0)
        _exit(1);
    go_on_writing(j, put_into_the_vault(j, &gone), "f", &gone.before2);
}

/* Its path is e/f by the time it is written, which is not where it was replaced. */
static void write_to_a_file_replaced_in_a_renamed_folder(struct journal *j)
{
    struct change_spec gone = {.op = OP_RENAME, .path = "g", .path2 = "d/f"};
    test_file_text(root, "g", "another");
    if (mkdirat(root, "d", 0755) < 0 || renameat(root, "f", root, "d/f") < 0 ||
        attr_read(root, "d/f", &gone.before2) < 0 || attr_read(root, "g", &gone.before) < 0)
        _exit(1);
    int fd = put_into_the_vault(j, &gone);
    rename_folder(j, "d", "e");
    go_on_writing(j, fd, "e/f", &gone.before2);
}

static void a_write_session_of_a_file_that_is_gone_ends_with_what_is_in_the_vault(void **state)
{
    static void (*const works[])(struct journal *) = {write_to_a_removed_file,
                                                      write_to_a_replaced_file,
                                                      write_to_a_file_replaced_in_a_renamed_folder};
    remove_folder(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(works); i++) {
        make_folder(state);
        test_file_text(root, "f", "1234");
        when_killed(works[i], "none");
        struct journal *j = NULL;
        assert_int_equal(journal_open(root, &j, NULL), 0);
        assert_int_equal(journal_recovered(j).sessions, 1);
        journal_close(&j);
        assert_int_equal(ask("SELECT a_size FROM event WHERE op = 10"), 14);
        remove_folder(state);
    }
    make_folder(state);
}

static void refuse_and_die(struct journal *j)
{
    for (int i = 0; i < 5; i++)
        journal_note(j, &(struct change_spec){.op = OP_OPEN, .path = "x"}, OUTCOME_DENIED, EACCES,
                     "no");
}

static void refusals_survive_a_kill_with_their_count(void **state)
{
    (void)state;
    when_killed(refuse_and_die, "none");
    struct journal *j = NULL;
    assert_int_equal(journal_open(root, &j, NULL), 0);
    journal_close(&j);
    assert_int_equal(ask("SELECT count FROM event WHERE outcome = 1"), 5);
}

#ifdef CCFS_FAULTS
/* The fourth one was counted, and its count not sealed. */
static void a_refusal_that_is_just_counted_survives_too(void **state)
{
    (void)state;
    when_killed(refuse_and_die, "end_filled:4");
    struct journal *j = NULL;
    assert_int_equal(journal_open(root, &j, NULL), 0);
    journal_close(&j);
    assert_int_equal(ask("SELECT count FROM event WHERE outcome = 1"), 4);
}
#endif

/* ---- a change of an inode that is not where it was ---- */

/* Begins a truncation of what f was, applies it, and tells nobody. */
static void truncate_and_die(struct journal *j, int fd, const struct attr *before, off_t size)
{
    struct change c = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_TRUNCATE, .path = "f", .before = *before};
    if (journal_begin(j, &spec, &c, NULL) < 0 || ftruncate(fd, size) < 0)
        _exit(1);
    raise(SIGKILL);
}

static void remove_and_truncate(struct journal *j, off_t size)
{
    int fd = openat(root, "f", O_RDWR);
    struct attr before = {0};
    if (attr_read(root, "f", &before) < 0)
        _exit(1);
    remove_by_moving(j);
    truncate_and_die(j, fd, &before, size);
}

static void truncate_a_removed_file(struct journal *j)
{
    remove_and_truncate(j, 1);
}

static void truncate_a_removed_file_whose_name_is_taken(struct journal *j)
{
    int fd = openat(root, "f", O_RDWR);
    struct attr before = {0};
    if (attr_read(root, "f", &before) < 0)
        _exit(1);
    remove_by_moving(j);
    test_file_text(root, "f", "somebody else's");
    truncate_and_die(j, fd, &before, 1);
}

static void truncate_a_removed_file_to_what_it_was(struct journal *j)
{
    remove_and_truncate(j, 4);
}

static void truncate_in_a_renamed_folder(struct journal *j)
{
    struct change cut = CHANGE_NONE;
    const struct change_spec spec = {.op = OP_TRUNCATE, .path = "d/f", .before = attr_of("d/f")};
    int fd = openat(root, "d/f", O_RDWR);
    if (journal_begin(j, &spec, &cut, NULL) < 0)
        _exit(1);
    rename_folder(j, "d", "e");
    if (ftruncate(fd, 1) < 0)
        _exit(1);
    raise(SIGKILL);
}

static void write_in_a_renamed_folder(struct journal *j)
{
    uint64_t event = 0;
    const struct change_spec spec = {.op = OP_WRITE, .path = "d/f", .before = attr_of("d/f")};
    if (journal_write_begin(j, &spec, &event, NULL) < 0)
        _exit(1);
    truncate_in_a_renamed_folder(j);
}

static void when_settled(void (*work)(struct journal *j))
{
    struct journal *j = NULL;
    struct error err = ERROR_NONE;
    when_killed(work, "none");
    if (journal_open(root, &j, &err) < 0)
        fail_msg("%s", err.message);
    journal_close(&j);
}

static void a_truncation_is_settled_by_what_it_left_in_the_vault(void **state)
{
    static void (*const works[])(struct journal *) = {truncate_a_removed_file,
                                                      truncate_a_removed_file_whose_name_is_taken};
    remove_folder(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(works); i++) {
        make_folder(state);
        test_file_text(root, "f", "1234");
        when_settled(works[i]);
        assert_int_equal(
            ask("SELECT a_size FROM event WHERE op = 11 AND outcome = 0 AND a_ino = b_ino"), 1);
        assert_int_equal(ask("SELECT count(DISTINCT object) FROM inode"), 1);
        remove_folder(state);
    }
    make_folder(state);
}

static void a_truncation_that_changed_nothing_in_the_vault_did_not_happen(void **state)
{
    (void)state;
    test_file_text(root, "f", "1234");
    when_settled(truncate_a_removed_file_to_what_it_was);
    assert_int_equal(ask("SELECT outcome FROM event WHERE op = 11"), OUTCOME_FAILED);
}

static void what_a_renamed_folder_holds_is_found_there(void **state)
{
    static void (*const works[])(struct journal *) = {truncate_in_a_renamed_folder,
                                                      write_in_a_renamed_folder};
    remove_folder(state); /* each round has its own */
    for (size_t i = 0; i < COUNT_OF(works); i++) {
        make_folder(state);
        mkdirat(root, "d", 0755);
        test_file_text(root, "d/f", "1234");
        when_settled(works[i]);
        assert_int_equal(ask("SELECT min(a_size) FROM event WHERE op IN (10, 11) AND outcome = 0"),
                         1);
        assert_int_equal(ask("SELECT count(*) FROM event WHERE op IN (10, 11) AND a_size IS NULL"),
                         0);
        remove_folder(state);
    }
    make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        T(a_write_session_cut_off_ends_with_what_may_have_changed),
        T(a_write_session_of_a_file_that_is_gone_ends_with_what_is_in_the_vault),
        T(refusals_survive_a_kill_with_their_count),
#ifdef CCFS_FAULTS
        T(a_refusal_that_is_just_counted_survives_too),
#endif
        T(a_kill_at_any_step_loses_no_change_and_invents_none),
        T(a_kill_never_loses_the_bytes_and_leaves_no_orphan),
        T(a_truncation_is_settled_by_what_it_left_in_the_vault),
        T(a_truncation_that_changed_nothing_in_the_vault_did_not_happen),
        T(what_a_renamed_folder_holds_is_found_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
