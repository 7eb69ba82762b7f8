/* Values of secrets are taken out of what is collected, in whatever pieces and forms they come. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/redact.h"
#include "tests/support/test.h"

static void given_secret(struct secrets *all, const char *name, const char *value)
{
    struct secret *s = &all->items[all->count++];
    *s = (struct secret){.value = strdup(value), .bytes = strlen(value)};
    snprintf(s->name, sizeof s->name, "%s", name);
    assert_non_null(s->value);
}

/* In pieces of so many bytes. */
static char *redacted(const struct secrets *all, const char *text, size_t piece)
{
    CLEANUP(redactor_free) struct redactor *r = NULL;
    CLEANUP(fd_close) int fd = memfd_create("redacted", MFD_CLOEXEC);
    size_t bytes = strlen(text);
    assert_int_equal(redactor_new(all, &r, NULL), 0);
    redactor_begin(r, fd);
    for (size_t at = 0; at < bytes; at += piece)
        assert_int_equal(redactor_feed(r, text + at, bytes - at < piece ? bytes - at : piece, NULL),
                         0);
    assert_int_equal(redactor_end(r, NULL), 0);
    off_t end = lseek(fd, 0, SEEK_END);
    char *out = calloc(1, (size_t)end + 1);
    assert_non_null(out);
    assert_int_equal(fd_pread_all(fd, out, (size_t)end, 0), 0);
    return out;
}

static void becomes(const struct secrets *all, const char *text, const char *wanted)
{
    for (size_t piece = 1; piece < strlen(text) + 2; piece++) {
        char *out = redacted(all, text, piece);
        assert_string_equal(out, wanted);
        free(out);
    }
}

static void a_value_is_found_wherever_the_pieces_end(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "TOKEN", "hunter22");
    becomes(&all, "hunter22", "[secret TOKEN]");
    becomes(&all, "a hunter22hunter22 b hunterhunter22",
            "a [secret TOKEN][secret TOKEN] b hunter[secret TOKEN]");
    becomes(&all, "hunter2 hunter", "hunter2 hunter");
    becomes(&all, "", "");
}

static void of_two_at_one_place_the_longer_goes(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "SHORT", "abcd");
    given_secret(&all, "LONG", "abcdefgh");
    becomes(&all, "abcdefgh abcdxabcdefg", "[secret LONG] [secret SHORT]x[secret SHORT]efg");
    for (int before = 0; before < 30; before++) {
        char text[64];
        char wanted[64];
        snprintf(text, sizeof text, "%.*s abcdefgh", before, "..............................");
        snprintf(wanted, sizeof wanted, "%.*s [secret LONG]", before,
                 "..............................");
        becomes(&all, text, wanted);
    }
}

static void a_value_is_found_as_it_is_written_in_json(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "TOKEN", "a\"b\\c d");
    becomes(&all, "{\"x\":\"a\\\"b\\\\c d\"}", "{\"x\":\"[secret TOKEN]\"}");
    becomes(&all, "{\"x\":\"a\\\"b\\\\\\\\c d\"}",
            "{\"x\":\"[secret TOKEN]\"}"); /* escaped by us, then by JSON */
}

static void lines_of_a_value_are_found_apart(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "KEY", "-----BEGIN\nfirst line\nend\n");
    becomes(&all, "12:00 -----BEGIN\n12:01 first line\n12:02 end\n",
            "12:00 [secret KEY]\n12:01 [secret KEY]\n12:02 end\n");
    becomes(&all, "<-----BEGIN\nfirst line\nend>", "<[secret KEY]>");
}

static void text_becomes(const struct secrets *all, const char *text, size_t room,
                         const char *wanted)
{
    CLEANUP(redactor_free) struct redactor *r = NULL;
    char out[64];
    assert_int_equal(redactor_new(all, &r, NULL), 0);
    snprintf(out, sizeof out, "%s", text);
    redactor_text(r, out, room);
    assert_string_equal(out, wanted);
}

static void a_text_that_is_full_ends_before_what_may_be_cut(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "T", "hunter22");
    text_becomes(&all, "run hunter22 now", 64, "run [secret T] now");
    text_becomes(&all, "run hunter2", 64, "run hunter2");
    text_becomes(&all, "run hunter2", 12, "run ");
    text_becomes(&all, "run hun", 8, "run hun");
    text_becomes(&all, "hunter22hunter22", 17, "[secret T][secre");
    text_becomes(&all, "", 64, "");
}

static void what_is_too_short_stays_with_everything_else(void **state)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    (void)state;
    given_secret(&all, "TINY", "abc");
    becomes(&all, "abc abcabc", "abc abcabc");
    CLEANUP(secrets_release) struct secrets none = {0};
    becomes(&none, "all of it", "all of it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_found_wherever_the_pieces_end),
        cmocka_unit_test(of_two_at_one_place_the_longer_goes),
        cmocka_unit_test(a_value_is_found_as_it_is_written_in_json),
        cmocka_unit_test(lines_of_a_value_are_found_apart),
        cmocka_unit_test(a_text_that_is_full_ends_before_what_may_be_cut),
        cmocka_unit_test(what_is_too_short_stays_with_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
