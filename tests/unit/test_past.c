/* test_past.c - what had which path at an earlier instant, and what it held: the right bytes, or a
 * reason why not. */
#include <fcntl.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/past.h"
#include "tests/support/mediator.h"
#include "tests/support/sealed.h"
#include "tests/support/test.h"

struct world {
    struct mediator m;
    struct history *history;
    struct past *past;
};

static struct world *given_workspace(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    mediator_open(&w->m);
    *state = w;
    return w;
}

static int remove_world(void **state)
{
    struct world *w = *state;
    past_close(&w->past);
    history_close(&w->history);
    mediator_close(&w->m);
    free(w);
    return 0;
}

static void when_looking_before(struct world *w, uint64_t event)
{
    struct past_instant instant;
    struct error err = ERROR_NONE;
    past_close(&w->past);
    history_close(&w->history);
    assert_int_equal(journal_drain(w->m.journal, NULL), 0);
    assert_int_equal(history_open(w->m.root, &w->history, NULL), 0);
    int r = past_before_event(w->history, event, &instant, &err);
    if (r == -ENOENT)
        r = past_now(w->history, &instant, &err);
    if (r == 0)
        r = past_open(w->history, w->m.root, &w->past, &err);
    if (r == 0)
        r = past_go(w->past, &instant, &err);
    if (r != 0)
        fail_msg("%s", err.message);
}

static int read_past(struct world *w, const char *path, char *text, size_t room, struct error *err)
{
    struct past_thing thing;
    int fd = -1;
    int r = past_find(w->past, path, &thing, err);
    assert_true(r >= 0);
    if (r == 0)
        return -ENOENT;
    r = past_content(w->past, &thing, &fd, err);
    if (r < 0)
        return r;
    ssize_t n = read(fd, text, room - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(n, thing.attr.size);
    close(fd);
    return 0;
}

static void held(struct world *w, const char *path, const char *expected)
{
    char text[512];
    struct error err = ERROR_NONE;
    int r = read_past(w, path, text, sizeof text, &err);
    if (r != 0)
        fail_msg("%s: %d %s", path, r, err.message);
    assert_string_equal(text, expected);
}

static void was_not_there(struct world *w, const char *path)
{
    struct past_thing thing;
    assert_int_equal(past_find(w->past, path, &thing, NULL), 0);
}

static void cannot_be_told(struct world *w, const char *path, int code, const char *reason)
{
    char text[512];
    struct error err = ERROR_NONE;
    int r = read_past(w, path, text, sizeof text, &err);
    assert_int_equal(r, code);
    if (!strstr(err.message, reason))
        fail_msg("%s does not say: %s", err.message, reason);
}

static void in_folder(const struct world *w, char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", w->m.path, name);
}

static int keep_version(const struct event *event, void *context)
{
    uint64_t *version = context;
    *version = event->version;
    return 0;
}

static uint64_t version_of(const struct world *w, uint64_t event)
{
    struct history *h;
    uint64_t version = 0;
    assert_int_equal(journal_drain(w->m.journal, NULL), 0);
    assert_int_equal(history_open(w->m.root, &h, NULL), 0);
    assert_int_equal(history_event(h, event, keep_version, &version, NULL), 0);
    history_close(&h);
    assert_true(version != 0);
    return version;
}

static void find_version(const struct world *w, uint64_t event, char path[128])
{
    char name[64];
    vault_name(version_of(w, event), name);
    in_folder(w, path, name);
}

static void damage(const char *path, const char *text, off_t at)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t bytes = strlen(text);
    assert_int_equal(pwrite(fd, text, bytes, at), (ssize_t)bytes);
}

/* ---- contents ---- */

static void each_version_of_a_file_comes_back(void **state)
{
    struct world *w = given_workspace(state);
    uint64_t made = do_create(&w->m, "f", "one");
    uint64_t copied = do_write(&w->m, "f", 0, "TWO and more", CAPTURE_COPY);
    uint64_t blocks = do_write(&w->m, "f", 4, "AND", CAPTURE_BLOCKS);
    uint64_t longer = do_write(&w->m, "f", 12, ", longer", CAPTURE_BLOCKS);
    uint64_t shorter = do_truncate(&w->m, "f", 3, CAPTURE_BLOCKS);
    uint64_t swapped = do_truncate_swapped(&w->m, "f");
    uint64_t last = do_write(&w->m, "f", 0, "end", CAPTURE_COPY);
    when_looking_before(w, last + 1000);
    held(w, "f", "end");
    when_looking_before(w, last);
    held(w, "f", "");
    when_looking_before(w, swapped);
    held(w, "f", "TWO");
    when_looking_before(w, shorter);
    held(w, "f", "TWO AND more, longer");
    when_looking_before(w, longer);
    held(w, "f", "TWO AND more");
    when_looking_before(w, blocks);
    held(w, "f", "TWO and more");
    when_looking_before(w, copied);
    held(w, "f", "one");
    when_looking_before(w, made);
    was_not_there(w, "f");
}

