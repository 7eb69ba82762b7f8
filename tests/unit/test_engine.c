/* test_engine.c - what the Engine says is believed as little as it must be. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher/cli.h"
#include "launcher/docker/engine.h"
#include "launcher/docker/news.h"
#include "tests/support/test.h"

/* An Engine that says what it was told to, one answer for each connection. */
static struct {
    char folder[64];
    char path[96];
    int listening;
    pthread_t thread;
    const char *answers[8]; /* whole, with their heads */
    char asked[8][512];
} fake;

static void *answer_all(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(fake.answers) && fake.answers[i]; i++) {
        int fd = accept(fake.listening, NULL, NULL);
        if (fd < 0)
            return NULL;
        ssize_t n = read(fd, fake.asked[i], sizeof fake.asked[i] - 1);
        fake.asked[i][n > 0 ? n : 0] = '\0';
        size_t left = strlen(fake.answers[i]);
        const char *at = fake.answers[i];
        for (ssize_t sent = 1; left > 0 && sent > 0; at += sent, left -= (size_t)sent)
            sent = send(fd, at, left, MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void given_an_engine_that_says(const char *const *answers)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memset(&fake, 0, sizeof fake);
    for (size_t i = 0; answers[i]; i++)
        fake.answers[i] = answers[i];
    strcpy(fake.folder, "/tmp/ccfs-engine-XXXXXX");
    assert_non_null(mkdtemp(fake.folder));
    snprintf(fake.path, sizeof fake.path, "%s/sock", fake.folder);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", fake.path);
    fake.listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake.listening, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fake.listening, 8), 0);
    assert_int_equal(pthread_create(&fake.thread, NULL, answer_all, NULL), 0);
}

static int remove_engine(void **state)
{
    (void)state;
    if (fake.listening > 0) {
        shutdown(fake.listening, SHUT_RDWR);
        pthread_join(fake.thread, NULL);
        close(fake.listening);
        unlink(fake.path);
        rmdir(fake.folder);
        fake.listening = 0;
    }
    return 0;
}

#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body
#define VERSION(newest, oldest)                                                                    \
    OK("{\"Version\":\"20.10.24\",\"ApiVersion\":\"" newest "\",\"MinAPIVersion\":\"" oldest "\""  \
       "}")
#define INFO OK("{\"NCPU\":2,\"MemTotal\":4096,\"SecurityOptions\":[\"name=seccomp\"]}")

#define SAYS(...) given_an_engine_that_says((const char *const[]){__VA_ARGS__, NULL})

static void the_version_is_the_newest_that_both_speak(void **state)
{
    (void)state;
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    struct error err = ERROR_NONE;
    SAYS(VERSION("1.41", "1.12"), INFO);
    assert_int_equal(engine_open(fake.path, &e, &err), 0);
    assert_string_equal(e.api, "1.41");
    assert_int_equal(e.cpus, 2);
    assert_int_equal(e.memory_bytes, 4096);
    assert_false(e.rootless);
    assert_non_null(strstr(fake.asked[0], "GET /version "));
    assert_non_null(strstr(fake.asked[1], "GET /v1.41/info "));
}

static void an_engine_that_is_too_old_or_too_new_is_named(void **state)
{
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    struct error err = ERROR_NONE;
    SAYS(VERSION("1.40", "1.12"));
    assert_true(engine_open(fake.path, &e, &err) < 0);
    assert_int_equal(cli_exit_code(&err), EXIT_MISSING);
    assert_non_null(strstr(err.message, "20.10.24, which is too old"));
    engine_close(&e);
    remove_engine(state);
    SAYS(VERSION("1.99", "1.90"));
    assert_true(engine_open(fake.path, &e, &err) < 0);
    assert_non_null(strstr(err.message, "take a newer ccfs"));
}

