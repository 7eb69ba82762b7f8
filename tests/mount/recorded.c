/* recorded.c - what the journal holds after an operation: the event, what was before and after, the
 * ranges, and in the vault the very bytes that were destroyed. */
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "journal/base/fd.h"
#include "journal/vault.h"
#include "journal/xattr.h"
#include "tests/support/mount.h"

#define LARGE (300u * 1024) /* beyond what is copied whole */

/* ---- what every story begins with
 * ------------------------------------------------------------------- */

/* Bytes that differ from block to block, so that a wrong block is seen. */
static char *pattern(size_t bytes)
{
    char *data = malloc(bytes + 1);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)('a' + (i / 4096 * 7 + i) % 26);
    data[bytes] = '\0';
    return data;
}

static char *given_file(struct mount *m, const char *name, size_t bytes)
{
    char *data = pattern(bytes);
    test_file_write(m->root, name, data, bytes);
    return data;
}

static int at_mount(struct mount *m, const char *name, int flags)
{
    int fd = open(path_in(m->at, name), flags | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void write_at(int fd, const char *text, off_t at)
{
    assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
}

static struct event only_event(struct mount *m, uint64_t after, enum op op, const char *path,
                               struct seen **s)
{
    *s = mount_events_ended(m, after);
    if (seen_count(*s, op, path) != 1)
        fail_msg("%zu events of %s on %s", seen_count(*s, op, path), op_name(op), path);
    return *seen_find(*s, op, path);
}

static void assert_version_holds(struct mount *m, const struct event *e, const char *present,
                                 const char *data, size_t bytes)
{
    size_t kept = 0;
    char *held = version_bytes(m, e, present, &kept);
    assert_int_equal(kept, bytes);
    if (memcmp(held, data, bytes) != 0)
        fail_msg("the version of event %llu holds other bytes", (unsigned long long)e->id);
    free(held);
}

static void assert_range(const struct event *e, size_t i, int64_t offset, int64_t length)
{
    assert_true(i < e->range_count);
    assert_int_equal(e->ranges[i].offset, offset);
    assert_int_equal(e->ranges[i].length, length);
}

static void assert_done_by_us(const struct event *e)
{
    char self[4096] = {0};
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    assert_int_equal(e->outcome, OUTCOME_OK);
    assert_int_equal(e->actor.pid, getpid());
    assert_int_equal(e->tid, getpid());
    assert_int_equal(e->actor.uid, getuid());
    assert_int_equal(e->actor.gid, getgid());
    assert_string_equal(e->actor.exe, self);
    assert_true(strlen(e->actor.cmdline) > 0);
    assert_true(e->time > 0);
    assert_true(e->actor.started > 0 && e->actor.started <= e->time);
}

/* ---- names
 * -------------------------------------------------------------------------------------------- */

static void what_is_created_is_recorded_with_what_it_became(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    struct stat st;
    close(at_mount(m, "rw/file", O_WRONLY | O_CREAT));
    assert_int_equal(mkdir(path_in(m->at, "rw/folder"), 0750), 0);
    assert_int_equal(symlink("target", path_in(m->at, "rw/symlink")), 0);
    assert_int_equal(mkfifo(path_in(m->at, "rw/fifo"), 0600), 0);
    static const struct {
        enum op op;
        const char *path;
    } made[] = {{OP_CREATE, "rw/file"},
                {OP_MKDIR, "rw/folder"},
                {OP_SYMLINK, "rw/symlink"},
                {OP_MKNOD, "rw/fifo"}};
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        struct event e = only_event(m, 0, made[i].op, made[i].path, &s);
        assert_done_by_us(&e);
        assert_int_equal(lstat(path_in(m->raw, made[i].path), &st), 0);
        assert_int_equal(e.after.mode, st.st_mode);
        assert_int_equal(e.after.ino, st.st_ino);
        assert_int_equal(e.after.uid, st.st_uid);
        assert_int_equal(e.before.mode, 0);
        assert_int_equal(e.version, 0);
        assert_true(e.dir_mtime > 0);
        assert_true(e.object > 0);
        seen_free(&s);
    }
}

static void a_removed_file_lies_in_the_vault_as_it_was(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    struct stat before;
    char *data = given_file(m, "rw/file", LARGE);
    assert_int_equal(setxattr(path_in(m->raw, "rw/file"), "user.a", "1", 1, 0), 0);
    assert_int_equal(lstat(path_in(m->raw, "rw/file"), &before), 0);
    assert_int_equal(unlink(path_in(m->at, "rw/file")), 0);
    assert_false(test_exists(m->root, "rw/file"));
    struct event e = only_event(m, 0, OP_UNLINK, "rw/file", &s);
    assert_done_by_us(&e);
    assert_int_equal(e.kept, KEPT_INODE);
    assert_int_equal(e.before.ino, before.st_ino);
    assert_int_equal(e.before.size, LARGE);
    assert_int_equal(e.after.mode, 0);
    assert_version_holds(m, &e, "", data, LARGE);
    seen_free(&s);
    free(data);
}

static void one_name_of_several_is_recorded_and_the_file_lives_on(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/a", 100);
    assert_int_equal(link(path_in(m->at, "rw/a"), path_in(m->at, "rw/b")), 0);
    struct event linked = only_event(m, 0, OP_LINK, "rw/b", &s);
    assert_string_equal(linked.path2, "rw/a");
    assert_int_equal(linked.after.nlink, 2);
    seen_free(&s);
    assert_int_equal(unlink(path_in(m->at, "rw/a")), 0);
    struct event e = only_event(m, 0, OP_UNLINK, "rw/a", &s);
    assert_int_equal(e.before.nlink, 2);
    assert_int_equal(e.after.nlink, 1);
    assert_int_equal(e.after.ino, e.before.ino);
    assert_file_is(m->root, "rw/b", data, 100);
    seen_free(&s);
    free(data);
}

static void a_removed_folder_keeps_its_attributes_in_the_event(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    struct xattr one;
    size_t at = 0;
    assert_int_equal(mkdir(path_in(m->at, "rw/folder"), 0751), 0);
    assert_int_equal(setxattr(path_in(m->at, "rw/folder"), "user.a", "value", 5, 0), 0);
    assert_int_equal(rmdir(path_in(m->at, "rw/folder")), 0);
    struct event e = only_event(m, 0, OP_RMDIR, "rw/folder", &s);
    assert_int_equal(e.before.mode, S_IFDIR | 0751);
    assert_int_equal(xattr_next(e.xattrs, e.xattr_bytes, &at, &one), 1);
    assert_int_equal(one.value_bytes, 5);
    assert_memory_equal(one.name, "user.a", 6);
    assert_memory_equal(one.value, "value", 5);
    seen_free(&s);
}

static void a_rename_over_a_file_keeps_what_it_replaced(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/old", LARGE);
    free(given_file(m, "rw/new", 10));
    assert_int_equal(rename(path_in(m->at, "rw/new"), path_in(m->at, "rw/old")), 0);
    struct event e = only_event(m, 0, OP_RENAME, "rw/new", &s);
    assert_done_by_us(&e);
    assert_string_equal(e.path2, "rw/old");
    assert_int_equal(e.before2.size, LARGE);
    assert_int_equal(e.before.size, 10);
    assert_int_equal(e.after.ino, e.before.ino);
    assert_true(e.replaced > 0 && e.replaced != e.object);
    assert_version_holds(m, &e, "", data, LARGE);
    seen_free(&s);
    free(data);
}

static void an_exchange_names_both(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    free(given_file(m, "rw/a", 1));
    free(given_file(m, "rw/b", 2));
    assert_int_equal(renameat2(AT_FDCWD, path_in(m->at, "rw/a"), AT_FDCWD, path_in(m->at, "rw/b"),
                               RENAME_EXCHANGE),
                     0);
    struct event e = only_event(m, 0, OP_EXCHANGE, "rw/a", &s);
    assert_string_equal(e.path2, "rw/b");
    assert_int_equal(e.before.size, 1);
    assert_int_equal(e.before2.size, 2);
    assert_int_equal(e.version, 0);
    seen_free(&s);
}

static void what_the_system_refuses_is_recorded_as_failed(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    assert_int_equal(mkdir(path_in(m->at, "rw/full"), 0755), 0);
    assert_int_equal(mkdir(path_in(m->at, "rw/full/x"), 0755), 0);
    assert_int_equal(rmdir(path_in(m->at, "rw/full")), -1);
    struct event e = only_event(m, 0, OP_RMDIR, "rw/full", &s);
    assert_int_equal(e.outcome, OUTCOME_FAILED);
    assert_int_equal(e.error_code, ENOTEMPTY);
    assert_int_equal(e.version, 0);
    seen_free(&s);
}

/* ---- attributes
 * ---------------------------------------------------------------------------------------- */

static void changed_attributes_are_recorded_with_their_old_values(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    struct xattr one;
    size_t at = 0;
    const struct timespec times[2] = {{1, 0}, {2, 3}};
    free(given_file(m, "rw/file", 1));
    const char *path = path_in(m->at, "rw/file");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(setxattr(path, "user.a", "old", 3, 0), 0);
    uint64_t last = mount_last_event(m);
    struct event e = only_event(m, 0, OP_CHMOD, "rw/file", &s);
    assert_int_equal(e.before.mode, S_IFREG | 0644);
    assert_int_equal(e.after.mode, S_IFREG | 0600);
    seen_free(&s);
    e = only_event(m, 0, OP_UTIMENS, "rw/file", &s);
    assert_true(e.before.mtime > e.after.mtime);
    assert_int_equal(e.after.mtime, INT64_C(2000000003));
    seen_free(&s);
    assert_int_equal(setxattr(path, "user.a", "new", 3, 0), 0);
    assert_int_equal(removexattr(path, "user.a"), 0);
    e = only_event(m, last, OP_SETXATTR, "rw/file", &s);
    assert_int_equal(xattr_next(e.xattrs, e.xattr_bytes, &at, &one), 1);
    assert_memory_equal(one.value, "old", 3);
    seen_free(&s);
    at = 0;
    e = only_event(m, last, OP_REMOVEXATTR, "rw/file", &s);
    assert_int_equal(xattr_next(e.xattrs, e.xattr_bytes, &at, &one), 1);
    assert_memory_equal(one.value, "new", 3);
    seen_free(&s);
}

/* ---- writes
 * -------------------------------------------------------------------------------------------- */

static void an_overwritten_small_file_is_copied_whole(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", 5000);
    int fd = at_mount(m, "rw/file", O_WRONLY);
    write_at(fd, "XXXX", 100);
    write_at(fd, "YY", 4000);
    write_at(fd, "ZZ", 104);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_done_by_us(&e);
    assert_true(e.kept == KEPT_COPY || e.kept == KEPT_CLONE);
    assert_int_equal(e.range_count, 2);
    assert_range(&e, 0, 100, 6);
    assert_range(&e, 1, 4000, 2);
    assert_int_equal(e.before.size, 5000);
    assert_int_equal(e.after.size, 5000);
    assert_true(e.after.mtime >= e.before.mtime);
    assert_version_holds(m, &e, path_in(m->raw, "rw/file"), data, 5000);
    seen_free(&s);
    free(data);
}

static void of_an_overwritten_large_file_only_the_blocks_are_kept(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    uint64_t bytes = 0;
    char *data = given_file(m, "rw/file", LARGE + 17);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "first", 0);
    write_at(fd, "over two blocks", 8190);
    write_at(fd, "again", 8192);
    write_at(fd, "last", LARGE + 13);
    write_at(fd, "beyond", LARGE + 100);
    write_at(fd, "in what is new", LARGE + 50);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_int_equal(e.before.size, LARGE + 17);
    assert_int_equal(e.after.size, LARGE + 106);
    assert_version_holds(m, &e, path_in(m->raw, "rw/file"), data, LARGE + 17);
    struct stat st;
    char vault[64];
    snprintf(vault, sizeof vault, ".ccfs/vault/%02x/%016llx", (unsigned)(e.version & 255),
             (unsigned long long)e.version);
    assert_int_equal(fstatat(m->root, vault, &st, 0), 0);
    bytes = (uint64_t)st.st_size;
    if (e.kept == KEPT_BLOCKS)
        assert_true(bytes < 5 * 4096);
    seen_free(&s);
    free(data);
}

