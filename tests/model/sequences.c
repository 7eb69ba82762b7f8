/* Random sequences of what programs do to files, by several processes on few names, through a real
 * mount: any tail of them, whatever one half of the tree saw, and any choice that is not refused
 * can be taken back and done again, and the tree is each time what it was at that moment.
 *
 * MODEL_SEQUENCES=N: so many; MODEL_DEEDS=N: of so many deeds.  MODEL_SEED=N: only the sequence of
 * that seed; MODEL_KEEP=1: with the workspaces of those that fail.  A sequence that fails is made
 * shorter and told. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/support/deeds.h"
#include "tests/support/mount.h"
#include "tests/support/players.h"
#include "tests/support/shrink.h"
#include "tests/support/test.h"
#include "tests/support/timeline.h"
#include "tests/support/tree.h"

#define SEQUENCES 40
#define DEEDS 80
#define DEEDS_MOST 4096
#define MOMENTS 6
#define SHRINK_TRIES 250
#define PATIENCE_S 180

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *wanted = getenv(name);
    return wanted ? strtoull(wanted, NULL, 10) : otherwise;
}

static const char *const halves[] = {"left/", "right/"};

struct sequence {
    uint64_t seed;
    size_t count;
    struct deed deeds[DEEDS_MOST];
    bool kept[DEEDS_MOST];
};

static void sequence_make(struct sequence *s, uint64_t seed, size_t count)
{
    struct dice dice = {seed};
    s->seed = seed;
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        unsigned who = dice_roll(&dice, PLAYERS);
        s->deeds[i] = deed_random(&dice, halves[who % COUNT_OF(halves)]);
        s->deeds[i].who = who;
        s->kept[i] = true;
    }
}

/* Does a moment come before this deed?  The same whatever else is left out. */
static bool is_moment(const struct sequence *s, size_t at)
{
    return s->deeds[at].seed % (s->count / MOMENTS + 1) == 0;
}

/* ---- one sequence ---- */

struct story {
    struct mount *m;
    struct players players;
    struct moment moments[MOMENTS];
    size_t count;
    struct moment end;
    struct dice dice; /* for what is chosen after it */
};

static void note_moment(struct story *story)
{
    players_let_go(&story->players);
    if (story->count < MOMENTS)
        story->moments[story->count++] = moment_now(story->m);
}

static void live(struct story *story, const struct sequence *s)
{
    note_moment(story);
    for (size_t i = 0; i < s->count; i++) {
        if (!s->kept[i])
            continue;
        if (is_moment(s, i))
            note_moment(story);
        players_do(&story->players, s->deeds, i);
    }
    players_let_go(&story->players);
    story->end = moment_now(story->m);
}

/* Refused as a whole, or it can be redone. */
static void any_choice(struct story *story)
{
    unsigned odds = 2 + dice_roll(&story->dice, 12);
    struct selection which = selection_span(story->moments[0].event + 1, story->end.event);
    size_t chosen = 0;
    for (size_t i = 0; i < which.count; i++)
        if (dice_roll(&story->dice, odds) == 0)
            which.ids[chosen++] = which.ids[i];
    which.count = chosen;
    uint64_t undo = take_back(story->m, &which);
    if (undo)
        take_forth(story->m, undo);
    assert_is_as(story->m, story->end.tree, "a choice, undone and redone");
    free(which.ids);
}

/* The lines about what is below a half, or about all but that. */
static char *lines_of(const char *tree, const char *half, bool below)
{
    char prefix[32];
    char *out = calloc(strlen(tree) + 1, 1);
    size_t at = 0;
    assert_non_null(out);
    int n = snprintf(prefix, sizeof prefix, "/rw/%.*s", (int)strlen(half) - 1, half);
    while (*tree) {
        size_t bytes = strcspn(tree, "\n") + 1;
        bool is_below = strncmp(tree, prefix, (size_t)n) == 0;
        if (is_below == below)
            memcpy(out + at, tree, bytes);
        at += is_below == below ? bytes : 0;
        tree += bytes;
    }
    return out;
}

static void assert_lines(const char *expected, const char *found, const char *half, bool below)
{
    char *left = lines_of(expected, half, below);
    char *right = lines_of(found, half, below);
    bool same = tree_text_same(left, right);
    free(left);
    free(right);
    if (!same)
        fail_msg("undo of all below %s: wrong %s it", half, below ? "below" : "outside of");
}

/* Nothing leads from one half to the other: undone, one is as it began, the other as it ended. */
static void one_half(struct story *story, const char *half)
{
    struct seen *seen = mount_events(story->m, story->moments[0].event);
    struct selection which = selection_span(1, seen->count);
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "rw/%s", half);
    which.count = 0;
    for (size_t i = 0; i < seen->count && seen->list[i].id <= story->end.event; i++)
        if (strncmp(seen->list[i].path, prefix, (size_t)n) == 0)
            which.ids[which.count++] = seen->list[i].id;
    seen_free(&seen);
    bool asked = which.count > 0;
    uint64_t undo = take_back(story->m, &which);
    free(which.ids);
    char *now = tree_text(story->m->root);
    if (asked) {
        assert_lines(story->moments[0].tree, now, half, true);
        assert_lines(story->end.tree, now, half, false);
    }
    free(now);
    if (undo)
        take_forth(story->m, undo);
    assert_is_as(story->m, story->end.tree, "the redo of a half");
}

