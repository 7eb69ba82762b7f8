/* test_when.c - times as people type them. */
#include <time.h>

#include "journal/base/clock.h"
#include "launcher/when.h"
#include "tests/support/test.h"

/* 2026-03-10T12:00:00Z */
#define NOW (INT64_C(1773144000) * NS_PER_S)

static int given_a_zone_east_of_greenwich(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

static int64_t means(const char *typed)
{
    int64_t ns = 0;
    struct error err = ERROR_NONE;
    assert_int_equal(when_parse(typed, NOW, &ns, &err), 0);
    return ns;
}

static void is_refused(const char *typed)
{
    int64_t ns = 77;
    struct error err = ERROR_NONE;
    assert_int_equal(when_parse(typed, NOW, &ns, &err), -EINVAL);
    assert_int_equal(ns, 77);
    assert_non_null(strstr(err.message, "is no time"));
}

static void so_long_ago_is_counted_back_from_now(void **state)
{
    (void)state;
    assert_int_equal(means("90s"), NOW - 90 * NS_PER_S);
    assert_int_equal(means("10m"), NOW - 600 * NS_PER_S);
    assert_int_equal(means("2h"), NOW - 7200 * NS_PER_S);
    assert_int_equal(means("3d"), NOW - 3 * 86400 * NS_PER_S);
    assert_int_equal(means("1w"), NOW - 7 * 86400 * NS_PER_S);
    assert_int_equal(means("now"), NOW);
}

static void longer_ago_than_time_itself_is_everything(void **state)
{
    (void)state;
    assert_int_equal(means("999999999w"), 1);
    assert_int_equal(means("999999999d"), 1);
}

static void a_day_begins_at_local_midnight(void **state)
{
    (void)state;
    int64_t midnight = NOW - 13 * 3600 * NS_PER_S; /* noon UTC is 13:00 here */
    assert_int_equal(means("today"), midnight);
    assert_int_equal(means("2026-03-10"), midnight);
    assert_int_equal(means("yesterday"), midnight - 86400 * NS_PER_S);
}

static void a_clock_time_is_of_today(void **state)
{
    (void)state;
    assert_int_equal(means("13:00"), NOW);
    assert_int_equal(means("13:00:07"), NOW + 7 * NS_PER_S);
}

static void local_utc_and_offset_name_the_same_moment(void **state)
{
    (void)state;
    assert_int_equal(means("2026-03-10T13:00"), NOW);
    assert_int_equal(means("2026-03-10 13:00:00"), NOW);
    assert_int_equal(means("2026-03-10T12:00Z"), NOW);
    assert_int_equal(means("2026-03-10T07:00:00-05:00"), NOW);
    assert_int_equal(means("2026-03-10T12:00:00.000000123Z"), NOW + 123);
    assert_int_equal(means("2026-07-01T14:00"), means("2026-07-01T12:00Z")); /* summer time */
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "m",
        "10",
        "10x",
        "-5m",
        "1h30m",
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1",
        "2026-01-02T",
        "2026-01-02T25:00",
        "24:00",
        "2026-01-02T10:00X",
        "1969-01-01",
        "9999-01-01",
        "2026-01-02T10:00+99:00",
        "10:0",
        "99999999999999999999m",
        "\n",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        is_refused(wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_long_ago_is_counted_back_from_now),
        cmocka_unit_test(longer_ago_than_time_itself_is_everything),
        cmocka_unit_test(a_day_begins_at_local_midnight),
        cmocka_unit_test(a_clock_time_is_of_today),
        cmocka_unit_test(local_utc_and_offset_name_the_same_moment),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, given_a_zone_east_of_greenwich, NULL);
}
