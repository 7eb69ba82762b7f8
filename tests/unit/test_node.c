/* test_node.c - inodes are known by identity, found by name, and forgotten. */
#include "fusefs/place.h"
#include "journal/base/fd.h"
#include "journal/journal.h"
#include "tests/support/test.h"

#define ROOT 1

struct house {
    char path[64];
    int root;
    struct zones *zones;
    struct vault *vault;
    struct nodes *nodes;
};

static const struct zone rules[] = {{"rw", ZONE_RW, true, false},
                                    {"hidden", ZONE_NONE, true, false}};

static struct house *given_house(size_t descriptors)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->root = test_folder_make(h->path, sizeof h->path);
    assert_int_equal(mkdirat(h->root, "rw", 0755), 0);
    assert_int_equal(mkdirat(h->root, "rw/d", 0755), 0);
    assert_int_equal(mkdirat(h->root, STATE_FOLDER, 0700), 0);
    test_file_text(h->root, "rw/d/file", "content");
    CLEANUP(fd_close) int state = openat(h->root, STATE_FOLDER, O_RDONLY | O_DIRECTORY);
    assert_int_equal(zones_make(rules, COUNT_OF(rules), &h->zones, NULL), 0);
    assert_int_equal(vault_open(state, &h->vault, NULL), 0);
    assert_int_equal(nodes_make(h->root, h->zones, h->vault, descriptors, &h->nodes, NULL), 0);
    return h;
}

static void end_of(struct house *h)
{
    nodes_free(&h->nodes);
    vault_close(&h->vault);
    zones_free(&h->zones);
    close(h->root);
    test_folder_remove(h->path);
    free(h);
}

/* As a LOOKUP does; 0: it is not there. */
static uint64_t met(struct house *h, uint64_t folder, const char *name)
{
    CLEANUP(place_release) struct place at;
    struct attr attr;
    place_none(&at);
    if (place_find(h->nodes, folder, name, &at) < 0 || place_attr(&at, &attr, NULL) < 0)
        return 0;
    struct node *node = node_meet(&at, &attr);
    assert_non_null(node);
    return node->number;
}

static uint64_t met_file(struct house *h)
{
    uint64_t rw = met(h, ROOT, "rw");
    return met(h, met(h, rw, "d"), "file");
}

static struct node *node_at(struct house *h, uint64_t number)
{
    struct node *node = node_get(h->nodes, number);
    assert_non_null(node);
    return node;
}

static void assert_path(struct house *h, uint64_t number, const char *wanted)
{
    char path[PLACE_PATH_MAX];
    node_path(h->nodes, node_at(h, number), path);
    assert_string_equal(path, wanted);
}

static void a_name_that_is_met_twice_is_one_node(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t file = met_file(h);
    assert_int_equal(met_file(h), file);
    assert_path(h, file, "rw/d/file");
    assert_int_equal(h->nodes->count, 4);
    end_of(h);
}

static void what_the_kernel_forgets_is_freed_with_its_parents(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t rw = met(h, ROOT, "rw");
    uint64_t d = met(h, rw, "d");
    uint64_t file = met(h, d, "file");
    node_forget(h->nodes, rw, 1);
    node_forget(h->nodes, d, 1);
    assert_int_equal(h->nodes->count, 4); /* the file's path still needs them */
    node_forget(h->nodes, file, 1);
    assert_int_equal(h->nodes->count, 1);
    assert_null(node_get(h->nodes, file));
    assert_int_equal(h->nodes->fds, 1);
    end_of(h);
}

static void a_number_is_never_given_twice(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t first = met(h, ROOT, "rw");
    node_forget(h->nodes, first, 1);
    uint64_t second = met(h, ROOT, "rw");
    assert_int_not_equal(first, second);
    assert_null(node_get(h->nodes, first));
    assert_null(node_get(h->nodes, 0));
    assert_null(node_get(h->nodes, UINT64_MAX));
    node_forget(h->nodes, first, 1); /* a number that means nothing any more */
    node_forget(h->nodes, second, 1000);
    assert_null(node_get(h->nodes, second));
    end_of(h);
}

static void the_root_cannot_be_forgotten(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    node_forget(h->nodes, ROOT, 1000000);
    assert_non_null(node_get(h->nodes, ROOT));
    assert_path(h, ROOT, "");
    end_of(h);
}

