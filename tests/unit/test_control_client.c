/* test_control_client.c - what the client makes of answers, good and hostile. */
#include "tests/support/test.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "launcher/control_client.h"

struct line {
    struct control client;
    int daemon; /* the other end */
    struct error err;
};

static int given_connection(void **state)
{
    int ends[2];
    struct line *line = calloc(1, sizeof *line);
    assert_non_null(line);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    line->client = CONTROL_NONE;
    line->client.fd = ends[0];
    line->daemon = ends[1];
    *state = line;
    return 0;
}

static int hung_up(void **state)
{
    struct line *line = *state;
    control_close(&line->client);
    close(line->daemon);
    free(line);
    return 0;
}

static int ask_answered(struct line *line, const char *answer, control_progress *progress,
                        void *context)
{
    assert_int_equal(write(line->daemon, answer, strlen(answer)), (ssize_t)strlen(answer));
    shutdown(line->daemon, SHUT_WR);
    return control_ask(&line->client, "status", progress, context, &line->err);
}

static void a_request_is_one_line_and_values_are_encoded(void **state)
{
    struct line *line = *state;
    CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
    char sent[256] = {0};
    strbuf_add_text(&request, "session-begin");
    control_add(&request, "command", "a b\n%\xff=");
    control_add_number(&request, "pid", 7);
    assert_int_equal(write(line->daemon, "ok\n", 3), 3);
    assert_int_equal(control_ask(&line->client, strbuf_text(&request), NULL, NULL, &line->err), 0);
    assert_true(read(line->daemon, sent, sizeof sent - 1) > 0);
    assert_string_equal(sent, "session-begin command=a%20b%0A%25%FF= pid=7\n");
}

static void values_are_decoded_and_absent_ones_are_null(void **state)
{
    struct line *line = *state;
    assert_int_equal(ask_answered(line, "ok mountpoint=/mnt/a%20b pid=42 odd=%zz%4\n", NULL, NULL),
                     0);
    assert_string_equal(control_value(&line->client, "mountpoint"), "/mnt/a b");
    assert_int_equal(control_number(&line->client, "pid"), 42);
    assert_string_equal(control_value(&line->client, "odd"), "%zz%4");
    assert_null(control_value(&line->client, "point"));
    assert_int_equal(control_number(&line->client, "mountpoint"), 0);
}

static void count_up(void *context, uint64_t done, uint64_t total)
{
    uint64_t *sum = context;
    *sum += done + total;
}

static void progress_is_told_before_the_end(void **state)
{
    struct line *line = *state;
    uint64_t sum = 0;
    assert_int_equal(ask_answered(line, "progress 1 2\nprogress 2 2\nok undo=9\n", count_up, &sum),
                     0);
    assert_int_equal(sum, 7);
    assert_int_equal(control_number(&line->client, "undo"), 9);
}

static void an_error_comes_with_its_number_and_sentence(void **state)
{
    struct line *line = *state;
    assert_int_equal(ask_answered(line, "err 16 files%20are%20open\n", NULL, NULL), -16);
    assert_int_equal(line->err.code, 16);
    assert_string_equal(line->err.message, "files are open");
}

static void a_daemon_that_ends_is_told_from_one_that_refuses(void **state)
{
    struct line *line = *state;
    assert_int_equal(ask_answered(line, "ok half a li", NULL, NULL), -EPIPE);
}

static void nonsense_is_an_error_and_not_obeyed(void **state)
{
    static const char *const answers[] = {"\n",         "okay\n",   "err\n",     "err x y\n",
                                          "progress\n", "err 0 \n", "err -5 x\n"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct line *line = *state;
        assert_true(ask_answered(line, answers[i], NULL, NULL) < 0);
        assert_true(line->err.code > 0);
        hung_up(state);
        given_connection(state);
    }
}

static void an_endless_answer_is_cut_off(void **state)
{
    struct line *line = *state;
    CLEANUP(strbuf_release) struct strbuf flood = STRBUF_EMPTY;
    for (int i = 0; i < 100000; i++)
        strbuf_add_text(&flood, "x");
    int bytes = 1 << 20;
    assert_int_equal(setsockopt(line->daemon, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(ask_answered(line, strbuf_text(&flood), NULL, NULL), -EPROTO);
}

static void without_a_socket_no_daemon_runs(void **state)
{
    char path[128];
    int root = test_folder_make(path, sizeof path);
    CLEANUP(control_close) struct control client = CONTROL_NONE;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)state;
    assert_int_equal(control_connect(root, &client, NULL), 0);
    assert_int_equal(mkdirat(root, ".ccfs", 0700), 0);

    /* nor with one that a killed daemon left */
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/.ccfs/control.sock", root);
    assert_int_equal(bind(dead, (const struct sockaddr *)&at, sizeof at), 0);
    close(dead);
    assert_int_equal(control_connect(root, &client, NULL), 0);
    close(root);
    test_folder_remove(path);
}

static void roots_are_read_one_by_one_as_far_as_they_make_sense(void **state)
{
    const char *at = "7:4711,18446744073709551615:1,x:3";
    uint64_t session = 0;
    pid_t root = 0;
    (void)state;
    assert_true(control_next_root(&at, &session, &root));
    assert_int_equal(session, 7);
    assert_int_equal(root, 4711);
    assert_true(control_next_root(&at, &session, &root));
    assert_int_equal(root, 1);
    assert_false(control_next_root(&at, &session, &root));
    for (const char *const *odd =
             (const char *const[]){"", ":", "7", "7:", "7:-1", "7:0", ",", NULL};
         *odd; odd++) {
        at = *odd;
        assert_false(control_next_root(&at, &session, &root));
    }
    at = NULL;
    assert_false(control_next_root(&at, &session, &root));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, given_connection, hung_up)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_read_one_by_one_as_far_as_they_make_sense),
        STORY(a_request_is_one_line_and_values_are_encoded),
        STORY(values_are_decoded_and_absent_ones_are_null),
        STORY(progress_is_told_before_the_end),
        STORY(an_error_comes_with_its_number_and_sentence),
        STORY(a_daemon_that_ends_is_told_from_one_that_refuses),
        STORY(nonsense_is_an_error_and_not_obeyed),
        STORY(an_endless_answer_is_cut_off),
        cmocka_unit_test(without_a_socket_no_daemon_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