static void its_errors_are_its_own_words_on_one_harmless_line(void **state)
{
    (void)state;
    const struct engine e = {.socket = fake.path, .api = "1.41"};
    struct error err = ERROR_NONE;
    SAYS("HTTP/1.1 409 Conflict\r\nConnection: close\r\n\r\n"
         "{\"message\":\"name in use\\n\\u001b[31mby you\"}");
    assert_int_equal(engine_call(&e, "POST", NULL, NULL, &err, "/containers/create"), -EEXIST);
    assert_string_equal(err.message, "Docker: name in use\\n\\x1b[31mby you");
}

static void an_engine_whose_disk_is_full_says_so_in_the_exit_code(void **state)
{
    (void)state;
    const struct engine e = {.socket = fake.path, .api = "1.41"};
    struct error err = ERROR_NONE;
    SAYS("HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n"
         "{\"message\":\"mkdir /var/lib/docker/overlay2/x: no space left on device\"}");
    assert_int_equal(engine_call(&e, "POST", NULL, NULL, &err, "/containers/create"), -ENOSPC);
    assert_int_equal(cli_exit_code(&err), EXIT_NO_SPACE);
}

static void what_is_no_json_is_an_error_and_not_a_crash(void **state)
{
    (void)state;
    const struct engine e = {.socket = fake.path, .api = "1.41"};
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    struct error err = ERROR_NONE;
    SAYS(OK("[[[[{"), OK("\"text\""));
    assert_int_equal(engine_call(&e, "GET", NULL, &tree, &err, "/info"), -EPROTO);
    assert_int_equal(engine_call(&e, "GET", NULL, &tree, &err, "/info"), 0);
    assert_null(json_at_text(tree, "State/Status")); /* another shape: just not there */
    assert_int_equal(json_at_number(tree, "NCPU"), 0);
    assert_null(json_first(tree));
}

static void an_answer_without_end_is_left(void **state)
{
    (void)state;
    const struct engine e = {.socket = fake.path, .api = "1.41"};
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    struct error err = ERROR_NONE;
    size_t bytes = HTTP_BODY_LIMIT + 1024 * 1024;
    char *endless = malloc(bytes);
    assert_non_null(endless);
    memset(endless, 'x', bytes - 1);
    endless[bytes - 1] = '\0';
    memcpy(endless, OK(""), strlen(OK("")));
    SAYS(endless);
    assert_int_equal(engine_call(&e, "GET", NULL, &tree, &err, "/info"), -EMSGSIZE);
    remove_engine(NULL);
    free(endless);
}

static void where_nobody_listens_it_says_what_to_start(void **state)
{
    (void)state;
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    struct error err = ERROR_NONE;
    assert_true(engine_open("/nonexistent/docker.sock", &e, &err) < 0);
    assert_int_equal(cli_exit_code(&err), EXIT_MISSING);
    assert_non_null(strstr(err.message, "no Docker Engine listens on /nonexistent/docker.sock"));
}

static void an_engine_on_another_machine_is_refused(void **state)
{
    (void)state;
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    struct error err = ERROR_NONE;
    assert_true(engine_open("tcp://192.0.2.1:2375", &e, &err) < 0);
    assert_int_equal(cli_exit_code(&err), EXIT_USAGE);
    assert_non_null(strstr(err.message, "must be on this machine"));
}