static void what_is_appended_needs_no_version(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    free(given_file(m, "rw/log", 1000));
    int fd = at_mount(m, "rw/log", O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "one\n", 4), 4);
    assert_int_equal(write(fd, "two\n", 4), 4);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/log", &s);
    assert_int_equal(e.version, 0);
    assert_int_equal(e.range_count, 1);
    assert_range(&e, 0, 1000, 8);
    assert_int_equal(e.after.size, 1008);
    seen_free(&s);
}

static void an_append_behind_what_the_host_appended_says_where_it_went(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    free(given_file(m, "rw/log", 10));
    int fd = at_mount(m, "rw/log", O_WRONLY | O_APPEND);
    int host = openat(m->root, "rw/log", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(host, "host", 4), 4);
    close(host);
    assert_int_equal(write(fd, "agent", 5), 5);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/log", &s);
    assert_int_equal(e.version, 0);
    assert_range(&e, 0, 14, 5);
    seen_free(&s);
}

static void an_append_and_then_a_change_of_old_bytes_keeps_them(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", 1000);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "appended", 1000);
    write_at(fd, "changed", 10);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(e);
    size_t bytes;
    char *held = version_bytes(m, e, path_in(m->raw, "rw/file"), &bytes);
    assert_true(bytes >= 1000);
    assert_memory_equal(held, data, 1000);
    free(held);
    seen_free(&s);
    free(data);
}

