/* test_event_json.c - an event as programs read it: every key there, every byte and digit kept. */
#include <cjson/cJSON.h>
#include <string.h>

#include "journal/base/text.h"
#include "launcher/event_json.h"
#include "tests/support/test.h"

static cJSON *parsed(const struct event *event)
{
    struct strbuf line = STRBUF_EMPTY;
    struct error err = ERROR_NONE;
    assert_int_equal(event_json_line(event, &line, &err), 0);
    assert_int_equal(line.data[line.bytes - 1], '\n');
    assert_ptr_equal(strchr(line.data, '\n'), line.data + line.bytes - 1); /* one line */
    cJSON *json = cJSON_Parse(line.data);
    assert_non_null(json);
    strbuf_release(&line);
    return json;
}

static bool says(const struct event *event, const char *part)
{
    struct strbuf line = STRBUF_EMPTY;
    assert_int_equal(event_json_line(event, &line, NULL), 0);
    bool found = strstr(line.data, part) != NULL;
    strbuf_release(&line);
    return found;
}

static struct event given_a_write(void)
{
    static const struct range ranges[] = {{0, 5}, {4096, INT64_C(9007199254740993)}};
    static unsigned char sum[32];
    for (size_t i = 0; i < sizeof sum; i++)
        sum[i] = (unsigned char)(i + 0xa0);
    return (struct event){
        .id = UINT64_C(9007199254740993), /* 2^53 + 1 */
        .time = INT64_C(1773144000000000123),
        .session = 7,
        .actor = {.id = 3,
                  .pid = 5120,
                  .uid = 1000,
                  .gid = 100,
                  .exe = "/bin/sh",
                  .cmdline = "sh -c 'echo'"},
        .tid = 5121,
        .op = OP_WRITE,
        .count = 1,
        .path = "Projects/a\nb\xff",
        .before = {.mode = S_IFREG | 0644, .size = 3, .mtime = -1},
        .after = {.mode = S_IFREG | 04755, .size = UINT64_MAX},
        .version = 12,
        .kept = KEPT_BLOCKS,
        .ranges = ranges,
        .range_count = 2,
        .sha256_before = sum,
    };
}

static void every_promised_key_is_there_and_null_when_unknown(void **state)
{
    (void)state;
    struct event event = {.id = 1, .op = OP_MOUNT, .count = 1};
    cJSON *json = parsed(&event);
    const char *const keys[] = {"id",     "time",  "session", "op",    "path",   "to",    "outcome",
                                "reason", "actor", "before",  "after", "ranges", "vault", "undoes"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_non_null(cJSON_GetObjectItemCaseSensitive(json, keys[i]));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "actor")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "before")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "session")));
    cJSON_Delete(json);
}

static void numbers_beyond_doubles_are_exact(void **state)
{
    (void)state;
    struct event event = given_a_write();
    assert_true(says(&event, "\"id\":9007199254740993,"));
    assert_true(says(&event, "\"length\":9007199254740993}"));
    assert_true(says(&event, "\"size\":18446744073709551615,"));
}

static void times_are_utc_with_nanoseconds(void **state)
{
    (void)state;
    struct event event = given_a_write();
    assert_true(says(&event, "\"time\":\"2026-03-10T12:00:00.000000123Z\""));
    assert_true(says(&event, "\"mtime\":\"1969-12-31T23:59:59.999999999Z\""));
}

static void names_give_back_their_bytes(void **state)
{
    (void)state;
    struct event event = given_a_write();
    cJSON *json = parsed(&event);
    struct strbuf bytes = STRBUF_EMPTY;
    const char *path = cJSON_GetObjectItemCaseSensitive(json, "path")->valuestring;
    assert_true(text_unescape(&bytes, path));
    assert_string_equal(strbuf_text(&bytes), event.path);
    strbuf_release(&bytes);
    cJSON_Delete(json);
}

static void what_is_known_is_told(void **state)
{
    (void)state;
    struct event event = given_a_write();
    assert_true(says(&event, "\"op\":\"write\""));
    assert_true(says(&event, "\"outcome\":\"ok\""));
    assert_true(says(&event, "\"pid\":5121,\"tgid\":5120,\"uid\":1000,\"gid\":100,"));
    assert_true(says(&event, "\"type\":\"file\",\"mode\":\"0644\""));
    assert_true(says(&event, "\"mode\":\"4755\""));
    assert_true(says(&event, "\"sha256\":\"a0a1a2"));
    assert_true(says(&event, "\"vault\":{\"version\":12,\"kept\":\"blocks\"}"));
    assert_true(says(&event, "\"ranges\":[{\"offset\":0,\"length\":5},"));
}

static void a_refusal_says_why(void **state)
{
    (void)state;
    struct event event = given_a_write();
    event.outcome = OUTCOME_DENIED;
    event.reason = "read-only";
    event.error_code = EROFS;
    event.count = 12;
    assert_true(says(&event, "\"outcome\":\"denied\",\"reason\":\"read-only\",\"errno\":30,"
                             "\"count\":12"));
}

static void a_gap_says_since_when(void **state)
{
    (void)state;
    struct event event = {
        .id = 2, .op = OP_GAP, .time = 5, .before = {.mtime = INT64_C(1773144000000000000)}};
    assert_true(says(&event, "\"from\":\"2026-03-10T12:00:00.000000000Z\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_promised_key_is_there_and_null_when_unknown),
        cmocka_unit_test(numbers_beyond_doubles_are_exact),
        cmocka_unit_test(times_are_utc_with_nanoseconds),
        cmocka_unit_test(names_give_back_their_bytes),
        cmocka_unit_test(what_is_known_is_told),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(a_gap_says_since_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