static void a_path_means_what_had_it_then(void **state)
{
    struct world *w = given_workspace(state);
    do_mkdir(&w->m, "d");
    do_create(&w->m, "d/f", "first");
    uint64_t folder = do_rename(&w->m, "d", "e");
    uint64_t written = do_write(&w->m, "e/f", 0, "FIRST", CAPTURE_COPY);
    uint64_t moved = do_rename(&w->m, "e/f", "g");
    do_mkdir(&w->m, "d");
    uint64_t again = do_create(&w->m, "d/f", "second");
    uint64_t replaced = do_rename(&w->m, "d/f", "g");
    when_looking_before(w, replaced + 1);
    held(w, "g", "second");
    was_not_there(w, "d/f");
    when_looking_before(w, replaced);
    held(w, "g", "FIRST");
    held(w, "d/f", "second");
    when_looking_before(w, again);
    was_not_there(w, "d/f");
    held(w, "g", "FIRST");
    when_looking_before(w, moved);
    held(w, "e/f", "FIRST");
    was_not_there(w, "g");
    when_looking_before(w, written);
    held(w, "e/f", "first");
    was_not_there(w, "d/f");
    when_looking_before(w, folder);
    held(w, "d/f", "first");
    was_not_there(w, "e");
}

static void what_was_deleted_is_read_from_the_vault(void **state)
{
    struct world *w = given_workspace(state);
    do_create(&w->m, "f", "gone");
    uint64_t removal = do_unlink(&w->m, "f");
    uint64_t still_open = do_write_kept(&w->m, version_of(w, removal), "f", "GONE");
    uint64_t new = do_create(&w->m, "f", "new");
    when_looking_before(w, new);
    was_not_there(w, "f");
    when_looking_before(w, still_open);
    was_not_there(w, "f");
    when_looking_before(w, removal);
    held(w, "f", "gone");
}

static void each_name_of_a_file_leads_to_it(void **state)
{
    struct world *w = given_workspace(state);
    do_create(&w->m, "a", "one");
    uint64_t linked = do_link(&w->m, "a", "b");
    uint64_t written = do_write(&w->m, "b", 0, "ONE", CAPTURE_COPY);
    uint64_t removed = do_unlink(&w->m, "a");
    do_write(&w->m, "b", 0, "two", CAPTURE_BLOCKS);
    when_looking_before(w, removed);
    held(w, "a", "ONE");
    held(w, "b", "ONE");
    when_looking_before(w, written);
    held(w, "a", "one");
    when_looking_before(w, linked);
    held(w, "a", "one");
    was_not_there(w, "b");
}

/* Two writes, both taken back by one step: between them the file held the first. */
static void what_was_undone_later_happened_nevertheless(void **state)
{
    struct world *w = given_workspace(state);
    do_create(&w->m, "f", "one");
    uint64_t first = do_write(&w->m, "f", 0, "two", CAPTURE_COPY);
    uint64_t second = do_write(&w->m, "f", 0, "six", CAPTURE_COPY);
    uint64_t removal = do_unlink(&w->m, "f");
    uint64_t undo = undo_range(&w->m, first, removal);
    uint64_t redone = redo(&w->m, undo);
    when_looking_before(w, redone + 1000);
    was_not_there(w, "f");
    when_looking_before(w, redone);
    held(w, "f", "one");
    when_looking_before(w, undo);
    was_not_there(w, "f");
    when_looking_before(w, removal);
    held(w, "f", "six");
    when_looking_before(w, second);
    held(w, "f", "two");
    when_looking_before(w, first);
    held(w, "f", "one");
}

static void an_instant_is_before_the_first_event_of_that_time(void **state)
{
    struct world *w = given_workspace(state);
    uint64_t first = do_create(&w->m, "a", "");
    uint64_t second = do_create(&w->m, "b", "");
    struct past_instant at;
    struct past_instant found;
    when_looking_before(w, second);
    assert_int_equal(past_before_event(w->history, second, &at, NULL), 0);
    assert_int_equal(past_at_time(w->history, at.time, &found, NULL), 0);
    assert_int_equal(found.event, second);
    assert_int_equal(past_at_time(w->history, at.time + 1, &found, NULL), 0);
    assert_int_equal(found.event, second + 1);
    assert_int_equal(past_at_time(w->history, 1, &found, NULL), 0);
    assert_true(found.event <= first);
    assert_int_equal(past_before_event(w->history, 9999, &found, NULL), -ENOENT);
}

/* ---- metadata ---- */

static void mode_time_and_attributes_are_those_of_then(void **state)
{
    struct world *w = given_workspace(state);
    struct past_thing thing;
    struct strbuf xattrs = STRBUF_EMPTY;
    do_create(&w->m, "f", "x");
    uint64_t first = do_chmod(&w->m, "f", 0600);
    do_utimens(&w->m, "f", 12345);
    do_setxattr(&w->m, "f", "user.note", "later");
    uint64_t target = do_symlink(&w->m, "f", "s");
    do_unlink(&w->m, "s");
    when_looking_before(w, first);
    assert_int_equal(past_find(w->past, "f", &thing, NULL), 1);
    assert_int_equal(thing.attr.mode & 07777, 0644);
    assert_int_not_equal(thing.attr.mtime, 12345);
    when_looking_before(w, target + 1);
    assert_int_equal(past_find(w->past, "s", &thing, NULL), 1);
    assert_int_equal(past_target(w->past, &thing, &xattrs, NULL), 0);
    assert_string_equal(xattrs.data, "f");
    strbuf_release(&xattrs);
}