static void a_new_file_that_is_written_needs_no_version(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    int fd = at_mount(m, "rw/new", O_RDWR | O_CREAT);
    write_at(fd, "hello", 0);
    write_at(fd, "J", 0);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/new", &s);
    assert_int_equal(e.before.size, 0);
    assert_int_equal(e.after.size, 5);
    assert_range(&e, 0, 0, 5);
    assert_int_equal(e.version, 0);
    seen_free(&s);
}

static void a_hole_that_is_punched_keeps_what_was_there(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", LARGE);
    int fd = at_mount(m, "rw/file", O_RDWR);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 100000), 0);
    write_at(fd, "in the hole", 50000);
    assert_int_equal(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 300), 0);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_range(&e, 0, 0, 300);
    assert_range(&e, 1, 5000, 100000);
    assert_version_holds(m, &e, path_in(m->raw, "rw/file"), data, LARGE);
    seen_free(&s);
    free(data);
}

/* A terabyte of nothing must not be read through, let alone kept. */
static void punching_a_file_of_holes_costs_nothing(void **state)
{
    struct mount *m = *state;
    int fd = at_mount(m, "rw/sparse", O_RDWR | O_CREAT);
    assert_int_equal(ftruncate(fd, INT64_C(1) << 40), 0);
    write_at(fd, "island", INT64_C(1) << 39);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    seen_free(&s);
    uint64_t last = mount_last_event(m);
    fd = at_mount(m, "rw/sparse", O_RDWR);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, INT64_C(1) << 40),
                     0);
    write_at(fd, "in a hole", 1 << 20);
    close(fd);
    struct event e = only_event(m, last, OP_WRITE, "rw/sparse", &s);
    int raw = openat(m->root, "rw/sparse", O_RDWR | O_CLOEXEC);
    int state_fd = openat(m->root, ".ccfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct vault *v = NULL;
    assert_int_equal(vault_open(state_fd, &v, NULL), 0);
    if (e.kept == KEPT_BLOCKS) {
        char text[16] = {0};
        assert_int_equal(vault_blocks_restore(v, e.version, raw, NULL), 0);
        assert_int_equal(pread(raw, text, 6, INT64_C(1) << 39), 6);
        assert_string_equal(text, "island");
        assert_int_equal(pread(raw, text, 9, 1 << 20), 9);
        assert_memory_equal(text, "\0\0\0\0\0\0\0\0\0", 9);
    }
    vault_close(&v);
    close(state_fd);
    close(raw);
    seen_free(&s);
}