static void what_is_hidden_is_not_found(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    struct place at;
    place_none(&at);
    assert_int_equal(place_find(h->nodes, ROOT, STATE_FOLDER, &at), -ENOENT);
    assert_int_equal(place_find(h->nodes, ROOT, "hidden", &at), -ENOENT);
    assert_int_equal(place_find(h->nodes, 77, "x", &at), -ESTALE);
    char name[300];
    memset(name, 'n', 256);
    name[256] = '\0';
    assert_int_equal(place_find(h->nodes, ROOT, name, &at), -ENAMETOOLONG);
    end_of(h);
}

static void a_name_that_means_another_inode_is_stale(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    struct attr attr;
    uint64_t file = met_file(h);
    test_file_text(h->root, "rw/d/other", "other");
    assert_int_equal(renameat(h->root, "rw/d/other", h->root, "rw/d/file"), 0);
    assert_int_equal(node_attr(h->nodes, node_at(h, file), &attr, NULL), -ESTALE);
    assert_int_equal(node_open(h->nodes, node_at(h, file), O_RDONLY), -ESTALE);
    uint64_t now = met_file(h);
    assert_int_not_equal(now, file);
    assert_int_equal(node_attr(h->nodes, node_at(h, now), &attr, NULL), 0);
    assert_int_equal(attr.size, 5);
    end_of(h);
}

static void a_symlink_in_a_files_place_is_not_followed(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t file = met_file(h);
    assert_int_equal(renameat(h->root, "rw/d/file", h->root, "rw/elsewhere"), 0);
    assert_int_equal(symlinkat("../elsewhere", h->root, "rw/d/file"), 0);
    assert_int_equal(node_open(h->nodes, node_at(h, file), O_RDWR), -ESTALE);
    end_of(h);
}

static void a_move_takes_what_is_below_along(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t file = met_file(h);
    struct node *folder = node_at(h, file)->parent;
    CLEANUP(place_release) struct place to;
    place_none(&to);
    assert_int_equal(place_find(h->nodes, met(h, ROOT, "rw"), "moved", &to), 0);
    assert_int_equal(renameat(h->root, "rw/d", h->root, "rw/moved"), 0);
    node_move(h->nodes, folder, &to);
    assert_path(h, file, "rw/moved/file");
    CLEANUP(fd_close) int fd = node_open(h->nodes, node_at(h, file), O_RDONLY);
    assert_true(fd >= 0);
    place_release(&to);
    end_of(h);
}

static void a_removed_file_is_reached_in_the_vault(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    struct attr attr;
    uint64_t file = met_file(h);
    struct node *node = node_at(h, file);
    CLEANUP(fd_close) int dir = openat(h->root, "rw/d", O_RDONLY | O_DIRECTORY);
    uint64_t version = vault_new(h->vault);
    assert_int_equal(vault_move_in(h->vault, version, dir, "file", NULL), 0);
    node_to_vault(h->nodes, node, version);
    assert_true(node_in_vault(h->nodes, node));
    assert_int_equal(node_attr(h->nodes, node, &attr, NULL), 0);
    assert_int_equal(attr.nlink, 0); /* the vault's link is nobody's business */
    assert_int_equal(attr.size, 7);
    CLEANUP(fd_close) int fd = node_open(h->nodes, node, O_RDWR);
    assert_true(fd >= 0);
    end_of(h);
}

static void a_pinned_node_survives_the_loss_of_its_name(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    struct attr attr;
    struct node *node = node_at(h, met_file(h));
    node_pin(h->nodes, node);
    assert_int_equal(linkat(h->root, "rw/d/file", h->root, "rw/d/twin", 0), 0);
    assert_int_equal(unlinkat(h->root, "rw/d/file", 0), 0);
    assert_int_equal(node_attr(h->nodes, node, &attr, NULL), 0);
    assert_int_equal(attr.nlink, 1);
    end_of(h);
}

/* A truncation puts a fresh inode in its place; what was pinned must mean that one. */
static void a_pinned_node_follows_when_its_inode_is_swapped(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    struct attr fresh;
    struct attr seen;
    struct node *node = node_at(h, met_file(h));
    node_pin(h->nodes, node);
    test_file_text(h->root, "rw/d/fresh", "");
    CLEANUP(fd_close) int fd = openat(h->root, "rw/d/fresh", O_RDWR);
    assert_int_equal(renameat(h->root, "rw/d/fresh", h->root, "rw/d/file"), 0);
    assert_int_equal(attr_read(fd, "", &fresh), 0);
    node_reborn(h->nodes, node, fd, &fresh);
    assert_int_equal(node_attr(h->nodes, node, &seen, NULL), 0);
    assert_int_equal(seen.ino, fresh.ino);
    CLEANUP(fd_close) int again = node_open(h->nodes, node, O_RDWR);
    assert_true(again >= 0);
    end_of(h);
}