static void the_context_in_use_says_where_the_engine_is(void **state)
{
    (void)state;
    CLEANUP(engine_close) struct engine e = ENGINE_NONE;
    struct error err = ERROR_NONE;
    char command[512];
    SAYS(VERSION("1.41", "1.12"), INFO);
    snprintf(
        command, sizeof command,
        "mkdir -p %s/c/contexts/meta/1 && echo '{\"currentContext\":\"mine\"}' >%s/c/config.json "
        "&& echo '{\"Name\":\"mine\",\"Endpoints\":{\"docker\":{\"Host\":\"unix://%s\"}}}' "
        ">%s/c/contexts/meta/1/meta.json",
        fake.folder, fake.folder, fake.path, fake.folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/c", fake.folder);
    unsetenv("DOCKER_HOST");
    unsetenv("DOCKER_CONTEXT");
    setenv("DOCKER_CONFIG", command, 1);
    int r = engine_open(NULL, &e, &err);
    setenv("DOCKER_CONTEXT", "other", 1);
    struct engine none = ENGINE_NONE;
    int other = engine_open(NULL, &none, &err);
    engine_close(&none);
    unsetenv("DOCKER_CONTEXT");
    unsetenv("DOCKER_CONFIG");
    snprintf(command, sizeof command, "rm -rf %s/c", fake.folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(r, 0);
    assert_string_equal(e.socket, fake.path);
    assert_true(other < 0);
    assert_int_equal(cli_exit_code(&err), EXIT_CONFIG);
}

static bool count_lines(void *context, const struct cJSON *value)
{
    if (json_at_text(value, "status"))
        ++*(unsigned *)context;
    return true;
}

static void lines_are_put_together_whatever_the_pieces(void **state)
{
    (void)state;
    unsigned count = 0;
    struct engine_lines lines = {.line = count_lines, .context = &count};
    const char text[] = "{\"status\":\"a\"}\nrubbish\n\n{\"status\":\"b\"}\r\n{\"status\":\"c\"}";
    for (size_t i = 0; i < sizeof text - 1; i++)
        assert_true(engine_lines_take(&lines, text + i, 1));
    assert_int_equal(count, 2); /* the last one has not ended */
    strbuf_release(&lines.partial);
}

static void only_the_sessions_own_containers_are_news(void **state)
{
    struct engine e = {.socket = fake.path, .api = "1.41"};
    struct spec_names names;
    struct news news;
    struct error err = ERROR_NONE;
    (void)state;
    SAYS("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
         "{\"Action\":\"die\",\"Actor\":{\"Attributes\":{\"name\":\"claude-code-env-x\"}}}\n"
         "{\"Action\":\"oom\",\"Actor\":{\"Attributes\":{\"name\":\"claude-code-env-net\"}}}\n"
         "{\"Action\":\"die\"}\nrubbish\n{\"Action\":{},\"Actor\":7}\n"
         "{\"Action\":\"die\",\"Actor\":{\"Attributes\":{\"name\":\"claude-code-env-net\"}}}\n"
         "{\"Action\":\"die\",\"Actor\":{\"Attributes\":{\"name\":\"claude-code-env\"");
    assert_int_equal(spec_names_make("", &names, &err), 0);
    assert_int_equal(news_open(&e, &names, &news, &err), 0);
    while (news.fd >= 0)
        news_take(&news);
    assert_true(news.holder_died);
    assert_false(news.memory_out); /* the holder's is nobody's */
    assert_false(news.agent_died); /* its line never ended */
    assert_non_null(strstr(fake.asked[0], "GET /v1.41/events?filters=%7B"));
    assert_non_null(strstr(fake.asked[0], "HTTP/1.0"));
    news_close(&news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_version_is_the_newest_that_both_speak, remove_engine),
        cmocka_unit_test_teardown(an_engine_that_is_too_old_or_too_new_is_named, remove_engine),
        cmocka_unit_test_teardown(its_errors_are_its_own_words_on_one_harmless_line, remove_engine),
        cmocka_unit_test_teardown(an_engine_whose_disk_is_full_says_so_in_the_exit_code,
                                  remove_engine),
        cmocka_unit_test_teardown(what_is_no_json_is_an_error_and_not_a_crash, remove_engine),
        cmocka_unit_test_teardown(an_answer_without_end_is_left, remove_engine),
        cmocka_unit_test(where_nobody_listens_it_says_what_to_start),
        cmocka_unit_test(an_engine_on_another_machine_is_refused),
        cmocka_unit_test_teardown(the_context_in_use_says_where_the_engine_is, remove_engine),
        cmocka_unit_test_teardown(only_the_sessions_own_containers_are_news, remove_engine),
        cmocka_unit_test(lines_are_put_together_whatever_the_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
