/* Memory that is given back at once, and a map from two numbers to a pointer. */
#include "journal/base/arena.h"
#include "journal/base/map.h"
#include "tests/support/test.h"

static void every_pair_leads_to_its_own_pointer(void **state)
{
    enum {
        MANY = 20000
    };
    static int targets[MANY];
    CLEANUP(map_release) struct map m;
    (void)state;
    map_init(&m);
    assert_null(map_get(&m, 1, 2));
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(map_put(&m, i % 100, i / 100, &targets[i]), 0);
    for (uint64_t i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(&m, i % 100, i / 100), &targets[i]);
    assert_null(map_get(&m, 100, 0));
    assert_int_equal(m.used, MANY);
}

static void putting_again_replaces(void **state)
{
    int a;
    int b;
    CLEANUP(map_release) struct map m;
    (void)state;
    map_init(&m);
    assert_int_equal(map_put(&m, 1, 1, &a), 0);
    assert_int_equal(map_put(&m, 1, 1, &b), 0);
    assert_ptr_equal(map_get(&m, 1, 1), &b);
    assert_int_equal(m.used, 1);
}

static void names_are_hashed_differently_in_every_map(void **state)
{
    CLEANUP(map_release) struct map a;
    CLEANUP(map_release) struct map b;
    (void)state;
    map_init(&a);
    map_init(&b);
    assert_true(map_hash(&a, "name", 4) == map_hash(&a, "name", 4));
    assert_true(map_hash(&a, "name", 4) != map_hash(&a, "nam", 3));
    assert_true(map_hash(&a, "name", 4) != map_hash(&b, "name", 4));
}

static void pieces_of_any_size_are_zeroed_aligned_and_apart(void **state)
{
    CLEANUP(arena_release) struct arena a = ARENA_EMPTY;
    (void)state;
    for (size_t bytes = 1; bytes < 200000; bytes = bytes * 3 + 1) {
        char *piece = arena_take(&a, bytes);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(piece[i], 0);
        memset(piece, 0xff, bytes);
    }
    assert_string_equal(arena_copy(&a, "text\0more", 4), "text");
    assert_null(arena_copy_text(&a, NULL));
    assert_null(arena_take(&a, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_leads_to_its_own_pointer),
        cmocka_unit_test(putting_again_replaces),
        cmocka_unit_test(names_are_hashed_differently_in_every_map),
        cmocka_unit_test(pieces_of_any_size_are_zeroed_aligned_and_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
