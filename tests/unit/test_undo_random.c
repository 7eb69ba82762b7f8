/* Random sequences of operations on few names, so that they collide: undoing any tail of them gives
 * the tree that was there, redoing gives it back, undoing tails of tails too. */
#include "tests/support/mediator.h"
#include "tests/support/test.h"

#define NAMES 5
#define ROUNDS 25 /* UNDO_ROUNDS=N: more; UNDO_SEED=N: that one */
#define OPERATIONS 40

static uint64_t seed;

static unsigned roll(unsigned below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

/* A random path of one to three of few names. */
static void pick(char path[64])
{
    static const char *const names[NAMES] = {"a", "b", "c", "d", "e"};
    int depth = (int)roll(3);
    int n = snprintf(path, 64, "%s", names[roll(NAMES)]);
    while (depth-- > 0)
        n += snprintf(path + n, 64 - (size_t)n, "/%s", names[roll(NAMES)]);
}

static uint32_t mode_of(const struct mediator *m, const char *path)
{
    struct attr attr = {0};
    return attr_read(m->root, path, &attr) == 0 ? attr.mode : 0;
}

static bool has_folder(const struct mediator *m, const char *path)
{
    char folder[64];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    return S_ISDIR(mode_of(m, folder));
}

static bool is_inside(const char *outer, const char *path)
{
    size_t n = strlen(outer);
    return strncmp(outer, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool folder_is_empty(const struct mediator *m, const char *path)
{
    struct stat st;
    static const char *const names[NAMES] = {"a", "b", "c", "d", "e"};
    char below[80];
    for (int i = 0; i < NAMES; i++) {
        snprintf(below, sizeof below, "%s/%s", path, names[i]);
        if (fstatat(m->root, below, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return false;
    }
    return true;
}

static void try_make(struct mediator *m)
{
    char path[64];
    pick(path);
    if (mode_of(m, path) || !has_folder(m, path))
        return;
    switch (roll(5)) {
    case 0:
        do_symlink(m, "somewhere", path);
        break;
    case 1:
        do_create(m, path, path);
        break;
    case 2:
        do_mkfifo(m, path);
        break;
    default:
        do_mkdir(m, path);
        break;
    }
}

static void try_file(struct mediator *m)
{
    char path[64];
    pick(path);
    if (!mode_of(m, path) && has_folder(m, path))
        do_create(m, path, path);
}

static void try_remove(struct mediator *m)
{
    char path[64];
    pick(path);
    uint32_t mode = mode_of(m, path);
    if (S_ISDIR(mode) && folder_is_empty(m, path))
        do_rmdir(m, path);
    else if (mode && !S_ISDIR(mode))
        do_unlink(m, path);
}

static bool may_replace(const struct mediator *m, const char *from, const char *to)
{
    struct attr a;
    struct attr b;
    if (attr_read(m->root, from, &a) < 0 || !has_folder(m, to) || is_inside(from, to) ||
        is_inside(to, from))
        return false;
    if (attr_read(m->root, to, &b) < 0)
        return true;
    if (a.ino == b.ino || S_ISDIR(a.mode) != S_ISDIR(b.mode))
        return false;
    return !S_ISDIR(b.mode) || folder_is_empty(m, to);
}

static void try_rename(struct mediator *m)
{
    char from[64];
    char to[64];
    pick(from);
    pick(to);
    if (may_replace(m, from, to))
        do_rename(m, from, to);
}

static void try_exchange(struct mediator *m)
{
    char from[64];
    char to[64];
    struct attr a;
    struct attr b;
    pick(from);
    pick(to);
    if (is_inside(from, to) || is_inside(to, from) || attr_read(m->root, from, &a) < 0 ||
        attr_read(m->root, to, &b) < 0 || a.ino == b.ino)
        return;
    do_exchange(m, from, to);
}

static void try_link(struct mediator *m)
{
    char from[64];
    char to[64];
    pick(from);
    pick(to);
    if (S_ISREG(mode_of(m, from)) && !mode_of(m, to) && has_folder(m, to))
        do_link(m, from, to);
}

static void try_write(struct mediator *m)
{
    static const char *const texts[] = {"x", "some longer text", "yy"};
    char path[64];
    pick(path);
    enum capture how = roll(2) ? CAPTURE_COPY : CAPTURE_BLOCKS;
    if (!S_ISREG(mode_of(m, path)))
        return;
    struct attr attr;
    assert_int_equal(attr_read(m->root, path, &attr), 0);
    if (attr.nlink == 1 && roll(6) == 0)
        do_truncate_swapped(m, path);
    else if (roll(3) == 0)
        do_truncate(m, path, roll(9000), how);
    else
        do_write(m, path, roll(2) ? 0 : roll(9000), texts[roll(3)], how);
}

static void try_metadata(struct mediator *m)
{
    char path[64];
    char value[16];
    pick(path);
    uint32_t mode = mode_of(m, path);
    if (!mode || S_ISLNK(mode))
        return;
    snprintf(value, sizeof value, "%u", roll(3)); /* few: some are set to what they are */
    switch (roll(S_ISFIFO(mode) ? 3 : 4)) {
    case 0:
        do_chmod(m, path, 0700 | roll(3));
        break;
    case 1:
        do_utimens(m, path, (int64_t)(1 + roll(3)) * 1000000000000000007);
        break;
    case 2:
        if (geteuid() == 0)
            do_chown(m, path, roll(2), roll(2));
        break;
    default:
        do_setxattr(m, path, roll(2) ? "user.one" : "user.two", value);
        break;
    }
}

static void operate(struct mediator *m)
{
    static void (*const tries[])(struct mediator *) = {
        try_make,   try_make,     try_file, try_remove, try_remove,
        try_rename, try_exchange, try_link, try_write,  try_metadata,
    };
    tries[roll(COUNT_OF(tries))](m);
}

static uint64_t rounds(void)
{
    const char *wanted = getenv("UNDO_ROUNDS");
    return wanted ? strtoull(wanted, NULL, 10) : ROUNDS;
}

static void play(uint64_t with_seed)
{
    struct mediator m;
    char *looks[3];
    uint64_t firsts[3];
    seed = with_seed;
    mediator_open(&m);
    m.copies_names = roll(2);
    for (int part = 0; part < 3; part++) {
        looks[part] = tree_look(&m);
        firsts[part] = m.last + 1;
        for (int i = 0; i < OPERATIONS; i++)
            operate(&m);
    }
    uint64_t last = m.last;
    char *end = tree_look(&m);
    uint64_t undo = undo_range(&m, firsts[2], last);
    assert_tree(&m, looks[2]);
    if (undo)
        redo(&m, undo);
    assert_tree(&m, end);
    undo_range(&m, firsts[1], last);
    assert_tree(&m, looks[1]);
    mediator_reopen(&m);
    undo_range(&m, firsts[0], last);
    assert_tree(&m, looks[0]);
    for (int part = 0; part < 3; part++)
        free(looks[part]);
    free(end);
    mediator_close(&m);
}

static void any_tail_of_random_operations_is_taken_back(void **state)
{
    (void)state;
    const char *wanted = getenv("UNDO_SEED");
    if (wanted) {
        play(strtoull(wanted, NULL, 10));
        return;
    }
    for (uint64_t round = 1; round <= rounds(); round++) {
        print_message("seed %llu\n", (unsigned long long)round);
        play(round);
    }
}

/* A random choice of events: refused as a whole, or done and redone to the same tree. */
static bool play_some(uint64_t with_seed)
{
    struct mediator m;
    uint64_t ids[4 * OPERATIONS];
    size_t count = 0;
    const struct undo_conflict *conflicts;
    seed = with_seed;
    mediator_open(&m);
    m.copies_names = roll(2);
    for (int i = 0; i < 2 * OPERATIONS; i++)
        operate(&m);
    char *before = tree_look(&m);
    unsigned odds = 2 + roll(12);
    uint64_t from = 1 + roll((unsigned)m.last);
    for (uint64_t id = from; id <= m.last && count < COUNT_OF(ids); id++)
        if (roll(odds) == 0)
            ids[count++] = id;
    struct undo_plan *plan = plan_ids(&m, ids, count);
    bool possible = undo_plan_conflicts(plan, &conflicts) == 0;
    undo_plan_free(&plan);
    uint64_t undo = possible ? undo_ids(&m, ids, count) : 0;
    if (undo && m.last < undo)
        redo(&m, undo);
    assert_tree(&m, before);
    free(before);
    mediator_close(&m);
    return undo != 0;
}

static void any_choice_of_random_operations_is_refused_or_can_be_redone(void **state)
{
    unsigned done = 0;
    (void)state;
    const char *wanted = getenv("UNDO_SEED");
    if (wanted) {
        play_some(strtoull(wanted, NULL, 10));
        return;
    }
    for (uint64_t round = 1; round <= 4 * rounds(); round++) {
        print_message("choice %llu\n", (unsigned long long)round);
        done += play_some(round);
    }
    print_message("%u done, the others refused\n", done);
    assert_true(done > rounds() / 4);
}

/* Without the times of folders: of two changes in one folder that are taken back the older first,
 * only the newer tells one. */
static char *look_without_folder_times(const struct mediator *m)
{
    char *look = tree_look(m);
    for (char *line = look; *line; line += strcspn(line, "\n") + 1) {
        char *time = strstr(line, " mtime ");
        const char *mode = strchr(line, ' ');
        if (time && mode && mode[1] == '4' && time < line + strcspn(line, "\n"))
            memset(time, ' ', strcspn(time, "\n"));
    }
    return look;
}

static bool undo_if_possible(struct mediator *m, const uint64_t *ids, size_t count)
{
    const struct undo_conflict *conflicts;
    struct undo_plan *plan = plan_ids(m, ids, count);
    bool possible = undo_plan_conflicts(plan, &conflicts) == 0;
    undo_plan_free(&plan);
    if (possible)
        undo_ids(m, ids, count);
    return possible;
}

/* A random choice is taken back first, then what is left of all: refused, or done. */
static bool play_some_first(uint64_t with_seed)
{
    struct mediator m;
    uint64_t ids[2 * OPERATIONS];
    uint64_t all[2 * OPERATIONS];
    size_t count = 0;
    size_t total = 0;
    seed = with_seed;
    mediator_open(&m);
    for (int i = 0; i < OPERATIONS; i++)
        operate(&m);
    char *before = look_without_folder_times(&m);
    uint64_t first = m.last + 1;
    for (int i = 0; i < OPERATIONS; i++)
        operate(&m);
    unsigned odds = 1 + roll(6);
    for (uint64_t id = first; id <= m.last && total < COUNT_OF(all); id++) {
        all[total++] = id;
        if (roll(odds) == 0)
            ids[count++] = id;
    }
    bool both = undo_if_possible(&m, ids, count) && undo_if_possible(&m, all, total);
    char *after = look_without_folder_times(&m);
    if (both)
        assert_string_equal(after, before);
    free(before);
    free(after);
    mediator_close(&m);
    return both;
}

static void what_is_left_of_a_random_choice_is_refused_or_taken_back_later(void **state)
{
    unsigned done = 0;
    (void)state;
    const char *wanted = getenv("UNDO_SEED");
    if (wanted) {
        play_some_first(strtoull(wanted, NULL, 10));
        return;
    }
    for (uint64_t round = 1; round <= 4 * rounds(); round++) {
        print_message("first a choice %llu\n", (unsigned long long)round);
        done += play_some_first(round);
    }
    print_message("%u done, the others refused\n", done);
    assert_true(done > rounds() / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_tail_of_random_operations_is_taken_back),
        cmocka_unit_test(any_choice_of_random_operations_is_refused_or_can_be_redone),
        cmocka_unit_test(what_is_left_of_a_random_choice_is_refused_or_taken_back_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
