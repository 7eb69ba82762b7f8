/* A stored step is read back as it was; a damaged or hostile one is refused, never followed. */
#include "journal/undo_step.h"
#include "tests/support/test.h"

static struct step given_step(void)
{
    return (struct step){
        .kind = STEP_RENAME,
        .event = 7,
        .version = UINT64_MAX,
        .staged = 9,
        .path = "a/b",
        .path2 = "c\n/\xff",
        .attr = {.ino = 1, .born = -2, .mode = 0100644, .nlink = 3, .size = UINT64_MAX},
        .fields = 5,
        .wish = {.mode = 0755, .uid = 1, .gid = 2, .mtime = INT64_MIN},
        .xattrs = "\0x",
        .xattr_bytes = 2,
        .data = "12345678",
        .data_bytes = 8,
    };
}

static void a_step_is_read_as_it_was_written(void **state)
{
    CLEANUP(strbuf_release) struct strbuf stored = STRBUF_EMPTY;
    CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
    const struct step step = given_step();
    struct step read;
    (void)state;
    step_encode(&step, &stored);
    assert_int_equal(step_decode(stored.data, stored.bytes, &memory, &read), 0);
    assert_int_equal(read.kind, STEP_RENAME);
    assert_true(read.version == UINT64_MAX && read.event == 7 && read.staged == 9);
    assert_string_equal(read.path, step.path);
    assert_string_equal(read.path2, step.path2);
    assert_true(read.attr.born == -2 && read.attr.size == UINT64_MAX && read.attr.nlink == 3);
    assert_true(read.wish.mtime == INT64_MIN && read.fields == 5);
    assert_int_equal(read.xattr_bytes, 2);
    assert_memory_equal(read.xattrs, "\0x", 2);
    assert_int_equal(step_id_count(&read), 1);
}

static void a_step_that_was_cut_is_refused(void **state)
{
    CLEANUP(strbuf_release) struct strbuf stored = STRBUF_EMPTY;
    const struct step step = given_step();
    (void)state;
    step_encode(&step, &stored);
    for (size_t bytes = 0; bytes < stored.bytes; bytes++) {
        CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
        struct step read;
        char *cut = malloc(bytes + 1); /* of its own, so that reading behind it is noticed */
        memcpy(cut, stored.data, bytes);
        char *exact = realloc(cut, bytes ? bytes : 1);
        assert_int_equal(step_decode(exact, bytes, &memory, &read), -EBADMSG);
        free(exact);
    }
}

static void a_step_with_any_bit_turned_is_read_or_refused(void **state)
{
    CLEANUP(strbuf_release) struct strbuf stored = STRBUF_EMPTY;
    const struct step step = given_step();
    (void)state;
    step_encode(&step, &stored);
    for (size_t bit = 0; bit < stored.bytes * 8; bit++) {
        CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
        struct step read;
        stored.data[bit / 8] = (char)(stored.data[bit / 8] ^ (1 << (bit % 8)));
        int r = step_decode(stored.data, stored.bytes, &memory, &read);
        assert_true(r == 0 || r == -EBADMSG);
        stored.data[bit / 8] = (char)(stored.data[bit / 8] ^ (1 << (bit % 8)));
    }
}

static void steps_that_lead_out_of_the_workspace_are_refused(void **state)
{
    static const char *const paths[] = {"../x", "/x", "a/../b", ".ccfs/lock", "a//b", "", "."};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        for (int second = 0; second < 2; second++) {
            CLEANUP(strbuf_release) struct strbuf stored = STRBUF_EMPTY;
            CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
            struct step step = given_step();
            struct step read;
            *(second ? &step.path2 : &step.path) = paths[i];
            step_encode(&step, &stored);
            assert_int_equal(step_decode(stored.data, stored.bytes, &memory, &read), -EBADMSG);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_read_as_it_was_written),
        cmocka_unit_test(a_step_that_was_cut_is_refused),
        cmocka_unit_test(a_step_with_any_bit_turned_is_read_or_refused),
        cmocka_unit_test(steps_that_lead_out_of_the_workspace_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
