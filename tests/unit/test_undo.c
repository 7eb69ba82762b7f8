/* Whatever was done to a tree, taking it back gives the same tree: names, contents, modes, owners,
 * times, extended attributes, links. */
#include "tests/support/mediator.h"
#include "tests/support/test.h"

/* A story: prepare() is outside the undo, act() is what is taken back. */
struct story {
    void (*prepare)(struct mediator *m);
    void (*act)(struct mediator *m);
};

/* Undo gives the tree before, undo again changes nothing, redo gives the tree after; the redo taken
 * back is the undo, and nothing is left to undo; that taken back is the redo, and undo again gives
 * the tree before. */
static void play(const struct story *story)
{
    struct mediator m;
    mediator_open(&m);
    story->prepare(&m);
    char *before = tree_look(&m);
    uint64_t first = m.last + 1;
    story->act(&m);
    uint64_t last = m.last;
    char *after = tree_look(&m);
    uint64_t undo = undo_range(&m, first, last);
    assert_tree(&m, before);
    assert_true(undo > last);
    assert_int_equal(undo_range(&m, first, last), 0);
    assert_tree(&m, before);
    uint64_t redone = redo(&m, undo);
    assert_tree(&m, after);
    uint64_t again = redo(&m, redone);
    assert_tree(&m, before);
    assert_int_equal(undo_range(&m, first, last), 0);
    assert_tree(&m, before);
    redo(&m, again);
    assert_tree(&m, after);
    assert_true(undo_range(&m, first, last) > 0);
    assert_tree(&m, before);
    free(before);
    free(after);
    mediator_close(&m);
}

static void given_nothing(struct mediator *m)
{
    (void)m;
}

static void given_a_project(struct mediator *m)
{
    do_mkdir(m, "Projects");
    do_mkdir(m, "Projects/src");
    do_mkdir(m, "Projects/empty");
    do_create(m, "Projects/src/main.c", "int main(void) { return 0; }\n");
    do_create(m, "Projects/src/util.c", "static int x;\n");
    do_create(m, "Projects/README", "read me\n");
    do_symlink(m, "src/main.c", "Projects/main");
    do_mkfifo(m, "Projects/pipe");
    do_create(m, "Projects/one", "two names\n");
    do_link(m, "Projects/one", "Projects/two");
    do_setxattr(m, "Projects/README", "user.note", "kept");
    do_setxattr(m, "Projects/empty", "user.folder", "too");
    do_chmod(m, "Projects/src/util.c", 0600);
    do_chmod(m, "Projects/empty", 02711);
    do_utimens(m, "Projects/src/util.c", 1000000000123456789);
    do_utimens(m, "Projects/empty", 1111111111000000001);
    do_utimens(m, "Projects/src", 1222222222000000002);
    do_utimens(m, "Projects", 1333333333000000003);
    do_utimens(m, "Projects/main", 1444444444000000004);
}

static void make_things(struct mediator *m)
{
    do_mkdir(m, "new");
    do_create(m, "new/file", "hello\n");
    do_create(m, "new/empty", "");
    do_symlink(m, "nowhere", "new/link");
    do_mkfifo(m, "new/pipe");
    do_link(m, "new/file", "other");
    do_mkdir(m, "new/deep");
    do_mkdir(m, "new/deep/deeper");
}

static void creations_go(void **state)
{
    (void)state;
    play(&(struct story){given_nothing, make_things});
}

static void remove_all(struct mediator *m)
{
    do_unlink(m, "Projects/src/main.c");
    do_unlink(m, "Projects/src/util.c");
    do_rmdir(m, "Projects/src");
    do_unlink(m, "Projects/README");
    do_unlink(m, "Projects/main");
    do_unlink(m, "Projects/pipe");
    do_unlink(m, "Projects/one");
    do_unlink(m, "Projects/two");
    do_rmdir(m, "Projects/empty");
    do_rmdir(m, "Projects");
}

static void a_deleted_tree_comes_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, remove_all});
}

static void remove_one_name(struct mediator *m)
{
    do_unlink(m, "Projects/one");
}

static void a_removed_hard_link_is_a_hard_link_again(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, remove_one_name});
}

static void overwrite(struct mediator *m)
{
    do_write(m, "Projects/README", 0, "RE", CAPTURE_COPY);
    do_write(m, "Projects/README", 3, "ME, and much more", CAPTURE_BLOCKS);
    do_write(m, "Projects/README", 20, "appended", CAPTURE_BLOCKS);
    do_write(m, "Projects/src/util.c", 7, "long", CAPTURE_BLOCKS);
    do_write(m, "Projects/one", 0, "TWO", CAPTURE_COPY);
    do_write(m, "Projects/src/main.c", 100, "after a hole", CAPTURE_COPY);
}

static void written_contents_come_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, overwrite});
}

