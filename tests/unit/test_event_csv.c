/* test_event_csv.c - an event as a spreadsheet reads it: a line is a line, and nothing runs. */
#include <string.h>

#include "launcher/event_csv.h"
#include "tests/support/test.h"

static void line_is(const struct event *event, const char *expected)
{
    struct strbuf line = STRBUF_EMPTY;
    event_csv_line(event, &line);
    assert_false(line.failed);
    assert_string_equal(line.data, expected);
    strbuf_release(&line);
}

static void a_line_has_a_field_for_each_heading(void **state)
{
    (void)state;
    struct strbuf text = STRBUF_EMPTY;
    event_csv_heading(&text);
    size_t headings = 0;
    for (const char *at = text.data; *at; at++)
        headings += *at == ',';
    const struct event nothing = {.id = 1, .op = OP_MOUNT, .count = 1};
    strbuf_clear(&text);
    event_csv_line(&nothing, &text);
    size_t fields = 0;
    for (const char *at = text.data; *at; at++)
        fields += *at == ',';
    assert_int_equal(headings, fields);
    strbuf_release(&text);
}

static void what_is_known_is_told(void **state)
{
    (void)state;
    const struct event write = {
        .id = 12,
        .time = INT64_C(1773144000000000123),
        .session = 7,
        .actor = {.id = 3, .pid = 5, .uid = 1000, .gid = 100, .exe = "/bin/sh", .cmdline = "sh -c"},
        .tid = 6,
        .op = OP_WRITE,
        .count = 1,
        .path = "Projects/a",
        .before = {.mode = S_IFREG | 0644, .size = 3},
        .after = {.mode = S_IFREG | 0600, .size = 0},
        .undone_by = 20,
    };
    line_is(&write, "12,2026-03-10T12:00:00.000000123Z,7,write,Projects/a,,ok,,,1,5,6,1000,100,"
                    "/bin/sh,\"sh -c\",3,0,0644,0600,,20\r\n");
}

static void a_name_is_neither_a_formula_nor_a_further_field(void **state)
{
    (void)state;
    const struct event hostile = {
        .id = 1,
        .op = OP_RENAME,
        .count = 1,
        .path = "=cmd|' /C calc'!A0,\"x\"\n",
        .path2 = "-a",
        .outcome = OUTCOME_DENIED,
        .reason = "@b",
    };
    line_is(&hostile, "1,1970-01-01T00:00:00.000000000Z,,rename,"
                      "\"'=cmd|' /C calc'!A0,\"\"x\"\"\\n\",\"'-a\",denied,\"'@b\",,1,,,,,,"
                      ",,,,,,\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_field_for_each_heading),
        cmocka_unit_test(what_is_known_is_told),
        cmocka_unit_test(a_name_is_neither_a_formula_nor_a_further_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
