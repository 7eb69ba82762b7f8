/* test_past_random.c - random operations on few names, with undos among them: at every instant each
 * path led to what it had led to, with the bytes that it had. */
#include "journal/past.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

#define ROUNDS 15 /* PAST_ROUNDS=N: more; PAST_SEED=N: that one */
#define OPERATIONS 50
#define NAMES 3
#define PATHS (NAMES + NAMES * NAMES)
#define CONTENT 48

static uint64_t seed;

static unsigned roll(unsigned below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

/* Path n of all that there can be: a … c, a/a … c/c. */
static void path_of(unsigned n, char path[8])
{
    if (n < NAMES)
        snprintf(path, 8, "%c", 'a' + (int)n);
    else
        snprintf(path, 8, "%c/%c", 'a' + (int)(n - NAMES) / NAMES, 'a' + (int)(n - NAMES) % NAMES);
}

/* ---- what is remembered ---- */

struct memory {
    uint64_t event; /* just before it */
    struct {
        uint32_t mode;
        char content[CONTENT];
    } at[PATHS];
};

static void look_at(const struct mediator *m, const char *path, uint32_t *mode, char *content)
{
    struct attr attr = {0};
    *mode = attr_read(m->root, path, &attr) == 0 ? attr.mode & S_IFMT : 0;
    memset(content, 0, CONTENT);
    if (*mode != S_IFREG)
        return;
    int fd = openat(m->root, path, O_RDONLY);
    assert_true(fd >= 0 && read(fd, content, CONTENT - 1) >= 0);
    close(fd);
}

/* Also the steps of an undo. */
static uint64_t next_event(const struct mediator *m)
{
    struct history *h = NULL;
    struct past_instant now;
    assert_int_equal(journal_drain(m->journal, NULL), 0);
    assert_int_equal(history_open(m->root, &h, NULL), 0);
    assert_int_equal(past_now(h, &now, NULL), 0);
    history_close(&h);
    return now.event;
}

static void remember(const struct mediator *m, struct memory *memory)
{
    char path[8];
    memory->event = next_event(m);
    for (unsigned i = 0; i < PATHS; i++) {
        path_of(i, path);
        look_at(m, path, &memory->at[i].mode, memory->at[i].content);
    }
}

/* ---- what happens ---- */

static uint32_t mode_of(const struct mediator *m, const char *path)
{
    struct attr attr = {0};
    return attr_read(m->root, path, &attr) == 0 ? attr.mode : 0;
}

static bool has_folder(const struct mediator *m, const char *path)
{
    char folder[2] = {path[0], '\0'};
    return !path[1] || S_ISDIR(mode_of(m, folder));
}

static bool is_empty(const struct mediator *m, const char *path)
{
    char below[16];
    for (int i = 0; i < NAMES; i++) {
        snprintf(below, sizeof below, "%s/%c", path, 'a' + i);
        if (mode_of(m, below))
            return false;
    }
    return true;
}

static void make(struct mediator *m, const char *path)
{
    char text[16];
    snprintf(text, sizeof text, "new %u", roll(1000));
    if (!path[1] && roll(2))
        do_mkdir(m, path);
    else
        do_create(m, path, text);
}

static void change(struct mediator *m, const char *path)
{
    char text[16];
    struct attr attr;
    assert_int_equal(attr_read(m->root, path, &attr), 0);
    int n = snprintf(text, sizeof text, "%.*s", 1 + (int)roll(9), &"0123456789"[roll(9)]);
    enum capture how = roll(2) ? CAPTURE_COPY : CAPTURE_BLOCKS;
    unsigned room = CONTENT - 1 - (unsigned)n;
    if (roll(4) == 0)
        do_truncate(m, path, roll(CONTENT / 2), how);
    else if (roll(8) == 0 && attr.nlink == 1)
        do_truncate_swapped(m, path);
    else
        do_write(m, path, roll((unsigned)attr.size + 4) % room, text, how);
}

static void move(struct mediator *m, const char *from, const char *to)
{
    struct attr a;
    struct attr b;
    assert_int_equal(attr_read(m->root, from, &a), 0);
    bool dir = S_ISDIR(a.mode);
    bool there = attr_read(m->root, to, &b) == 0;
    if (!has_folder(m, to) || (dir && to[1]) || from[0] == to[0] || (there && a.ino == b.ino))
        return;
    if (there && roll(3) == 0 && !from[1] == !to[1])
        do_exchange(m, from, to);
    else if (!there || (dir == (bool)S_ISDIR(b.mode) && (!dir || is_empty(m, to))))
        do_rename(m, from, to);
}

static void remove_it(struct mediator *m, const char *path)
{
    if (!S_ISDIR(mode_of(m, path)))
        do_unlink(m, path);
    else if (is_empty(m, path))
        do_rmdir(m, path);
}

static void try_undo(struct mediator *m)
{
    uint64_t last = m->last;
    if (last < 6)
        return;
    struct undo_plan *plan = plan_range(m, last - roll(5), 0);
    const struct undo_conflict *conflicts;
    const uint64_t *events;
    bool possible = undo_plan_conflicts(plan, &conflicts) == 0 && undo_plan_events(plan, &events);
    undo_plan_free(&plan);
    if (possible)
        undo_range(m, last, 0);
}

static void something_happens(struct mediator *m)
{
    char path[8];
    char other[8];
    path_of(roll(PATHS), path);
    path_of(roll(PATHS), other);
    uint32_t mode = mode_of(m, path);
    if (roll(12) == 0)
        try_undo(m);
    else if (!mode && has_folder(m, path))
        make(m, path);
    else if (mode && roll(5) == 0)
        remove_it(m, path);
    else if (mode && roll(3) == 0)
        move(m, path, other);
    else if (S_ISREG(mode) && roll(6) == 0 && !mode_of(m, other) && has_folder(m, other))
        do_link(m, path, other);
    else if (S_ISREG(mode))
        change(m, path);
}

/* ---- looking back ---- */

static void assert_content(struct past *p, const struct past_thing *thing, const char *expected,
                           const struct past_instant *at)
{
    struct error err = ERROR_NONE;
    char content[CONTENT] = "";
    int fd = -1;
    if (past_content(p, thing, &fd, &err) < 0)
        fail_msg("PAST_SEED=%llu before #%llu: %s: %s", (unsigned long long)seed,
                 (unsigned long long)at->event, thing->path, err.message);
    assert_true(read(fd, content, CONTENT - 1) >= 0);
    close(fd);
    if (memcmp(content, expected, CONTENT) != 0)
        fail_msg("before #%llu %s held \"%s\", not \"%s\" as is told",
                 (unsigned long long)at->event, thing->path, expected, content);
}

static void assert_as_remembered(struct past *p, const struct memory *memory,
                                 const struct past_instant *at)
{
    char path[8];
    for (unsigned i = 0; i < PATHS; i++) {
        struct past_thing thing;
        path_of(i, path);
        int r = past_find(p, path, &thing, NULL);
        uint32_t mode = r == 1 ? thing.attr.mode & S_IFMT : 0;
        if (mode != memory->at[i].mode)
            fail_msg("before #%llu %s was %o, not %o", (unsigned long long)at->event, path,
                     memory->at[i].mode, mode);
        if (mode == S_IFREG)
            assert_content(p, &thing, memory->at[i].content, at);
    }
}

static void look_back(struct mediator *m, const struct memory *memories, size_t count)
{
    struct history *h = NULL;
    struct past *p = NULL;
    assert_int_equal(journal_drain(m->journal, NULL), 0);
    assert_int_equal(history_open(m->root, &h, NULL), 0);
    assert_int_equal(past_open(h, m->root, &p, NULL), 0);
    while (count-- > 0) {
        struct past_instant at;
        struct error err = ERROR_NONE;
        int r = past_before_event(h, memories[count].event, &at, &err);
        if (r == -ENOENT) /* nothing came after it */
            r = past_now(h, &at, &err);
        if (r == 0)
            r = past_go(p, &at, &err);
        if (r != 0)
            fail_msg("%s", err.message);
        assert_as_remembered(p, &memories[count], &at);
    }
    past_close(&p);
    history_close(&h);
}

static void run_round(uint64_t number)
{
    static struct memory memories[OPERATIONS + 1];
    struct mediator m;
    seed = number;
    printf("PAST_SEED=%llu\n", (unsigned long long)number);
    mediator_open(&m);
    remember(&m, &memories[0]);
    for (size_t i = 1; i <= OPERATIONS; i++) {
        something_happens(&m);
        remember(&m, &memories[i]);
    }
    look_back(&m, memories, OPERATIONS + 1);
    mediator_close(&m);
}

static void every_instant_is_as_it_was(void **state)
{
    (void)state;
    const char *only = getenv("PAST_SEED");
    const char *more = getenv("PAST_ROUNDS");
    uint64_t rounds = more ? strtoull(more, NULL, 10) : ROUNDS;
    for (uint64_t i = 1; i <= rounds; i++)
        run_round(only ? strtoull(only, NULL, 10) : i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_instant_is_as_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
