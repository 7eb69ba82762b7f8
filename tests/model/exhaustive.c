/* Most bugs of this kind need three operations or fewer: all sequences of so many from a small
 * alphabet, through a real mount.  Each is undone and redone, so are its events one after the
 * other, newest first, then each single one of them and all but that one, where that is not
 * refused, and it is undone again; the tree is each time what it was.
 *
 * Of those of two and three a part, in MODEL_PARTS runs (default 8 and 400) all: MODEL_PART=N
 * (default: by the clock) is the one that this run takes.  A redo reads what all undos before it
 * took back, so each so many sequences have a workspace of their own, which is verified at its end.
 */
#include <time.h>

#include "journal/base/fd.h"
#include "tests/support/deeds.h"
#include "tests/support/mount.h"
#include "tests/support/test.h"
#include "tests/support/timeline.h"
#include "tests/support/tree.h"

#define LENGTH_MOST 3
#define EVENTS_MOST (LENGTH_MOST * 8)
#define WORDS_A_WORKSPACE 16

static const struct {
    const char *kind;
    const char *path;
    const char *path2;
    uint32_t offset;
    uint32_t bytes;
} letters[] = {
    {"create", "c", "", 0, 100}, {"replace", "a", "", 0, 50},  {"overwrite", "a", "", 1000, 5000},
    {"append", "a", "", 0, 30},  {"truncate", "a", "", 0, 10}, {"punch", "a", "", 0, 4096},
    {"map", "a", "", 5000, 20},  {"unlink", "a", "", 0, 0},    {"unlink", "d/a", "", 0, 0},
    {"rmdir", "d", "", 0, 0},    {"mkdir", "c", "", 0, 0},     {"rename", "a", "b", 0, 0},
    {"rename", "b", "a", 0, 0},  {"rename", "a", "d/a", 0, 0}, {"rename", "d", "c", 0, 0},
    {"rename", "c", "d", 0, 0},  {"exchange", "a", "d", 0, 0}, {"exchange", "a", "b", 0, 0},
    {"link", "a", "c", 0, 0},    {"symlink", "c", "a", 0, 0},  {"chmod", "a", "", 0, 0},
    {"utimens", "d", "", 0, 0},  {"setxattr", "a", "", 0, 5},
};
#define LETTERS COUNT_OF(letters)

struct word {
    size_t length;
    size_t letter[LENGTH_MOST];
};

static void tell(const struct word *w)
{
    for (size_t i = 0; i < w->length; i++)
        print_message("%s %s %s\n", letters[w->letter[i]].kind, letters[w->letter[i]].path,
                      letters[w->letter[i]].path2);
}

/* ---- one word: in a folder of its own ---- */

static void do_letter(size_t number)
{
    struct deed deed = deed_named(letters[number].kind);
    deed.offset = letters[number].offset;
    deed.bytes = letters[number].bytes;
    deed.seed = 12345;
    snprintf(deed.path, sizeof deed.path, "%s", letters[number].path);
    snprintf(deed.path2, sizeof deed.path2, "%s", letters[number].path2);
    deed_do(&deed);
}

/* a and b are files, d a folder with a file; nobody saw them made. */
static void make_start(int folder)
{
    char data[8000];
    memset(data, 'x', sizeof data);
    test_file_write(folder, "a", data, sizeof data);
    test_file_text(folder, "b", "the other one\n");
    assert_int_equal(mkdirat(folder, "d", 0755), 0);
    test_file_text(folder, "d/a", "further down\n");
}

static void remove_rest(int folder)
{
    static const char *const files[] = {"a", "b", "c", "d", "a/a", "b/a", "c/a", "d/a"};
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT_OF(files); i++)
            if (unlinkat(folder, files[i], 0) < 0)
                unlinkat(folder, files[i], AT_REMOVEDIR);
}

struct stage {
    struct mount *m;
    int raw; /* the folder of this word */
    char *before;
    char *after;
};

static void assert_stage(const struct stage *s, const char *expected, const char *what)
{
    char *now = tree_text(s->raw);
    bool same = tree_text_same(expected, now);
    free(now);
    if (!same)
        fail_msg("%s: the tree is another one", what);
}

static void undo_and_redo(const struct stage *s, const struct selection *which, bool whole)
{
    uint64_t undo = take_back(s->m, which);
    if (whole)
        assert_stage(s, s->before, "the undo of all");
    if (undo)
        take_forth(s->m, undo);
    assert_stage(s, s->after, "the redo");
}

/* What came later is taken back when it is an event's turn: nothing is in its way. */
static void one_by_one(const struct stage *s, const struct selection *all)
{
    uint64_t undos[EVENTS_MOST];
    for (size_t i = all->count; i-- > 0;)
        undos[i] = take_back(s->m, &(struct selection){&all->ids[i], 1});
    assert_stage(s, s->before, "the undo of one after the other");
    for (size_t i = 0; i < all->count; i++)
        if (undos[i])
            take_forth(s->m, undos[i]);
    assert_stage(s, s->after, "the redo of one after the other");
}

