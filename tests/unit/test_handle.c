/* test_handle.c - open files: numbers, what the handles of an inode share, who writes. */
#include "fusefs/handle.h"
#include "journal/base/fd.h"
#include "tests/support/test.h"

struct house {
    char path[64];
    int root;
    struct zones *zones;
    struct vault *vault;
    struct nodes *nodes;
    struct handles handles;
};

static struct house *given_house(void)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->root = test_folder_make(h->path, sizeof h->path);
    test_file_text(h->root, "file", "content");
    test_file_text(h->root, "other", "content");
    assert_int_equal(mkdirat(h->root, "state", 0700), 0);
    CLEANUP(fd_close) int state = openat(h->root, "state", O_RDONLY | O_DIRECTORY);
    assert_int_equal(zones_make(NULL, 0, &h->zones, NULL), 0);
    assert_int_equal(vault_open(state, &h->vault, NULL), 0);
    assert_int_equal(nodes_make(h->root, h->zones, h->vault, 100, &h->nodes, NULL), 0);
    handles_init(&h->handles);
    return h;
}

static void end_of(struct house *h)
{
    assert_int_equal(handles_open(&h->handles), 0);
    handles_end(&h->handles);
    nodes_free(&h->nodes);
    vault_close(&h->vault);
    zones_free(&h->zones);
    close(h->root);
    test_folder_remove(h->path);
    free(h);
}

static struct node *met(struct house *h, const char *name)
{
    CLEANUP(place_release) struct place at;
    struct attr attr;
    place_none(&at);
    assert_int_equal(place_find(h->nodes, 1, name, &at), 0);
    assert_int_equal(place_attr(&at, &attr, NULL), 0);
    return node_meet(&at, &attr);
}

static uint64_t opened(struct house *h, struct node *node, int flags)
{
    uint64_t number = 0;
    struct file *file = file_enter(&h->handles, h->nodes, node);
    assert_non_null(file);
    int fd = node_open(h->nodes, node, flags);
    assert_true(fd >= 0);
    assert_int_equal(handle_open_file(&h->handles, h->nodes, file, fd, flags, WAY_CACHED, &number),
                     0);
    file_exit(&h->handles, h->nodes, file);
    assert_true(number > 0);
    return number;
}

static void closed(struct house *h, uint64_t number, bool wanted_last)
{
    bool last = false;
    handle_end_writing(&h->handles, handle_get(&h->handles, number), &last);
    assert_int_equal(last, wanted_last);
    handle_close(&h->handles, h->nodes, number);
    assert_null(handle_get(&h->handles, number));
}

static void handles_of_one_inode_share_a_file(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    uint64_t a = opened(h, node, O_RDWR);
    uint64_t b = opened(h, node, O_RDONLY);
    uint64_t c = opened(h, met(h, "other"), O_RDONLY);
    assert_ptr_equal(handle_get(&h->handles, a)->file, handle_get(&h->handles, b)->file);
    assert_ptr_not_equal(handle_get(&h->handles, a)->file, handle_get(&h->handles, c)->file);
    assert_int_equal(handles_open(&h->handles), 3);
    closed(h, b, false);
    closed(h, a, true);
    closed(h, c, false);
    assert_null(node->file);
    end_of(h);
}

static void the_last_writer_is_told_apart(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    uint64_t a = opened(h, node, O_WRONLY);
    uint64_t b = opened(h, node, O_RDWR);
    uint64_t reader = opened(h, node, O_RDONLY);
    closed(h, a, false);
    closed(h, reader, false);
    closed(h, b, true);
    end_of(h);
}

static void a_number_that_was_never_given_is_nothing(void **state)
{
    (void)state;
    struct house *h = given_house();
    assert_null(handle_get(&h->handles, 0));
    assert_null(handle_get(&h->handles, 1));
    assert_null(handle_get(&h->handles, UINT64_MAX));
    uint64_t a = opened(h, met(h, "file"), O_RDONLY);
    assert_null(handle_get(&h->handles, 0));
    handle_close(&h->handles, h->nodes, a);
    handle_close(&h->handles, h->nodes, a); /* twice does no harm */
    handle_close(&h->handles, h->nodes, UINT64_MAX);
    end_of(h);
}

static void a_node_lives_as_long_as_a_handle(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    uint64_t number = node->number;
    uint64_t a = opened(h, node, O_RDONLY);
    node_forget(h->nodes, number, 1);
    assert_non_null(node_get(h->nodes, number));
    handle_close(&h->handles, h->nodes, a);
    assert_null(node_get(h->nodes, number));
    end_of(h);
}

static void it_is_known_whether_somebody_else_has_it_open(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    assert_false(file_is_open(&h->handles, node, NULL));
    uint64_t a = opened(h, node, O_RDWR);
    assert_true(file_is_open(&h->handles, node, NULL));
    assert_false(file_is_open(&h->handles, node, handle_get(&h->handles, a)));
    uint64_t b = opened(h, node, O_RDONLY);
    assert_true(file_is_open(&h->handles, node, handle_get(&h->handles, a)));
    handle_close(&h->handles, h->nodes, b);
    struct file *entered = file_enter(&h->handles, h->nodes, node); /* no handle yet */
    assert_false(file_is_open(&h->handles, node, handle_get(&h->handles, a)));
    file_exit(&h->handles, h->nodes, entered);
    handle_close(&h->handles, h->nodes, a);
    end_of(h);
}

static void writers_are_walked_once_for_each_handle(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    uint64_t all[3] = {opened(h, node, O_RDONLY), opened(h, node, O_WRONLY),
                       opened(h, met(h, "other"), O_RDWR)};
    size_t at = 0;
    size_t found = 0;
    for (struct file *file; (file = files_next(&h->handles, &at, true)); found++)
        file_drop(&h->handles, h->nodes, file);
    assert_int_equal(found, 2);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        handle_close(&h->handles, h->nodes, all[i]);
    assert_null(file_of(&h->handles, node));
    end_of(h);
}

static void numbers_are_used_again_and_memory_does_not_grow(void **state)
{
    (void)state;
    struct house *h = given_house();
    struct node *node = met(h, "file");
    for (int round = 0; round < 20; round++) {
        uint64_t numbers[50];
        for (int i = 0; i < 50; i++)
            numbers[i] = opened(h, node, O_RDONLY);
        for (int i = 0; i < 50; i++)
            handle_close(&h->handles, h->nodes, numbers[i]);
    }
    assert_true(h->handles.room <= 64);
    end_of(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_of_one_inode_share_a_file),
        cmocka_unit_test(the_last_writer_is_told_apart),
        cmocka_unit_test(a_number_that_was_never_given_is_nothing),
        cmocka_unit_test(a_node_lives_as_long_as_a_handle),
        cmocka_unit_test(it_is_known_whether_somebody_else_has_it_open),
        cmocka_unit_test(writers_are_walked_once_for_each_handle),
        cmocka_unit_test(numbers_are_used_again_and_memory_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