static void a_copied_range_is_recorded_where_it_went(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/to", LARGE);
    free(given_file(m, "rw/from", 50000));
    int from = at_mount(m, "rw/from", O_RDONLY);
    int to = at_mount(m, "rw/to", O_WRONLY);
    off_t out = 70000;
    assert_int_equal(copy_file_range(from, NULL, to, &out, 20000, 0), 20000);
    close(from);
    close(to);
    struct event e = only_event(m, 0, OP_WRITE, "rw/to", &s);
    assert_range(&e, 0, 70000, 20000);
    assert_version_holds(m, &e, path_in(m->raw, "rw/to"), data, LARGE);
    seen_free(&s);
    free(data);
}

static void many_ranges_are_merged_but_none_is_left_out(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    free(given_file(m, "rw/file", 60000));
    int fd = at_mount(m, "rw/file", O_WRONLY);
    for (int i = 0; i < 500; i++)
        write_at(fd, "x", i * 100);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_true(e.range_count > 0 && e.range_count <= 64);
    for (int i = 0; i < 500; i++) {
        bool held = false;
        for (size_t k = 0; k < e.range_count; k++)
            held |=
                e.ranges[k].offset <= i * 100 && e.ranges[k].offset + e.ranges[k].length > i * 100;
        assert_true(held);
    }
    seen_free(&s);
}

