/* test_zone.c - which folder allows what. */
#include "fusefs/zone.h"
#include "tests/support/test.h"

static const struct zone house[] = {
    {"imports", ZONE_RO, true, false},  {"exports", ZONE_WO, false, false},
    {"Projects", ZONE_RW, true, true},  {"Projects/kept/old", ZONE_RO, true, false},
    {"hidden", ZONE_NONE, true, false},
};

static struct zones *given_house(void)
{
    struct zones *zones = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(zones_make(house, COUNT_OF(house), &zones, &err), 0);
    return zones;
}

static enum zone_mode mode_of(const struct zones *zones, const char *path)
{
    return zone_of(zones, path)->mode;
}

static void the_longest_prefix_wins(void **state)
{
    (void)state;
    struct zones *z = given_house();
    assert_int_equal(mode_of(z, "Projects"), ZONE_RW);
    assert_int_equal(mode_of(z, "Projects/a/b"), ZONE_RW);
    assert_int_equal(mode_of(z, "Projects/kept"), ZONE_RW);
    assert_int_equal(mode_of(z, "Projects/kept/old"), ZONE_RO);
    assert_int_equal(mode_of(z, "Projects/kept/old/x"), ZONE_RO);
    assert_int_equal(mode_of(z, "hidden/x"), ZONE_NONE);
    zones_free(&z);
    assert_null(z);
}

static void a_name_that_only_begins_alike_is_another_folder(void **state)
{
    (void)state;
    struct zones *z = given_house();
    assert_int_equal(mode_of(z, "Projects2"), ZONE_RO);
    assert_int_equal(mode_of(z, "Projects/kept/older"), ZONE_RW);
    assert_int_equal(mode_of(z, "hidden file"), ZONE_RO);
    assert_int_equal(mode_of(z, "PROJECTS"), ZONE_RO);
    zones_free(&z);
}

static void the_root_is_read_only(void **state)
{
    (void)state;
    struct zones *z = given_house();
    assert_int_equal(mode_of(z, ""), ZONE_RO);
    assert_int_equal(mode_of(z, "anything"), ZONE_RO);
    assert_true(zone_of(z, "")->list);
    zones_free(&z);
}

static void roots_of_zones_and_their_parents_are_known(void **state)
{
    (void)state;
    struct zones *z = given_house();
    assert_true(zone_is_root(z, "Projects"));
    assert_true(zone_is_root(z, "Projects/kept"));
    assert_true(zone_is_root(z, "Projects/kept/old"));
    assert_false(zone_is_root(z, "Projects/kept/old/x"));
    assert_false(zone_is_root(z, "Projects/other"));
    assert_false(zone_is_root(z, "Project"));
    zones_free(&z);
}

static void what_is_no_folder_of_the_workspace_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  "/etc", "..",  "../x",  "a/../b",      "a//b",      "a/",
                                      ".", "./a",  "a/.", ".ccfs", ".ccfs/vault", "a/../.ccfs"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct zone rule = {bad[i], ZONE_RW, true, false};
        struct zones *z = NULL;
        struct error err = ERROR_NONE;
        if (zones_make(&rule, 1, &z, &err) != -EINVAL)
            fail_msg("\"%s\" was taken for a zone", bad[i]);
        assert_null(z);
        assert_non_null(strstr(err.message, "zone \""));
    }
}

static void a_folder_given_twice_is_refused(void **state)
{
    (void)state;
    const struct zone twice[] = {{"a", ZONE_RW, true, false}, {"a", ZONE_RO, true, false}};
    struct zones *z = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(zones_make(twice, 2, &z, &err), -EINVAL);
    assert_non_null(strstr(err.message, "twice"));
}

static void every_wish_in_every_mode_is_as_the_table_says(void **state)
{
    (void)state;
    /*                            stat    list    read    write   update  alter */
    static const int table[4][6] = {
        [ZONE_RO] = {0, 0, 0, -EROFS, -EROFS, -EROFS},
        [ZONE_WO] = {0, 0, -EACCES, 0, -EACCES, 0},
        [ZONE_RW] = {0, 0, 0, 0, 0, 0},
        [ZONE_NONE] = {-ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT},
    };
    for (int mode = 0; mode < 4; mode++)
        for (int wish = 0; wish < 6; wish++) {
            struct zone zone = {"z", (enum zone_mode)mode, true, false};
            const char *reason = NULL;
            int r = zone_check(&zone, (enum wish)wish, &reason);
            assert_int_equal(r, table[mode][wish]);
            assert_true((reason == NULL) == (r == 0));
        }
}

static void a_write_only_zone_may_refuse_to_be_listed(void **state)
{
    (void)state;
    const char *reason;
    struct zone zone = {"z", ZONE_WO, false, false};
    assert_int_equal(zone_check(&zone, WISH_LIST, &reason), -EACCES);
    assert_int_equal(zone_check(&zone, WISH_STAT, &reason), 0);
    zone.mode = ZONE_RW;
    assert_int_equal(zone_check(&zone, WISH_LIST, &reason), 0);
}

static void modes_are_read_as_they_are_written(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        enum zone_mode read = ZONE_RO;
        assert_true(zone_mode_parse(zone_mode_name((enum zone_mode)mode), &read));
        assert_int_equal(read, mode);
    }
    enum zone_mode untouched = ZONE_WO;
    assert_false(zone_mode_parse("RW", &untouched));
    assert_false(zone_mode_parse("", &untouched));
    assert_int_equal(untouched, ZONE_WO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(a_name_that_only_begins_alike_is_another_folder),
        cmocka_unit_test(the_root_is_read_only),
        cmocka_unit_test(roots_of_zones_and_their_parents_are_known),
        cmocka_unit_test(what_is_no_folder_of_the_workspace_is_refused),
        cmocka_unit_test(a_folder_given_twice_is_refused),
        cmocka_unit_test(every_wish_in_every_mode_is_as_the_table_says),
        cmocka_unit_test(a_write_only_zone_may_refuse_to_be_listed),
        cmocka_unit_test(modes_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
