/* test_render.c - numbers, names and columns as people read them. */
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/text.h"
#include "launcher/render.h"
#include "tests/support/test.h"

#define DAY (86400 * NS_PER_S)
#define NOON (INT64_C(1773144000) * NS_PER_S) /* 2026-03-10T12:00:00Z */

static int given_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC0", 1);
    tzset();
    return 0;
}

static void reads(struct strbuf *out, const char *expected)
{
    assert_string_equal(strbuf_text(out), expected);
    strbuf_release(out);
}

static void size_reads(uint64_t bytes, const char *expected)
{
    struct strbuf out = STRBUF_EMPTY;
    render_size(&out, bytes);
    reads(&out, expected);
}

static void shortened_reads(const char *text, size_t columns, const char *expected)
{
    struct strbuf out = STRBUF_EMPTY;
    render_shortened(&out, text, columns);
    assert_true(text_columns(strbuf_text(&out)) <= columns);
    reads(&out, expected);
}

static void sizes_have_two_or_three_digits_and_a_unit(void **state)
{
    (void)state;
    size_reads(0, "0 B");
    size_reads(1023, "1023 B");
    size_reads(1229, "1.2 KiB");
    size_reads(18 * 1024 * 1024, "18.0 MiB");
    size_reads(1024 * 1024 - 1, "1.0 MiB");
    size_reads(UINT64_C(150) << 30, "150 GiB");
    size_reads(UINT64_MAX, "16.0 EiB");
}

static void counts_have_commas_and_the_right_noun(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_EMPTY;
    render_count(&out, 1204);
    strbuf_add_text(&out, " ");
    render_count(&out, UINT64_MAX);
    strbuf_add_text(&out, " ");
    render_plural(&out, 1, "file", "files");
    strbuf_add_text(&out, " ");
    render_plural(&out, 0, "file", "files");
    reads(&out, "1,204 18,446,744,073,709,551,615 1 file 0 files");
}

static void a_long_path_loses_its_middle_and_keeps_its_end(void **state)
{
    (void)state;
    shortened_reads("short", 10, "short");
    shortened_reads("Projects/client-work/src/main.c", 20, "Project…k/src/main.c");
    shortened_reads("a/b/the-name-is-long.txt", 24, "a/b/the-name-is-long.txt");
    shortened_reads("abcdef/the-name-is-long.txt", 23, "a…/the-name-is-long.txt");
}

static void shortening_cuts_no_character_in_two(void **state)
{
    (void)state;
    shortened_reads("äöüäöüäöüäöü", 7, "äö…üäöü");
    shortened_reads("äöü", 1, "…");
    shortened_reads("äöü", 0, "");
}

static void names_cannot_command_the_terminal(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_EMPTY;
    render_name(&out, "a\33[31mb\nc\xff");
    reads(&out, "a\\x1b[31mb\\nc\\xff");
}

static void days_have_names_while_they_are_near(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_EMPTY;
    render_moment(&out, NOON, NOON + 3600 * NS_PER_S);
    reads(&out, "today 12:00");
    render_day(&out, NOON - DAY, NOON);
    reads(&out, "yesterday");
    render_day(&out, NOON - 9 * DAY, NOON);
    reads(&out, "1 March");
    render_day(&out, NOON - 100 * DAY, NOON);
    reads(&out, "2025-11-30");
    render_stamp(&out, NOON + 7);
    reads(&out, "2026-03-10 12:00:00.000000007 +0000");
}

static void hostile_times_are_shown_without_harm(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_EMPTY;
    render_stamp(&out, INT64_MIN);
    render_stamp(&out, INT64_MAX);
    render_moment(&out, INT64_MIN, INT64_MAX);
    assert_true(out.bytes > 0);
    strbuf_release(&out);
}

/* ---- tables ---- */

static const struct table_column three_columns[TABLE_COLUMNS] = {
    [0] = {.right = true}, [1] = {.flexible = true}, [2] = {.drop = 1}};

static void prints(const struct table_column *columns, size_t width, const struct cell *cells,
                   size_t lines, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    struct screen screen = {.out = open_memstream(&text, &bytes), .columns = width};
    struct table *table = table_new(columns);
    for (size_t i = 0; i < lines; i++)
        table_add(table, cells + i * TABLE_COLUMNS);
    assert_int_equal(table_print(table, &screen, 2), 0);
    fclose(screen.out);
    assert_string_equal(text, expected);
    table_free(&table);
    free(text);
}

static void columns_are_as_wide_as_what_is_in_them(void **state)
{
    (void)state;
    const struct cell cells[2 * TABLE_COLUMNS] = {
        {.text = "1"}, {.text = "Projects/a"}, {.text = "x"}, [TABLE_COLUMNS] = {.text = "412"},
        {.text = "b"}, {.text = "y"},
    };
    prints(three_columns, 80, cells, 2,
           "    1  Projects/a  x\n"
           "  412  b           y\n");
}

static void a_narrow_screen_drops_a_column_then_shortens(void **state)
{
    (void)state;
    const struct cell cells[TABLE_COLUMNS] = {
        {.text = "1"}, {.text = "Projects/client-work/src/main.c"}, {.text = "a long detail"}};
    prints(three_columns, 80, cells, 1, "  1  Projects/client-work/src/main.c  a long detail\n");
    prints(three_columns, 43, cells, 1, "  1  Projects/client-work/src/main.c\n");
    prints(three_columns, 30, cells, 1, "  1  Projects…-work/src/main.c\n");
}

static void both_names_of_a_rename_stay_recognisable(void **state)
{
    (void)state;
    const struct cell cells[TABLE_COLUMNS] = {{.text = "1"},
                                              {.text = "Projects/client-work/one.c", .to = "x.c"}};
    prints(three_columns, 80, cells, 1, "  1  Projects/client-work/one.c → x.c\n");
    prints(three_columns, 32, cells, 1, "  1  Project…nt-work/one.c → x.c\n");
}

static void an_empty_cell_gives_its_room_to_the_flexible_one(void **state)
{
    (void)state;
    static const struct table_column columns[TABLE_COLUMNS] = {
        [0] = {.flexible = true}, [1] = {0}, [2] = {0}};
    const struct cell cells[2 * TABLE_COLUMNS] = {
        {.text = "abcdefghijklmnopqrstuvwxyz"},
        {.text = "0123456789012345"},
        {.text = "!"},
        [TABLE_COLUMNS] = {.text = "abcdefghijklmnopqrstuvwxyz"},
        {.text = ""},
        {.text = "!"},
    };
    prints(columns, 40, cells, 2,
           "  abcdef…qrstuvwxyz  0123456789012345  !\n"
           "  abcdefghijklmnopqrstuvwxyz           !\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_two_or_three_digits_and_a_unit),
        cmocka_unit_test(counts_have_commas_and_the_right_noun),
        cmocka_unit_test(a_long_path_loses_its_middle_and_keeps_its_end),
        cmocka_unit_test(shortening_cuts_no_character_in_two),
        cmocka_unit_test(names_cannot_command_the_terminal),
        cmocka_unit_test(days_have_names_while_they_are_near),
        cmocka_unit_test(hostile_times_are_shown_without_harm),
        cmocka_unit_test(columns_are_as_wide_as_what_is_in_them),
        cmocka_unit_test(a_narrow_screen_drops_a_column_then_shortens),
        cmocka_unit_test(both_names_of_a_rename_stay_recognisable),
        cmocka_unit_test(an_empty_cell_gives_its_room_to_the_flexible_one),
    };
    return cmocka_run_group_tests(tests, given_utc, NULL);
}