/* ---- truncations
 * ---------------------------------------------------------------------------------------- */

static void check_truncation(struct mount *m, size_t from, size_t to)
{
    struct seen *s;
    char name[32];
    snprintf(name, sizeof name, "rw/%zu to %zu", from, to);
    char *data = given_file(m, name, from);
    uint64_t last = mount_last_event(m);
    assert_int_equal(truncate(path_in(m->at, name), (off_t)to), 0);
    struct event e = only_event(m, last, OP_TRUNCATE, name, &s);
    assert_done_by_us(&e);
    assert_int_equal(e.before.size, from);
    assert_int_equal(e.after.size, to);
    int64_t low = (int64_t)(from < to ? from : to);
    assert_range(&e, 0, low, (int64_t)(from < to ? to : from) - low);
    if (to < from)
        assert_version_holds(m, &e, path_in(m->raw, name), data, from);
    else
        assert_int_equal(e.version, 0);
    seen_free(&s);
    free(data);
}

static void what_a_truncation_cuts_off_is_kept(void **state)
{
    struct mount *m = *state;
    check_truncation(m, 1000, 0);
    check_truncation(m, 1000, 999);
    check_truncation(m, LARGE, 0); /* the inode is swapped */
    check_truncation(m, LARGE, 5);
    check_truncation(m, LARGE, LARGE - 1);
    check_truncation(m, 1000, 2000);
    check_truncation(m, 0, LARGE);
}

static void an_open_that_truncates_keeps_the_old_content(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", LARGE);
    int fd = at_mount(m, "rw/file", O_WRONLY | O_TRUNC);
    write_at(fd, "new content", 0);
    close(fd);
    struct event e = only_event(m, 0, OP_TRUNCATE, "rw/file", &s);
    assert_version_holds(m, &e, path_in(m->raw, "rw/file"), data, LARGE);
    seen_free(&s);
    assert_file_is(m->root, "rw/file", "new content", 11);
    free(data);
}

static void a_swapped_file_keeps_its_owner_mode_and_attributes(void **state)
{
    struct mount *m = *state;
    struct stat st;
    char value[8] = {0};
    free(given_file(m, "rw/file", LARGE));
    const char *raw = path_in(m->raw, "rw/file");
    assert_int_equal(setxattr(raw, "user.a", "kept", 4, 0), 0);
    assert_int_equal(chmod(raw, 0640), 0);
    if (getuid() == 0)
        assert_int_equal(chown(raw, 1001, 1002), 0);
    assert_int_equal(truncate(path_in(m->at, "rw/file"), 0), 0);
    assert_int_equal(lstat(raw, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_nlink, 1);
    if (getuid() == 0)
        assert_int_equal(st.st_uid, 1001);
    assert_int_equal(getxattr(raw, "user.a", value, sizeof value), 4);
    assert_int_equal(lstat(path_in(m->at, "rw/file"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

/* ---- write sessions
 * ---------------------------------------------------------------------------------------- */

static void a_session_is_open_until_the_file_is_closed(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", 1000));
    int fd = at_mount(m, "rw/file", O_WRONLY);
    write_at(fd, "one", 0);
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_OPEN);
    assert_range(e, 0, 0, 3);
    uint64_t id = e->id;
    seen_free(&s);
    write_at(fd, "two", 500);
    s = mount_events(m, 0); /* whoever asks sees what has been written so far */
    e = seen_find(s, OP_WRITE, "rw/file");
    assert_int_equal(e->id, id);
    assert_int_equal(e->range_count, 2);
    seen_free(&s);
    write_at(fd, "three", 998);
    close(fd);
    struct event ended = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_int_equal(ended.id, id);
    assert_int_equal(ended.outcome, OUTCOME_OK);
    assert_int_equal(ended.range_count, 3);
    assert_int_equal(ended.after.size, 1003);
    seen_free(&s);
}

static void write_in_child(struct mount *m, const char *name, const char *text, off_t at)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path_in(m->at, name), O_WRONLY);
        _exit(fd < 0 || pwrite(fd, text, strlen(text), at) < 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void another_writer_begins_a_session_of_its_own(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", 1000);
    int fd = at_mount(m, "rw/file", O_WRONLY);
    write_at(fd, "mine", 0);
    write_in_child(m, "rw/file", "yours", 0);
    write_at(fd, "mine again", 0);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 3);
    static const char *const before[] = {"", "mine", "yours"};
    size_t k = 0;
    int32_t pids[3] = {0};
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].op == OP_WRITE) {
            memcpy(data, before[k], strlen(before[k]));
            assert_version_holds(m, &s->list[i], path_in(m->raw, "rw/file"), data, 1000);
            pids[k++] = s->list[i].actor.pid;
        }
    assert_int_equal(pids[0], getpid());
    assert_int_not_equal(pids[1], getpid());
    assert_int_equal(pids[2], getpid());
    seen_free(&s);
    free(data);
}

static int given_mount_that_records_each(void **state)
{
    struct mount *m = mount_make(NULL);
    *state = m;
    m->options.writes = WRITES_EACH;
    mount_start(m);
    return 0;
}

static void each_write_is_an_event_where_that_is_wanted(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", 1000);
    int fd = at_mount(m, "rw/file", O_WRONLY);
    write_at(fd, "one", 0);
    write_at(fd, "two", 1);
    write_at(fd, "three", 1000);
    struct seen *s = mount_events(m, 0); /* no session stays open */
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 3);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_int_equal(e->outcome, OUTCOME_OK);
    assert_int_equal(e->version, 0);
    assert_range(e, 0, 1000, 5);
    memcpy(data, "one", 3);
    for (e--; e->op != OP_WRITE; e--)
        ;
    assert_version_holds(m, e, path_in(m->raw, "rw/file"), data, 1000);
    close(fd);
    seen_free(&s);
    free(data);
}

