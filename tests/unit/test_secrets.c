/* test_secrets.c - what looks like a secret is one, and what only begins like one is none.
 *
 * The samples are put together here, so that no scanner takes this file for a leak. */
#include "tests/support/test.h"

#include <stdio.h>

#include "launcher/doctor/secrets.h"

static const char *kind_of(const char *before, const char *prefix, const char *rest)
{
    char text[512];
    int bytes = snprintf(text, sizeof text, "%s%s%s", before, prefix, rest);
    return secret_in(text, (size_t)bytes);
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static void keys_of_known_shapes_are_told_by_their_kind(void **state)
{
    static const struct {
        const char *prefix;
        const char *kind;
    } rows[] = {
        {"sk-ant-", "an Anthropic API key"}, {"sk-proj-", "an OpenAI API key"},
        {"ghp_", "a GitHub token"},          {"github_pat_", "a GitHub token"},
        {"glpat-", "a GitLab token"},        {"npm_", "an npm token"},
        {"AIza", "a Google API key"},        {"xoxb-", "a Slack token"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *kind = kind_of("token = \"", rows[i].prefix, letters);
        assert_non_null(kind);
        assert_string_equal(kind, rows[i].kind);
    }
    assert_string_equal(kind_of("", "AKIA", "ABCDEFGHIJKLMNOP"), "an AWS access key");
}

static void a_word_that_only_begins_like_one_is_none(void **state)
{
    (void)state;
    assert_null(kind_of("", "sk-ant-", "short"));
    assert_null(kind_of("", "sk-", "learn and other packages are no keys, whatever follows"));
    assert_null(kind_of("", "ta", "sk-antelopes-in-the-wild-of-northern-africa"));
    assert_null(kind_of("", "AKIA", "abcdefghijklmnop"));
    assert_null(kind_of("MY", "AKIA", "ABCDEFGHIJKLMNOP"));
    assert_null(secret_in("", 0));
}

static void a_private_key_is_one_with_something_in_it(void **state)
{
    (void)state;
    assert_string_equal(kind_of("-----BEGIN OPENSSH ", "PRIVATE KEY-----\n", letters),
                        "a private key");
    assert_string_equal(kind_of("text\n-----BEGIN ", "PRIVATE KEY-----\n", letters),
                        "a private key");
    assert_null(kind_of("-----BEGIN RSA ", "PRIVATE KEY-----", ""));
    assert_null(kind_of("-----BEGIN ", "PUBLIC KEY-----\n", letters));
}

static void no_byte_behind_the_end_is_looked_at(void **state)
{
    char text[] = "gh"
                  "p_abcdefghijklmnopqrstuvwxyz0123456789";
    (void)state;
    size_t bytes = strlen(text);
    assert_non_null(secret_in(text, bytes));
    for (size_t n = 0; n < bytes; n++)
        assert_null(secret_in(text, n));
}

static void names_say_what_a_file_holds_as_a_rule(void **state)
{
    (void)state;
    assert_non_null(secret_named(".env"));
    assert_non_null(secret_named(".ENV.production"));
    assert_null(secret_named(".env.example"));
    assert_non_null(secret_named("id_ed25519"));
    assert_null(secret_named("id_ed25519.pub"));
    assert_null(secret_named("environment.txt"));
}

static const char *setting(const char *text)
{
    return secret_setting(text, strlen(text));
}

static void settings_are_secret_when_they_have_a_value(void **state)
{
    (void)state;
    assert_non_null(setting("DEBUG=1\nDB_PASSWORD=correct-horse\n"));
    assert_non_null(setting("export API_KEY=\"abcdefghijk\""));
    assert_null(setting("API_KEY=\nAPI_TOKEN=$OTHER_NAME\nSECRET=<your secret>\n"));
    assert_null(setting("# PASSWORD=correct-horse\nCOLOUR=turquoise\n"));
    assert_null(setting(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_known_shapes_are_told_by_their_kind),
        cmocka_unit_test(a_word_that_only_begins_like_one_is_none),
        cmocka_unit_test(a_private_key_is_one_with_something_in_it),
        cmocka_unit_test(no_byte_behind_the_end_is_looked_at),
        cmocka_unit_test(names_say_what_a_file_holds_as_a_rule),
        cmocka_unit_test(settings_are_secret_when_they_have_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
