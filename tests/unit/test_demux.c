/* test_demux.c - the Engine's frames, in whatever pieces they come. */
#include <stdlib.h>

#include "launcher/docker/demux.h"
#include "tests/support/test.h"

struct heard {
    char text[3][64];
    size_t bytes[3];
};

static bool hear(void *context, int fd, const char *data, size_t bytes)
{
    struct heard *h = context;
    if (h->bytes[fd] + bytes >= sizeof h->text[fd])
        return false;
    memcpy(h->text[fd] + h->bytes[fd], data, bytes);
    h->bytes[fd] += bytes;
    return true;
}

static const char frames[] = "\1\0\0\0\0\0\0\3one"
                             "\2\0\0\0\0\0\0\5wrong"
                             "\1\0\0\0\0\0\0\0"
                             "\1\0\0\0\0\0\0\4 two";

static void frames_are_told_apart_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof frames; piece++) {
        struct heard h = {0};
        struct demux d = {.sink = hear, .context = &h};
        for (size_t at = 0; at < sizeof frames - 1; at += piece) {
            size_t left = sizeof frames - 1 - at;
            assert_true(demux_feed(&d, frames + at, left < piece ? left : piece));
        }
        assert_string_equal(h.text[1], "one two");
        assert_string_equal(h.text[2], "wrong");
    }
}

static void what_has_no_frames_is_refused(void **state)
{
    (void)state;
    struct heard h = {0};
    struct demux d = {.sink = hear, .context = &h};
    assert_false(demux_feed(&d, "HTTP/1.1 500 no", 15));
    d = (struct demux){.sink = hear, .context = &h};
    assert_false(demux_feed(&d, "\3\0\0\0\0\0\0\1x", 9));
    assert_int_equal(h.bytes[1], 0);
}

static void a_frame_of_four_gigabytes_allocates_nothing(void **state)
{
    (void)state;
    struct heard h = {0};
    struct demux d = {.sink = hear, .context = &h};
    assert_true(demux_feed(&d, "\1\0\0\0\xff\xff\xff\xff", 8));
    assert_true(demux_feed(&d, "abc", 3));
    assert_string_equal(h.text[1], "abc");
}

static void a_terminal_has_no_frames(void **state)
{
    (void)state;
    struct heard h = {0};
    struct demux d = {.plain = true, .sink = hear, .context = &h};
    assert_true(demux_feed(&d, "\1\0\0\0\0\0\0\3", 8));
    assert_int_equal(h.bytes[1], 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_told_apart_in_any_pieces),
        cmocka_unit_test(what_has_no_frames_is_refused),
        cmocka_unit_test(a_frame_of_four_gigabytes_allocates_nothing),
        cmocka_unit_test(a_terminal_has_no_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