static void cut(struct mediator *m)
{
    do_truncate(m, "Projects/README", 2, CAPTURE_BLOCKS);
    do_truncate(m, "Projects/README", 300, CAPTURE_BLOCKS);
    do_write(m, "Projects/README", 200, "in the hole", CAPTURE_BLOCKS);
    do_truncate(m, "Projects/src/main.c", 0, CAPTURE_COPY);
    do_write(m, "Projects/src/main.c", 0, "rubbish", CAPTURE_COPY);
    do_truncate(m, "Projects/two", 4, CAPTURE_BLOCKS);
}

static void truncated_files_are_whole_again(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, cut});
}

static void change_metadata(struct mediator *m)
{
    do_chmod(m, "Projects/README", 0400);
    do_chmod(m, "Projects/README", 04755);
    if (geteuid() == 0)
        do_chown(m, "Projects/README", 1234, 4321);
    do_utimens(m, "Projects/src/main.c", 5);
    do_utimens(m, "Projects/main", 6);
    do_chmod(m, "Projects/src", 0700);
    do_utimens(m, "Projects/src", 7);
    do_setxattr(m, "Projects/README", "user.note", "changed");
    do_setxattr(m, "Projects/README", "user.more", "added");
    do_removexattr(m, "Projects/README", "user.note");
    do_removexattr(m, "Projects/empty", "user.folder");
}

static void metadata_comes_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, change_metadata});
}

static void rename_about(struct mediator *m)
{
    do_rename(m, "Projects/README", "Projects/LIES");
    do_rename(m, "Projects/src", "Projects/source");
    do_rename(m, "Projects/source/main.c", "Projects/source/a.c");
    do_rename(m, "Projects/source/a.c", "b.c");
    do_rename(m, "Projects/LIES", "Projects/source/LIES");
    do_rename(m, "Projects", "Work");
    do_rename(m, "Work/source/LIES", "Work/main.c");
    do_write(m, "Work/main.c", 0, "REA", CAPTURE_COPY);
}

static void renamed_files_and_folders_have_their_names_again(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, rename_about});
}

static void swap_names(struct mediator *m)
{
    do_exchange(m, "Projects/README", "Projects/src");
    do_exchange(m, "Projects/src", "Projects/README");
    do_rename(m, "Projects/README", "Projects/tmp");
    do_rename(m, "Projects/one", "Projects/README");
    do_rename(m, "Projects/tmp", "Projects/one");
    do_exchange(m, "Projects/main", "Projects/pipe");
}

static void swapped_names_are_swapped_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, swap_names});
}

static void turn_inside_out(struct mediator *m)
{
    do_rename(m, "Projects/src", "src");
    do_rename(m, "Projects", "src/Projects");
    do_mkdir(m, "Projects");
    do_rename(m, "src/Projects/README", "Projects/README");
}

static void folders_that_changed_places_find_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, turn_inside_out});
}

static void rename_over(struct mediator *m)
{
    do_rename(m, "Projects/README", "Projects/src/util.c");
    do_rename(m, "Projects/src", "Projects/empty");
    do_create(m, "Projects/new", "new\n");
    do_rename(m, "Projects/new", "Projects/empty/main.c");
    do_create(m, "Projects/new", "newer\n");
    do_rename(m, "Projects/new", "Projects/one");
}

static void what_a_rename_replaced_comes_back(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, rename_over});
}

static void save_as_editors_do(struct mediator *m)
{
    for (int i = 0; i < 3; i++) {
        do_create(m, "Projects/.README.swp", "read me, changed\n");
        do_rename(m, "Projects/.README.swp", "Projects/README");
    }
}

static void a_file_saved_by_rename_has_its_first_content_and_inode(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, save_as_editors_do});
}

static void come_and_go(struct mediator *m)
{
    do_mkdir(m, "t");
    do_create(m, "t/x", "x");
    do_unlink(m, "t/x");
    do_create(m, "t/x", "y");
    do_rename(m, "t/x", "t/y");
    do_unlink(m, "t/y");
    do_rmdir(m, "t");
    do_unlink(m, "Projects/README");
    do_mkdir(m, "Projects/README");
    do_create(m, "Projects/README/in", "in a folder\n");
    do_rename(m, "Projects/src/main.c", "Projects/README/main.c");
}

static void names_used_again_by_other_things_are_untangled(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, come_and_go});
}

static void remove_a_folder_with_what_stays(struct mediator *m)
{
    do_mkdir(m, "Projects/src/new");
    do_rename(m, "Projects/src/main.c", "Projects/src/new/main.c");
    do_rename(m, "Projects/src/new", "Projects/n");
    do_unlink(m, "Projects/src/util.c");
    do_rmdir(m, "Projects/src");
    do_rename(m, "Projects/n", "Projects/src");
}

