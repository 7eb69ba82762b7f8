/* test_burst.c - many events are told as a person would tell them, in order, with little memory. */
#include "journal/base/clock.h"
#include "journal/base/strbuf.h"
#include "launcher/burst.h"
#include "tests/support/test.h"

#define START (INT64_C(1773144000) * NS_PER_S)
#define FILE_MODE (S_IFREG | 0644)

/* ---- given ---- */

struct teller {
    struct bursts *bursts;
    struct strbuf told; /* a line for each burst */
    uint64_t next;
    unsigned count;
};

static const char *const kinds[] = {
    [BURST_CREATED] = "created",   [BURST_CHANGED] = "changed",
    [BURST_DELETED] = "deleted",   [BURST_RENAMED] = "renamed",
    [BURST_RESTORED] = "restored", [BURST_RENAMED_BACK] = "renamed back",
    [BURST_REMOVED] = "removed",   [BURST_REFUSED] = "refused",
    [BURST_FAILED] = "failed",     [BURST_OTHER] = "other",
};

static int tell(const struct burst *b, void *context)
{
    struct teller *t = context;
    t->count++;
    strbuf_add_format(&t->told, "%s %s #%d-%d %d events %d files %d folders %d bytes\n",
                      kinds[b->kind], b->files + b->folders > 1 ? b->folder : b->path,
                      (int)b->first_id, (int)b->last_id, (int)b->events, (int)b->files,
                      (int)b->folders, (int)b->bytes);
    return 0;
}

static struct teller *given_a_teller(void **state, bool grouped)
{
    struct teller *t = *state;
    t->bursts = bursts_new(grouped, tell, t);
    return t;
}

static int make_teller(void **state)
{
    *state = calloc(1, sizeof(struct teller));
    return 0;
}

static int remove_teller(void **state)
{
    struct teller *t = *state;
    bursts_free(&t->bursts);
    strbuf_release(&t->told);
    free(t);
    return 0;
}

static struct event event_of(enum op op, const char *path, uint64_t object)
{
    return (struct event){.op = op,
                          .path = path,
                          .object = object,
                          .session = 1,
                          .time = START,
                          .count = 1,
                          .actor = {.id = 5, .pid = 50, .exe = "/bin/rm"}};
}

static void happens(struct teller *t, struct event event)
{
    event.id = ++t->next;
    assert_int_equal(bursts_add(t->bursts, &event, NULL), 0);
}

static struct event created(const char *path, uint64_t object)
{
    struct event e = event_of(OP_CREATE, path, object);
    e.after.mode = FILE_MODE;
    return e;
}

static struct event written(const char *path, uint64_t object, uint64_t size)
{
    struct event e = event_of(OP_WRITE, path, object);
    e.before.mode = e.after.mode = FILE_MODE;
    e.after.size = size;
    return e;
}

static struct event deleted(const char *path, uint64_t object, uint64_t size)
{
    struct event e = event_of(OP_UNLINK, path, object);
    e.before.mode = FILE_MODE;
    e.before.size = size;
    return e;
}

static struct event folder_deleted(const char *path, uint64_t object)
{
    struct event e = event_of(OP_RMDIR, path, object);
    e.before.mode = S_IFDIR | 0755;
    return e;
}

static struct event later(struct event e, int64_t ns)
{
    e.time += ns;
    return e;
}

static struct event by(struct event e, uint64_t actor)
{
    e.actor.id = actor;
    return e;
}

static void is_told(struct teller *t, const char *expected)
{
    assert_int_equal(bursts_end(t->bursts), 0);
    assert_string_equal(strbuf_text(&t->told), expected);
}

/* ---- then ---- */

static void a_deleted_tree_is_one_line(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, deleted("Projects/work/src/a", 1, 10));
    happens(t, deleted("Projects/work/src/b", 2, 20));
    happens(t, folder_deleted("Projects/work/src", 3));
    happens(t, deleted("Projects/work/c", 4, 30));
    happens(t, folder_deleted("Projects/work", 5));
    is_told(t, "deleted Projects/work #1-5 5 events 3 files 2 folders 60 bytes\n");
}

static void what_is_written_to_a_new_file_belongs_to_its_creation(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, created("Projects/a", 1));
    happens(t, written("Projects/a", 1, 100));
    happens(t, created("Projects/b", 2));
    happens(t, written("Projects/b", 2, 11));
    happens(t, written("Projects/b", 2, 10));
    happens(t, written("Projects/old", 3, 7));
    is_told(t, "created Projects #1-5 5 events 2 files 0 folders 110 bytes\n"
               "changed Projects/old #6-6 1 events 1 files 0 folders 7 bytes\n");
}

static void processes_that_work_side_by_side_are_told_apart(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, created("Projects/a/1", 1));
    happens(t, by(created("Projects/b/1", 2), 6));
    happens(t, created("Projects/a/2", 3));
    happens(t, by(created("Projects/b/2", 4), 6));
    is_told(t, "created Projects/a #1-3 2 events 2 files 0 folders 0 bytes\n"
               "created Projects/b #2-4 2 events 2 files 0 folders 0 bytes\n");
}