static void any_tail(struct story *story, size_t from)
{
    struct selection which = selection_span(story->moments[from].event + 1, story->end.event);
    there_and_back(story->m, &which, story->moments[from].tree, story->end.tree,
                   "the undo of a tail");
    free(which.ids);
}

static void all(struct story *story)
{
    struct selection which = selection_span(story->moments[0].event + 1, story->end.event);
    take_back(story->m, &which);
    assert_is_as(story->m, story->moments[0].tree, "the undo of all");
    free(which.ids);
}

static void begin(struct story *story, const struct sequence *s)
{
    mount_start(story->m);
    story->dice = (struct dice){s->seed ^ 0x5eed};
    for (size_t i = 0; i < COUNT_OF(halves); i++)
        assert_int_equal(mkdir(path_in(story->m->at, path_in("rw", halves[i])), 0755), 0);
    players_start(&story->players, path_in(story->m->at, "rw"), s->deeds);
}

static void restart(struct story *story)
{
    mount_stop(story->m);
    mount_start(story->m);
}

static void play(struct mount *m, const struct sequence *s)
{
    struct story story = {.m = m};
    begin(&story, s);
    live(&story, s);
    players_end(&story.players);
    if (dice_roll(&story.dice, 4) == 0)
        restart(&story);
    any_choice(&story);
    any_choice(&story);
    one_half(&story, halves[dice_roll(&story.dice, COUNT_OF(halves))]);
    any_tail(&story, dice_roll(&story.dice, (unsigned)story.count));
    any_tail(&story, 0);
    all(&story);
    mount_stop(m);
    assert_verified(m);
    for (size_t i = 0; i < story.count; i++)
        moment_forget(&story.moments[i]);
    moment_forget(&story.end);
}

/* ---- in a process of its own, so that it can be played again ---- */

static void play_alone(struct mount *m, const struct sequence *s, int said)
{
    const struct rlimit none = {0};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    setrlimit(RLIMIT_CORE, &none);
    alarm(PATIENCE_S);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    play(m, s);
    fflush(NULL);
    _exit(0);
}

static bool fails(const struct sequence *s, int said)
{
    struct mount *m = mount_make(NULL);
    int status = 0;
    assert_true(ftruncate(said, 0) == 0 && lseek(said, 0, SEEK_SET) == 0);
    if (getenv("MODEL_KEEP"))
        print_message("%s\n", m->base);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        play_alone(m, s, said);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0 && getenv("MODEL_KEEP"))
        mount_clear(m);
    else
        mount_remove(&m);
    return status != 0;
}

struct shortening {
    struct sequence *sequence;
    int said;
};

static bool fails_still(void *context, const bool *kept)
{
    struct shortening *s = context;
    memcpy(s->sequence->kept, kept, s->sequence->count * sizeof *kept);
    return fails(s->sequence, s->said);
}

static void tell(const struct sequence *s, int said)
{
    char text[4096] = "";
    print_message("MODEL_SEED=%llu, what is needed of it:\n", (unsigned long long)s->seed);
    for (size_t i = 0; i < s->count; i++)
        if (s->kept[i] && is_moment(s, i))
            print_message("-- a moment\n");
        else if (s->kept[i])
            deed_tell(&s->deeds[i], stdout);
    fflush(stdout);
    if (pread(said, text, sizeof text - 1, 0) > 0)
        print_message("%s\n", text);
}

static void shorten(struct sequence *s, int said)
{
    static bool kept[DEEDS_MOST];
    struct shortening shortening = {s, said};
    memcpy(kept, s->kept, sizeof kept);
    shrink(kept, s->count, SHRINK_TRIES, fails_still, &shortening);
    if (!fails_still(&shortening, kept))
        print_message("it does not fail each time\n");
    tell(s, said);
}

static void play_seed(uint64_t seed)
{
    static struct sequence s;
    int said = memfd_create("said", MFD_CLOEXEC);
    size_t count = (size_t)number_from("MODEL_DEEDS", DEEDS);
    assert_true(said >= 0 && count <= DEEDS_MOST);
    sequence_make(&s, seed, count);
    bool failed = fails(&s, said);
    if (failed)
        shorten(&s, said);
    close(said);
    if (failed)
        fail_msg("seed %llu", (unsigned long long)seed);
}

static void any_sequence_is_taken_back_and_done_again(void **state)
{
    uint64_t sequences = number_from("MODEL_SEQUENCES", SEQUENCES);
    uint64_t first = number_from("MODEL_FIRST", 1);
    (void)state;
    if (getenv("MODEL_SEED")) {
        play_seed(number_from("MODEL_SEED", 0));
        return;
    }
    for (uint64_t seed = first; seed < first + sequences; seed++)
        play_seed(seed);
    print_message("%llu sequences from seed %llu\n", (unsigned long long)sequences,
                  (unsigned long long)first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_is_taken_back_and_done_again),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