static int add_name(void *context, const struct past_thing *thing)
{
    char *names = context;
    sprintf(names + strlen(names), "%s ", thing->path);
    return 0;
}

static void a_folder_is_listed_as_it_was(void **state)
{
    struct world *w = given_workspace(state);
    struct past_thing folder;
    char names[128] = "";
    char path[128];
    do_mkdir(&w->m, "d");
    do_create(&w->m, "d/kept", "");
    do_create(&w->m, "d/moved", "");
    uint64_t then = do_create(&w->m, "d/new", "");
    do_rename(&w->m, "d/moved", "away");
    do_rename(&w->m, "d", "e");
    in_folder(w, path, "e/foreign");
    close(creat(path, 0600));
    when_looking_before(w, then);
    assert_int_equal(past_find(w->past, "d", &folder, NULL), 1);
    assert_int_equal(past_list(w->past, &folder, add_name, names, NULL), 0);
    assert_non_null(strstr(names, "d/kept "));
    assert_non_null(strstr(names, "d/moved "));
    assert_int_equal(strlen(names), strlen("d/kept d/moved "));
}

/* ---- never a wrong byte ---- */

static void overwrite(const struct world *w, const char *name, const char *text)
{
    char path[128];
    in_folder(w, path, name);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void what_changed_outside_is_not_taken_for_what_was_there(void **state)
{
    struct world *w = given_workspace(state);
    do_create(&w->m, "f", "one");
    uint64_t written = do_write(&w->m, "f", 0, "TWO", CAPTURE_BLOCKS);
    uint64_t other = do_create(&w->m, "g", "x");
    do_create(&w->m, "h", "x");
    usleep(50000); /* later than any clock that ticks */
    overwrite(w, "f", "outside");
    overwrite(w, "g", "outside");
    when_looking_before(w, written);
    cannot_be_told(w, "f", -ESTALE, "changed outside");
    when_looking_before(w, other + 1);
    cannot_be_told(w, "g", -ESTALE, "changed outside");
}

/* Between the instant and the event that saw it next. */
static void a_change_outside_before_the_next_event_is_seen(void **state)
{
    struct world *w = given_workspace(state);
    do_create(&w->m, "f", "one");
    uint64_t instant = do_create(&w->m, "g", "");
    usleep(50000); /* later than any clock that ticks */
    overwrite(w, "f", "outside");
    uint64_t written = do_write(&w->m, "f", 0, "INSIDE!", CAPTURE_COPY);
    when_looking_before(w, written);
    held(w, "f", "outside");
    when_looking_before(w, instant);
    cannot_be_told(w, "f", -ESTALE, "changed outside");
}

static void what_was_altered_or_lost_in_the_vault_is_not_told(void **state)
{
    struct world *w = given_workspace(state);
    char path[128];
    do_create(&w->m, "f", "one");
    do_create(&w->m, "g", "one");
    do_create(&w->m, "h", "one");
    uint64_t f = do_unlink(&w->m, "f");
    uint64_t g = do_write(&w->m, "g", 0, "TWO", CAPTURE_COPY);
    uint64_t h = do_write(&w->m, "h", 0, "TWO", CAPTURE_BLOCKS);
    when_looking_before(w, h + 1);
    usleep(50000); /* later than any clock that ticks */
    find_version(w, f, path);
    damage(path, "X", 0);
    find_version(w, g, path);
    assert_int_equal(unlink(path), 0);
    find_version(w, h, path);
    damage(path, "ZZZ", 16);
    when_looking_before(w, f);
    cannot_be_told(w, "f", -EBADMSG, "was changed in the vault");
    cannot_be_told(w, "g", -EBADMSG, "is missing from the vault");
    cannot_be_told(w, "h", -EBADMSG, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_version_of_a_file_comes_back, remove_world),
        cmocka_unit_test_teardown(a_path_means_what_had_it_then, remove_world),
        cmocka_unit_test_teardown(what_was_deleted_is_read_from_the_vault, remove_world),
        cmocka_unit_test_teardown(each_name_of_a_file_leads_to_it, remove_world),
        cmocka_unit_test_teardown(what_was_undone_later_happened_nevertheless, remove_world),
        cmocka_unit_test_teardown(an_instant_is_before_the_first_event_of_that_time, remove_world),
        cmocka_unit_test_teardown(mode_time_and_attributes_are_those_of_then, remove_world),
        cmocka_unit_test_teardown(a_folder_is_listed_as_it_was, remove_world),
        cmocka_unit_test_teardown(what_changed_outside_is_not_taken_for_what_was_there,
                                  remove_world),
        cmocka_unit_test_teardown(a_change_outside_before_the_next_event_is_seen, remove_world),
        cmocka_unit_test_teardown(what_was_altered_or_lost_in_the_vault_is_not_told, remove_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