static void a_pause_ends_a_burst(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, deleted("Projects/a", 1, 0));
    happens(t, later(deleted("Projects/b", 2, 0), 2 * NS_PER_S));
    happens(t, later(deleted("Projects/c", 3, 0), 4 * NS_PER_S + 1));
    is_told(t, "deleted Projects #1-2 2 events 2 files 0 folders 0 bytes\n"
               "deleted Projects/c #3-3 1 events 1 files 0 folders 0 bytes\n");
}

static void different_zones_are_different_lines(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, deleted("Projects/a", 1, 0));
    happens(t, deleted("Projects-old/a", 2, 0));
    is_told(t, "deleted Projects/a #1-1 1 events 1 files 0 folders 0 bytes\n"
               "deleted Projects-old/a #2-2 1 events 1 files 0 folders 0 bytes\n");
}

static void alike_refusals_are_counted(void **state)
{
    struct teller *t = given_a_teller(state, true);
    struct event refusal = event_of(OP_OPEN, "imports/x", 0);
    refusal.outcome = OUTCOME_DENIED;
    refusal.reason = "read-only";
    refusal.count = 3;
    happens(t, refusal);
    happens(t, refusal);
    refusal.reason = "hidden";
    happens(t, refusal);
    is_told(t, "refused imports/x #1-2 6 events 1 files 0 folders 0 bytes\n"
               "refused imports/x #3-3 3 events 1 files 0 folders 0 bytes\n");
}

static void steps_of_an_undo_are_told_as_such(void **state)
{
    struct teller *t = given_a_teller(state, true);
    struct event back = created("Projects/a", 1);
    back.flags = EVENT_BY_UNDO;
    struct event gone = deleted("Projects/b", 2, 0);
    gone.flags = EVENT_BY_UNDO;
    happens(t, back);
    happens(t, gone);
    is_told(t, "restored Projects/a #1-1 1 events 1 files 0 folders 0 bytes\n"
               "removed Projects/b #2-2 1 events 1 files 0 folders 0 bytes\n");
}

static void mounts_and_gaps_stand_alone(void **state)
{
    struct teller *t = given_a_teller(state, true);
    happens(t, event_of(OP_MOUNT, "", 0));
    happens(t, event_of(OP_MOUNT, "", 0));
    assert_int_equal(bursts_end(t->bursts), 0);
    assert_int_equal(t->count, 2);
}

static void opened_up_every_event_is_a_line(void **state)
{
    struct teller *t = given_a_teller(state, false);
    happens(t, deleted("Projects/a", 1, 0));
    happens(t, deleted("Projects/b", 2, 0));
    assert_int_equal(t->count, 1);
    assert_int_equal(bursts_end(t->bursts), 0);
    assert_int_equal(t->count, 2);
}

static void a_crowd_of_processes_stays_in_order(void **state)
{
    struct teller *t = given_a_teller(state, true);
    char expected[32];
    for (uint64_t i = 0; i < 5000; i++)
        happens(t, by(created("Projects/a", i + 1), 1 + i % 1000));
    assert_true(t->count > 4000);
    const char *line = strbuf_text(&t->told);
    snprintf(expected, sizeof expected, "created Projects/a #%d-", 1);
    for (int i = 2; *line; i++) {
        assert_memory_equal(line, expected, strlen(expected));
        line = strchr(line, '\n') + 1;
        snprintf(expected, sizeof expected, "created Projects/a #%d-", i);
    }
}

static void hostile_events_do_no_harm(void **state)
{
    struct teller *t = given_a_teller(state, true);
    struct event odd = {.op = OP_WRITE, .count = UINT32_MAX, .time = INT64_MAX};
    odd.after = (struct attr){.mode = FILE_MODE, .size = UINT64_MAX};
    happens(t, odd);
    odd.time = 0;
    odd.path = "/";
    happens(t, odd);
    odd.path = "//";
    odd.object = UINT64_MAX;
    happens(t, odd);
    odd.after.size = 0;
    happens(t, odd);
    assert_int_equal(bursts_end(t->bursts), 0);
    assert_true(t->count > 0);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, make_teller, remove_teller)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_deleted_tree_is_one_line),
        STORY(what_is_written_to_a_new_file_belongs_to_its_creation),
        STORY(processes_that_work_side_by_side_are_told_apart),
        STORY(a_pause_ends_a_burst),
        STORY(different_zones_are_different_lines),
        STORY(alike_refusals_are_counted),
        STORY(steps_of_an_undo_are_told_as_such),
        STORY(mounts_and_gaps_stand_alone),
        STORY(opened_up_every_event_is_a_line),
        STORY(a_crowd_of_processes_stays_in_order),
        STORY(hostile_events_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