static void a_new_folder_in_the_place_of_the_old_one_makes_room(void **state)
{
    (void)state;
    play(&(struct story){given_a_project, remove_a_folder_with_what_stays});
}

static void lock_everything(struct mediator *m)
{
    do_unlink(m, "Projects/src/main.c");
    do_write(m, "Projects/README", 0, "RE", CAPTURE_COPY);
    do_chmod(m, "Projects/README", 0);
    do_write(m, "Projects/src/util.c", 0, "x", CAPTURE_BLOCKS);
    do_chmod(m, "Projects/src/util.c", 0);
    do_chmod(m, "Projects/src", 0);
    do_rmdir(m, "Projects/empty");
    do_chmod(m, "Projects", 0500);
    do_chmod(m, "Projects", 0);
}

/* Tests as root show nothing here, but the tree. */
static void what_was_locked_against_its_owner_is_opened(void **state)
{
    struct mediator m;
    (void)state;
    mediator_open(&m);
    given_a_project(&m);
    char *before = tree_look(&m);
    uint64_t first = m.last + 1;
    lock_everything(&m);
    undo_range(&m, first, m.last);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

static void write_to_a_removed_file(struct mediator *m)
{
    do_unlink(m, "Projects/README");
}

static int note_version(const struct event *e, void *context)
{
    *(uint64_t *)context = e->version;
    return 0;
}

static uint64_t version_of(struct mediator *m, uint64_t event)
{
    struct history *h = NULL;
    uint64_t version = 0;
    assert_int_equal(journal_drain(m->journal, NULL), 0);
    assert_int_equal(history_open(m->root, &h, NULL), 0);
    assert_int_equal(history_event(h, event, note_version, &version, NULL), 0);
    history_close(&h);
    return version;
}

static void a_removed_file_comes_back_as_it_was_when_it_was_removed(void **state)
{
    struct mediator m;
    (void)state;
    mediator_open(&m);
    given_a_project(&m);
    char *before = tree_look(&m);
    write_to_a_removed_file(&m);
    uint64_t removal = m.last;
    do_write_kept(&m, version_of(&m, removal), "Projects/README", "written to an open handle");

    undo_ids(&m, &removal, 1);

    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

static void a_chain_of_renames(struct mediator *m)
{
    char from[32];
    char to[32];
    for (int i = 600; i > 0; i--) {
        snprintf(from, sizeof from, "log.%d", i - 1);
        snprintf(to, sizeof to, "log.%d", i);
        do_rename(m, from, to);
    }
    do_create(m, "log.0", "fresh");
}

static void given_logs(struct mediator *m)
{
    char name[32];
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "log.%d", i);
        do_create(m, name, name);
    }
}

static void a_long_chain_of_renames_is_taken_back(void **state)
{
    (void)state;
    play(&(struct story){given_logs, a_chain_of_renames});
}

/* The first folder that is to go into another must not find that one inside itself, because what was
 * in the way went home meanwhile. */
static void folders_that_hold_each_other_find_back(void **state)
{
    struct mediator m;
    (void)state;
    mediator_open(&m);
    do_mkdir(&m, "p");
    do_mkdir(&m, "p/a");
    do_mkdir(&m, "p/a/n");
    do_mkdir(&m, "a");
    do_mkdir(&m, "x");
    char *before = tree_look(&m);
    uint64_t first = do_rename(&m, "x", "o");
    do_rename(&m, "p/a", "t");
    do_rename(&m, "t/n", "x");
    do_rename(&m, "p", "x/p");
    do_rename(&m, "o", "p");
    do_rename(&m, "a", "t/n");
    do_rename(&m, "t", "a");
    undo_range(&m, first, 0);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creations_go),
        cmocka_unit_test(a_deleted_tree_comes_back),
        cmocka_unit_test(a_removed_hard_link_is_a_hard_link_again),
        cmocka_unit_test(written_contents_come_back),
        cmocka_unit_test(truncated_files_are_whole_again),
        cmocka_unit_test(metadata_comes_back),
        cmocka_unit_test(renamed_files_and_folders_have_their_names_again),
        cmocka_unit_test(swapped_names_are_swapped_back),
        cmocka_unit_test(folders_that_changed_places_find_back),
        cmocka_unit_test(what_a_rename_replaced_comes_back),
        cmocka_unit_test(a_file_saved_by_rename_has_its_first_content_and_inode),
        cmocka_unit_test(names_used_again_by_other_things_are_untangled),
        cmocka_unit_test(a_new_folder_in_the_place_of_the_old_one_makes_room),
        cmocka_unit_test(what_was_locked_against_its_owner_is_opened),
        cmocka_unit_test(a_removed_file_comes_back_as_it_was_when_it_was_removed),
        cmocka_unit_test(a_long_chain_of_renames_is_taken_back),
        cmocka_unit_test(folders_that_hold_each_other_find_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