static void one_inode_in_two_zones_is_two_nodes(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    uint64_t inside = met_file(h);
    assert_int_equal(linkat(h->root, "rw/d/file", h->root, "outside", 0), 0);
    uint64_t outside = met(h, ROOT, "outside");
    assert_int_not_equal(inside, outside);
    assert_int_equal(node_at(h, inside)->zone->mode, ZONE_RW);
    assert_int_equal(node_at(h, outside)->zone->mode, ZONE_RO);
    end_of(h);
}

static void folders_that_are_not_used_cost_no_descriptor(void **state)
{
    (void)state;
    struct house *h = given_house(8);
    uint64_t rw = met(h, ROOT, "rw");
    char name[32];
    uint64_t folders[100];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "rw/f%d", i);
        assert_int_equal(mkdirat(h->root, name, 0755), 0);
        folders[i] = met(h, rw, name + 3);
        assert_int_equal(met(h, folders[i], "missing"), 0);
    }
    assert_true(h->nodes->fds <= 9);
    assert_int_equal(mkdirat(h->root, "rw/f0/below", 0755), 0);
    assert_true(met(h, folders[0], "below") != 0); /* opened again by name */
    end_of(h);
}

static void pinned_descriptors_have_an_end_too(void **state)
{
    (void)state;
    struct house *h = given_house(8);
    uint64_t rw = met(h, ROOT, "rw");
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "rw/f%d", i);
        test_file_text(h->root, name, "x");
        node_pin(h->nodes, node_at(h, met(h, rw, name + 3)));
        assert_int_equal(met(h, rw, "missing"), 0); /* any operation makes room */
    }
    assert_true(h->nodes->fds <= 10);
    end_of(h);
}

static void a_long_path_is_told_whole_or_not_at_all(void **state)
{
    (void)state;
    struct house *h = given_house(100);
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    uint64_t folder = met(h, ROOT, "rw");
    CLEANUP(fd_close) int dir = openat(h->root, "rw", O_RDONLY | O_DIRECTORY);
    struct place at;
    place_none(&at);
    int r = 0;
    int depth = 0;
    for (; depth < 60 && r == 0; depth++) {
        assert_int_equal(mkdirat(dir, name, 0755), 0);
        int below = openat(dir, name, O_RDONLY | O_DIRECTORY);
        close(dir);
        dir = below;
        r = place_find(h->nodes, folder, name, &at);
        if (r == 0) {
            place_release(&at);
            folder = met(h, folder, name);
        }
    }
    assert_int_equal(r, -ENAMETOOLONG);
    assert_true(depth > 30);
    while (depth-- > 0) { /* by steps: no path is long enough for all of it */
        int above = openat(dir, "..", O_RDONLY | O_DIRECTORY);
        close(dir);
        dir = above;
        assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
    }
    end_of(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_met_twice_is_one_node),
        cmocka_unit_test(what_the_kernel_forgets_is_freed_with_its_parents),
        cmocka_unit_test(a_number_is_never_given_twice),
        cmocka_unit_test(the_root_cannot_be_forgotten),
        cmocka_unit_test(what_is_hidden_is_not_found),
        cmocka_unit_test(a_name_that_means_another_inode_is_stale),
        cmocka_unit_test(a_symlink_in_a_files_place_is_not_followed),
        cmocka_unit_test(a_move_takes_what_is_below_along),
        cmocka_unit_test(a_removed_file_is_reached_in_the_vault),
        cmocka_unit_test(a_pinned_node_survives_the_loss_of_its_name),
        cmocka_unit_test(a_pinned_node_follows_when_its_inode_is_swapped),
        cmocka_unit_test(one_inode_in_two_zones_is_two_nodes),
        cmocka_unit_test(folders_that_are_not_used_cost_no_descriptor),
        cmocka_unit_test(pinned_descriptors_have_an_end_too),
        cmocka_unit_test(a_long_path_is_told_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