static void a_store_into_a_mapping_is_recorded_as_inferred(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", LARGE);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    close(fd);
    map[0] = '!';
    map[100000] = '!';
    assert_int_equal(msync(map, LARGE, MS_SYNC), 0);
    assert_int_equal(munmap(map, LARGE), 0);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_true(e.flags & EVENT_INFERRED);
    assert_int_equal(e.actor.pid, getpid());
    assert_true(e.range_count >= 1);
    assert_version_holds(m, &e, path_in(m->raw, "rw/file"), data, LARGE);
    seen_free(&s);
    free(data);
}

static void writes_to_a_removed_file_spare_what_the_vault_keeps(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", 1000);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "before", 0);
    assert_int_equal(unlink(path_in(m->at, "rw/file")), 0);
    write_at(fd, "after!", 0);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 2);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    memcpy(data, "before", 6);
    assert_true(e->version != 0);
    size_t bytes;
    char *held = version_bytes(m, e, path_in(m->raw, "rw/file"), &bytes);
    assert_int_equal(bytes, 1000);
    assert_memory_equal(held, data, 1000); /* what the unlink took away can be rebuilt */
    free(held);
    seen_free(&s);
    free(data);
}

static void a_chmod_ends_the_session_before_it(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", 1000));
    int fd = at_mount(m, "rw/file", O_WRONLY);
    write_at(fd, "one", 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    write_at(fd, "two", 0);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 2);
    const struct event *mode = seen_find(s, OP_CHMOD, "rw/file");
    const struct event *second = seen_find(s, OP_WRITE, "rw/file");
    assert_true(mode->id < second->id);
    assert_int_equal(second->before.mode & 07777, 0600);
    seen_free(&s);
}

/* The host's user cuts off what the session has not kept yet. */
static void a_file_that_shrinks_outside_can_still_be_written(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", LARGE));
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "one", 0);
    assert_int_equal(truncate(path_in(m->raw, "rw/file"), 6000), 0);
    write_at(fd, "two", 200000);
    write_at(fd, "three", 5990);
    close(fd);
    char text[8] = {0};
    int raw = openat(m->root, "rw/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(raw, text, 5, 5990), 5);
    assert_string_equal(text, "three");
    close(raw);
}

/* ---- sessions of the journal
 * ---------------------------------------------------------------------------------- */

static void the_mount_itself_is_recorded(void **state)
{
    struct mount *m = *state;
    mount_stop(m);
    mount_start(m);
    struct seen *s = mount_events(m, 0);
    assert_int_equal(seen_count(s, OP_MOUNT, ""), 2);
    assert_int_equal(seen_count(s, OP_UMOUNT, ""), 1);
    assert_int_equal(seen_count(s, OP_GAP, ""), 1);
    seen_free(&s);
}