/* Each event alone, and all but it. */
static void some_of(const struct stage *s, const struct selection *all)
{
    uint64_t others[EVENTS_MOST];
    for (size_t i = 0; i < all->count; i++) {
        const struct selection one = {&all->ids[i], 1};
        const struct selection rest = {others, all->count - 1};
        memcpy(others, all->ids, i * sizeof *others);
        memcpy(others + i, all->ids + i + 1, (rest.count - i) * sizeof *others);
        undo_and_redo(s, &one, false);
        if (all->count > 2)
            undo_and_redo(s, &rest, false);
    }
}

static uint64_t newest; /* that was asked for, of the workspace of now */

static uint64_t newest_event(struct mount *m)
{
    struct seen *seen = mount_events(m, newest);
    if (seen->count)
        newest = seen->list[seen->count - 1].id;
    seen_free(&seen);
    return newest;
}

static void play(struct stage *s, const struct word *w)
{
    uint64_t first = newest_event(s->m) + 1;
    s->before = tree_text(s->raw);
    for (size_t i = 0; i < w->length; i++)
        do_letter(w->letter[i]);
    struct selection all = selection_span(first, newest_event(s->m));
    s->after = tree_text(s->raw);
    if (all.count) {
        assert_true(all.count <= EVENTS_MOST);
        undo_and_redo(s, &all, true);
        one_by_one(s, &all);
        some_of(s, &all);
        take_back(s->m, &all);
        assert_stage(s, s->before, "the last undo of all");
    }
    free(all.ids);
    free(s->before);
    free(s->after);
}

static void play_word(struct mount *m, const struct word *w, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "rw/w%u", number);
    assert_int_equal(mkdir(path_in(m->raw, name), 0755), 0);
    struct stage s = {.m = m};
    s.raw = open(path_in(m->raw, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s.raw >= 0);
    make_start(s.raw);
    assert_int_equal(chdir(path_in(m->at, name)), 0);
    play(&s, w);
    assert_int_equal(chdir("/"), 0);
    remove_rest(s.raw);
    fd_close(&s.raw);
    assert_int_equal(rmdir(path_in(m->raw, name)), 0);
}

/* ---- all words ---- */

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *wanted = getenv(name);
    return wanted ? (unsigned)strtoul(wanted, NULL, 10) : otherwise;
}

/* The last place turns fastest. */
static bool next_word(struct word *w)
{
    for (size_t i = w->length; i-- > 0;) {
        if (++w->letter[i] < LETTERS)
            return true;
        w->letter[i] = 0;
    }
    return false;
}

/* ---- workspaces, one after the other ---- */

static int given_workspace(void **state)
{
    static void *mount;
    *state = &mount;
    return given_mount(&mount);
}

static int end_of_workspace(void **state)
{
    return end_of_mount(*state);
}

static void assert_sound(struct mount *m)
{
    mount_stop(m);
    assert_verified(m);
}

static void take_another_workspace(void **mount)
{
    assert_sound(*mount);
    end_of_mount(mount);
    given_mount(mount);
    newest = 0;
}

static unsigned words_of(void **mount, size_t length, unsigned part, unsigned parts)
{
    struct word w = {.length = length};
    unsigned number = 0;
    unsigned played = 0;
    do {
        if (number++ % parts != part)
            continue;
        if (played > 0 && played % WORDS_A_WORKSPACE == 0)
            take_another_workspace(mount);
        tell(&w);
        play_word(*mount, &w, number);
        played++;
    } while (next_word(&w));
    return played;
}

/* The parts are by default for a minute at most, on a slow machine with sanitizers. */
static void part_of(void **mount, size_t length, unsigned parts)
{
    parts = number_from("MODEL_PARTS", parts);
    unsigned part = number_from("MODEL_PART", (unsigned)time(NULL)) % parts;
    unsigned played = words_of(mount, length, part, parts);
    print_message("%zu operations, part %u of %u: %u sequences\n", length, part, parts, played);
}

static void sequences_of_one_are_taken_back(void **state)
{
    words_of(*state, 1, 0, 1);
}

static void sequences_of_two_are_taken_back(void **state)
{
    part_of(*state, 2, 8);
}

static void sequences_of_three_are_taken_back(void **state)
{
    part_of(*state, 3, 400);
}

static void all_that_was_recorded_is_sound(void **state)
{
    void **mount = *state;
    assert_sound(*mount);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_of_one_are_taken_back),
        cmocka_unit_test(sequences_of_two_are_taken_back),
        cmocka_unit_test(sequences_of_three_are_taken_back),
        cmocka_unit_test(all_that_was_recorded_is_sound),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, given_workspace, end_of_workspace);
}