/* Waits until it is told to, then makes a folder by a program of its own. */
static pid_t given_process(struct mount *m, int go)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        setenv("FOLDER", path_in(m->at, "rw/made"), 1);
        _exit(read(go, &byte, 1) == 1 && system("mkdir \"$FOLDER\"") == 0 ? 0 : 1);
    }
    return pid;
}

static void what_a_process_of_a_session_does_carries_its_number(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    int go[2];
    int status = 0;
    char request[128];
    assert_int_equal(pipe(go), 0);
    pid_t pid = given_process(m, go[0]);
    int control = mount_connect(m);
    snprintf(request, sizeof request, "session-begin name=a%%20b backend=test command=x pid=%d",
             pid);
    char *reply = mount_ask_on(control, request);
    assert_true(strncmp(reply, "ok session=", 11) == 0);
    uint64_t session = strtoull(reply + 11, NULL, 10);
    free(reply);
    assert_int_equal(write(go[1], "!", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct event e = only_event(m, 0, OP_MKDIR, "rw/made", &s);
    assert_int_equal(e.session, session);
    assert_int_not_equal(e.actor.pid, pid); /* a child of it */
    assert_true(strstr(e.actor.cmdline, "mkdir ") == e.actor.cmdline);
    seen_free(&s);
    close(control);
    close(go[0]);
    close(go[1]);
    assert_int_equal(mkdir(path_in(m->at, "rw/ours"), 0755), 0);
    e = only_event(m, 0, OP_MKDIR, "rw/ours", &s);
    assert_int_not_equal(e.session, session);
    seen_free(&s);
}

/* ---- a normal user's daemon --------------------------------------------------------------- */

/* As user: replaces what it has open, and still reads the old content by that. */
static int replace_what_is_open(struct mount *m, char wanted, uid_t user)
{
    char byte = 0;
    struct stat st;
    if (setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
        return 1;
    int fd = open(path_in(m->at, "rw/roots"), O_RDONLY);
    if (fd < 0 || rename(path_in(m->at, "rw/new"), path_in(m->at, "rw/roots")) < 0)
        return 2;
    if (fstat(fd, &st) < 0)
        return 3;
    return pread(fd, &byte, 1, 5) == 1 && byte == wanted ? 0 : 4;
}

/* The kernel may forbid links to files of others (fs.protected_hardlinks). */
static void what_cannot_be_linked_into_the_vault_is_copied(void **state)
{
    (void)state;
    /* fusermount3 wants a user with a name: one that every system has */
    const struct passwd *games = getpwnam("games");
    if (getuid() != 0 || !games || access("/usr/bin/fusermount3", X_OK) < 0) {
        print_message("SKIP: needs fusermount3, and root to be two users\n");
        skip();
    }
    uid_t user = games->pw_uid;
    struct mount *m = mount_make(NULL);
    struct seen *s;
    int status = 0;
    mount_give_to(m, user);
    char *data = given_file(m, "rw/roots", LARGE); /* root's, in the user's folder */
    test_file_text(m->root, "rw/new", "new");
    mount_start(m);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(replace_what_is_open(m, data[5], user));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    struct event e = only_event(m, 0, OP_RENAME, "rw/new", &s);
    assert_version_holds(m, &e, "", data, LARGE);
    seen_free(&s);
    free(data);
    mount_stop(m);
    mount_remove(&m);
}

/* ---- filesystems that clone
 * ------------------------------------------------------------------------------------ */

static bool run(const char *command)
{
    return system(command) == 0;
}

/* A filesystem in a file, where this machine can make one. */
static bool mount_image(char *at, const char *make)
{
    char command[1200];
    char image[256];
    snprintf(image, sizeof image, "%s.img", at);
    snprintf(command, sizeof command,
             "truncate -s 400M %s && %s %s >/dev/null 2>&1 && mount -o loop %s %s 2>/dev/null",
             image, make, image, image, at);
    bool done = getuid() == 0 && run(command);
    unlink(image);
    return done;
}

static void check_clones(const char *make)
{
    char at[] = "/tmp/ccfs-image-XXXXXX";
    assert_non_null(mkdtemp(at));
    if (!mount_image(at, make)) {
        rmdir(at);
        print_message("SKIP: \"%s\" and a loop device are not to be had here\n", make);
        skip();
    }
    struct mount *m = mount_make(at);
    struct seen *s;
    mount_start(m);
    char *data = given_file(m, "rw/file", LARGE);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "changed", 100000);
    close(fd);
    struct event e = only_event(m, 0, OP_WRITE, "rw/file", &s);
    assert_int_equal(e.kept, KEPT_CLONE);
    assert_version_holds(m, &e, "", data, LARGE);
    seen_free(&s);
    memcpy(data + 100000, "changed", 7);
    assert_int_equal(truncate(path_in(m->at, "rw/file"), 10), 0);
    e = only_event(m, 0, OP_TRUNCATE, "rw/file", &s);
    assert_int_equal(e.kept, KEPT_CLONE);
    assert_version_holds(m, &e, "", data, LARGE);
    seen_free(&s);
    free(data);
    mount_stop(m);
    mount_remove(&m);
    assert_int_equal(umount2(at, MNT_DETACH), 0);
    rmdir(at);
}

static void on_btrfs_the_old_content_is_cloned(void **state)
{
    (void)state;
    check_clones("mkfs.btrfs -q");
}

static void on_xfs_the_old_content_is_cloned(void **state)
{
    (void)state;
    check_clones("mkfs.xfs -q -m reflink=1");
}

/* What the kernel writes without us is told in passthrough.c. */
static int given_mount_that_sees_all(void **state)
{
    struct mount *m = mount_make(NULL);
    *state = m;
    m->options.passthrough = false;
    mount_start(m);
    return 0;
}

#define MOUNTED(test) cmocka_unit_test_setup_teardown(test, given_mount, end_of_mount)
#define SEEN(test) cmocka_unit_test_setup_teardown(test, given_mount_that_sees_all, end_of_mount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOUNTED(what_is_created_is_recorded_with_what_it_became),
        MOUNTED(a_removed_file_lies_in_the_vault_as_it_was),
        MOUNTED(one_name_of_several_is_recorded_and_the_file_lives_on),
        MOUNTED(a_removed_folder_keeps_its_attributes_in_the_event),
        MOUNTED(a_rename_over_a_file_keeps_what_it_replaced),
        MOUNTED(an_exchange_names_both),
        MOUNTED(what_the_system_refuses_is_recorded_as_failed),
        MOUNTED(changed_attributes_are_recorded_with_their_old_values),
        MOUNTED(an_overwritten_small_file_is_copied_whole),
        MOUNTED(of_an_overwritten_large_file_only_the_blocks_are_kept),
        MOUNTED(what_is_appended_needs_no_version),
        MOUNTED(an_append_behind_what_the_host_appended_says_where_it_went),
        MOUNTED(an_append_and_then_a_change_of_old_bytes_keeps_them),
        MOUNTED(a_new_file_that_is_written_needs_no_version),
        MOUNTED(a_hole_that_is_punched_keeps_what_was_there),
        MOUNTED(punching_a_file_of_holes_costs_nothing),
        MOUNTED(a_copied_range_is_recorded_where_it_went),
        SEEN(many_ranges_are_merged_but_none_is_left_out),
        MOUNTED(what_a_truncation_cuts_off_is_kept),
        MOUNTED(an_open_that_truncates_keeps_the_old_content),
        MOUNTED(a_swapped_file_keeps_its_owner_mode_and_attributes),
        SEEN(a_session_is_open_until_the_file_is_closed),
        SEEN(another_writer_begins_a_session_of_its_own),
        cmocka_unit_test_setup_teardown(each_write_is_an_event_where_that_is_wanted,
                                        given_mount_that_records_each, end_of_mount),
        MOUNTED(a_store_into_a_mapping_is_recorded_as_inferred),
        MOUNTED(writes_to_a_removed_file_spare_what_the_vault_keeps),
        SEEN(a_chmod_ends_the_session_before_it),
        MOUNTED(a_file_that_shrinks_outside_can_still_be_written),
        MOUNTED(the_mount_itself_is_recorded),
        MOUNTED(what_a_process_of_a_session_does_carries_its_number),
        cmocka_unit_test(what_cannot_be_linked_into_the_vault_is_copied),
        cmocka_unit_test(on_btrfs_the_old_content_is_cloned),
        cmocka_unit_test(on_xfs_the_old_content_is_cloned),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
