/* zones.c - every operation in every zone: what the table of design.md, section 4, says, and a
 * `denied` event for each refusal. */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "tests/support/mount.h"

/* ---- the operations
 * ------------------------------------------------------------------------------ */

/* Each works on one of the things that given_zones() left in a zone: 0 or -errno. */
typedef int operation(const char *zone);

static const char *thing(const char *zone, const char *name)
{
    char below[300];
    snprintf(below, sizeof below, "%s/%s", zone, name);
    return path_in(".", below);
}

static int result(long r)
{
    return r < 0 ? -errno : 0;
}

static int opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);
    int r = result(fd);
    if (fd >= 0)
        close(fd);
    return r;
}

static int do_stat(const char *zone)
{
    struct stat st;
    return result(lstat(thing(zone, "file"), &st));
}

static int do_list(const char *zone)
{
    return opened(zone, O_RDONLY | O_DIRECTORY);
}

static int do_list_below(const char *zone)
{
    return opened(thing(zone, "dir"), O_RDONLY | O_DIRECTORY);
}

static int do_read(const char *zone)
{
    return opened(thing(zone, "file"), O_RDONLY);
}

static int do_execute(const char *zone)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(thing(zone, "program"), "program", (char *)NULL);
        _exit(errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return -WEXITSTATUS(status);
}

static int do_readlink(const char *zone)
{
    char target[64];
    return result(readlink(thing(zone, "symlink"), target, sizeof target));
}

static int do_write(const char *zone)
{
    return opened(thing(zone, "file"), O_WRONLY);
}

static int do_update(const char *zone)
{
    return opened(thing(zone, "file"), O_RDWR);
}

static int do_append(const char *zone)
{
    return opened(thing(zone, "file"), O_WRONLY | O_APPEND);
}

static int do_open_truncating(const char *zone)
{
    return opened(thing(zone, "file"), O_WRONLY | O_TRUNC);
}

static int do_read_truncating(const char *zone)
{
    return opened(thing(zone, "file"), O_RDONLY | O_TRUNC);
}

static int do_create(const char *zone)
{
    return opened(thing(zone, "created"), O_WRONLY | O_CREAT | O_EXCL);
}

static int do_create_to_read(const char *zone)
{
    return opened(thing(zone, "created to read"), O_RDONLY | O_CREAT);
}

static int do_create_to_update(const char *zone)
{
    return opened(thing(zone, "created to update"), O_RDWR | O_CREAT);
}

static int do_mkdir(const char *zone)
{
    return result(mkdir(thing(zone, "made"), 0755));
}

static int do_symlink(const char *zone)
{
    return result(symlink("anywhere", thing(zone, "pointed")));
}

static int do_link(const char *zone)
{
    return result(link(thing(zone, "file"), thing(zone, "linked")));
}

static int do_mkfifo(const char *zone)
{
    return result(mkfifo(thing(zone, "fifo"), 0644));
}

static int do_rename(const char *zone)
{
    return result(rename(thing(zone, "to rename"), thing(zone, "renamed")));
}

static int do_unlink(const char *zone)
{
    return result(unlink(thing(zone, "to unlink")));
}

static int do_rmdir(const char *zone)
{
    return result(rmdir(thing(zone, "to rmdir")));
}

static int do_chmod(const char *zone)
{
    return result(chmod(thing(zone, "file"), 0600));
}

static int do_chown(const char *zone)
{
    return result(lchown(thing(zone, "file"), getuid(), getgid()));
}

static int do_utimens(const char *zone)
{
    return result(utimensat(AT_FDCWD, thing(zone, "file"), NULL, 0));
}

static int do_truncate(const char *zone)
{
    return result(truncate(thing(zone, "file"), 1));
}

static int do_setxattr(const char *zone)
{
    return result(setxattr(thing(zone, "file"), "user.a", "1", 1, 0));
}

static int do_removexattr(const char *zone)
{
    return result(removexattr(thing(zone, "file"), "user.there"));
}

static int do_getxattr(const char *zone)
{
    char value[8];
    return result(getxattr(thing(zone, "file"), "user.there", value, sizeof value));
}

/* ---- the table
 * ----------------------------------------------------------------------------------- */

struct expectation {
    const char *name;
    operation *run;
    int ro, wo, rw; /* errno, 0: it works */
    const char *on; /* what the event of a refusal is about, below the zone */
    enum op op;
};

static const struct expectation table[] = {
    {"stat", do_stat, 0, 0, 0, NULL, OP_NONE},
    {"list", do_list, 0, 0, 0, NULL, OP_NONE},
    {"list below", do_list_below, 0, 0, 0, NULL, OP_NONE},
    {"getxattr", do_getxattr, 0, 0, 0, NULL, OP_NONE},
    {"read", do_read, 0, EACCES, 0, "file", OP_OPEN},
    {"execute", do_execute, 0, EACCES, 0, "program", OP_OPEN},
    {"readlink", do_readlink, 0, EACCES, 0, "symlink", OP_READLINK},
    {"write", do_write, EROFS, 0, 0, "file", OP_WRITE},
    {"append", do_append, EROFS, 0, 0, "file", OP_WRITE},
    {"update", do_update, EROFS, EACCES, 0, "file", OP_WRITE},
    {"open truncating", do_open_truncating, EROFS, 0, 0, "file", OP_WRITE},
    {"read truncating", do_read_truncating, EROFS, EACCES, 0, "file", OP_WRITE},
    {"create", do_create, EROFS, 0, 0, "created", OP_CREATE},
    {"create to read", do_create_to_read, EROFS, EACCES, 0, "created to read", OP_CREATE},
    {"create to update", do_create_to_update, EROFS, EACCES, 0, "created to update", OP_CREATE},
    {"mkdir", do_mkdir, EROFS, 0, 0, "made", OP_MKDIR},
    {"symlink", do_symlink, EROFS, 0, 0, "pointed", OP_SYMLINK},
    {"mkfifo", do_mkfifo, EROFS, 0, 0, "fifo", OP_MKNOD},
    {"link", do_link, EROFS, 0, 0, "linked", OP_LINK},
    {"rename", do_rename, EROFS, 0, 0, "to rename", OP_RENAME},
    {"unlink", do_unlink, EROFS, 0, 0, "to unlink", OP_UNLINK},
    {"rmdir", do_rmdir, EROFS, 0, 0, "to rmdir", OP_RMDIR},
    {"chmod", do_chmod, EROFS, 0, 0, "file", OP_CHMOD},
    {"chown", do_chown, EROFS, 0, 0, "file", OP_CHOWN},
    {"utimens", do_utimens, EROFS, 0, 0, "file", OP_UTIMENS},
    {"truncate", do_truncate, EROFS, 0, 0, "file", OP_TRUNCATE},
    {"setxattr", do_setxattr, EROFS, 0, 0, "file", OP_SETXATTR},
    {"removexattr", do_removexattr, EROFS, 0, 0, "file", OP_REMOVEXATTR},
};

static void given_things(struct mount *m, const char *zone)
{
    int dir = open(path_in(m->raw, zone), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    static const char *const files[] = {"file", "to rename", "to unlink"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        test_file_text(dir, files[i], "content\n");
    test_file_text(dir, "program", "#!/bin/true\n");
    assert_int_equal(fchmodat(dir, "program", 0755, 0), 0);
    assert_int_equal(mkdirat(dir, "dir", 0755), 0);
    assert_int_equal(mkdirat(dir, "to rmdir", 0755), 0);
    assert_int_equal(symlinkat("file", dir, "symlink"), 0);
    char file[400];
    snprintf(file, sizeof file, "%s/%s/file", m->raw, zone);
    assert_int_equal(setxattr(file, "user.there", "1", 1, 0), 0);
    close(dir);
}

static int given_zones(void **state)
{
    static const char *const zones[] = {"rw", "ro", "wo", "hidden", "setid", "wolist", "rw/locked"};
    struct mount *m = mount_make(NULL);
    *state = m;
    for (size_t i = 0; i < COUNT_OF(zones); i++)
        given_things(m, zones[i]);
    mount_start(m);
    return chdir(m->at);
}

static int end_of_zones(void **state)
{
    assert_int_equal(chdir("/"), 0);
    return end_of_mount(state);
}

/* The event of a refusal names the operation, the path, the one who asked, and why. */
static void assert_refused(struct mount *m, uint64_t before, enum op op, const char *path, int code,
                           const char *reason)
{
    struct seen *s = mount_events(m, before);
    const struct event *e = seen_find(s, op, path);
    if (!e)
        fail_msg("no event says that %s of %s was refused", op_name(op), path);
    assert_int_equal(e->outcome, OUTCOME_DENIED);
    assert_int_equal(e->error_code, code);
    assert_non_null(e->reason);
    if (!strstr(e->reason, reason))
        fail_msg("%s of %s: \"%s\" does not say \"%s\"", op_name(op), path, e->reason, reason);
    assert_non_null(e->actor.exe);
    assert_int_equal(e->actor.uid, getuid());
    seen_free(&s);
}

static void check_zone(struct mount *m, const char *zone, const struct expectation *x, int code,
                       const char *reason)
{
    uint64_t before = mount_last_event(m);
    int r = x->run(zone);
    if (r != -code)
        fail_msg("%s in %s: %s in place of %s", x->name, zone, strerror(-r), strerror(code));
    if (code == 0 || !x->on)
        return;
    char path[300];
    snprintf(path, sizeof path, "%s/%s", zone, x->on);
    /* What the kernel knows to be there cannot be created. */
    assert_refused(m, before, x->op, path, code, reason);
}

static void every_operation_in_a_read_only_zone_is_as_the_table_says(void **state)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        check_zone(*state, "ro", &table[i], table[i].ro, "ro is read-only");
}

static void a_read_only_zone_inside_a_writable_one_wins(void **state)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        check_zone(*state, "rw/locked", &table[i], table[i].ro, "rw/locked is read-only");
}

static void every_operation_in_a_write_only_zone_is_as_the_table_says(void **state)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        check_zone(*state, "wo", &table[i], table[i].wo, "wo is write-only");
}

static void every_operation_in_a_writable_zone_works(void **state)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        check_zone(*state, "rw", &table[i], table[i].rw, "");
}

static void nothing_of_a_hidden_zone_is_there(void **state)
{
    struct mount *m = *state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        int r = table[i].run("hidden");
        if (r != -ENOENT)
            fail_msg("%s in a hidden zone: %s", table[i].name, strerror(-r));
    }
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_OPEN, "hidden");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_DENIED);
    assert_int_equal(e->error_code, ENOENT);
    seen_free(&s);
}

static void a_zone_may_refuse_to_be_listed(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    assert_int_equal(do_list("wolist"), -EACCES);
    assert_int_equal(do_list_below("wolist"), -EACCES);
    assert_int_equal(do_stat("wolist"), 0);
    assert_int_equal(do_create("wolist"), 0);
    assert_refused(m, before, OP_LIST, "wolist", EACCES, "not to be listed");
}

/* ---- the root
 * -------------------------------------------------------------------------------------- */

static void the_root_is_read_only_and_shows_what_is_to_be_seen(void **state)
{
    struct mount *m = *state;
    static const char *const shown[] = {"ro", "rw", "setid", "wo", "wolist"};
    uint64_t before = mount_last_event(m);
    assert_int_equal(opened("file", O_WRONLY | O_CREAT), -EROFS);
    assert_int_equal(result(mkdir("folder", 0755)), -EROFS);
    assert_refused(m, before, OP_MKDIR, "folder", EROFS, "the root is read-only");
    DIR *dir = opendir(".");
    size_t found = 0;
    size_t all = 0;
    for (const struct dirent *d; (d = readdir(dir)); all++)
        for (size_t i = 0; i < COUNT_OF(shown); i++)
            found += strcmp(shown[i], d->d_name) == 0;
    closedir(dir);
    assert_int_equal(found, COUNT_OF(shown));
    assert_int_equal(all, COUNT_OF(shown) + 2); /* . and .. */
}

static void the_state_of_ccfs_does_not_exist(void **state)
{
    struct mount *m = *state;
    struct stat st;
    uint64_t before = mount_last_event(m);
    assert_int_equal(result(lstat(".ccfs", &st)), -ENOENT);
    assert_int_equal(result(lstat(".ccfs/journal.db", &st)), -ENOENT);
    assert_int_equal(opened(".ccfs", O_RDONLY), -ENOENT);
    assert_int_equal(result(chdir(".ccfs")), -ENOENT);
    assert_refused(m, before, OP_OPEN, ".ccfs", ENOENT, "hidden");
}

static void a_name_like_the_state_of_ccfs_cannot_be_made(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    assert_int_not_equal(result(mkdir(".ccfs", 0755)), 0);
    assert_refused(m, before, OP_MKDIR, ".ccfs", ENOENT, "hidden");
    assert_int_not_equal(opened(".ccfs", O_WRONLY | O_CREAT), 0);
    assert_refused(m, before, OP_CREATE, ".ccfs", ENOENT, "hidden");
    assert_int_not_equal(result(symlink("rw", ".ccfs")), 0);
    assert_int_not_equal(result(mkfifo(".ccfs", 0644)), 0);
    assert_int_not_equal(result(rename("rw/file", ".ccfs")), 0);
    assert_refused(m, before, OP_RENAME, ".ccfs", ENOENT, "hidden");
    assert_int_not_equal(result(rename("rw/dir", ".ccfs/vault")), 0);
    assert_int_not_equal(result(link("rw/file", ".ccfs")), 0);
    assert_int_not_equal(result(rmdir(".ccfs")), 0);
    assert_int_not_equal(result(unlink(".ccfs")), 0);
    assert_true(test_exists(m->root, ".ccfs/journal.db"));
}

static void below_the_root_the_name_is_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(result(mkdir("rw/.ccfs", 0755)), 0);
    assert_int_equal(opened("rw/.ccfs/file", O_WRONLY | O_CREAT), 0);
    assert_int_equal(result(unlink("rw/.ccfs/file")), 0);
    assert_int_equal(result(rmdir("rw/.ccfs")), 0);
}

/* ---- between zones
 * --------------------------------------------------------------------------------- */

static void roots_of_zones_stay_where_they_are(void **state)
{
    struct mount *m = *state;
    static const char *const roots[] = {"rw", "ro", "wo", "setid", "rw/locked"};
    uint64_t before = mount_last_event(m);
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        const char *other = strncmp(roots[i], "rw", 2) == 0 ? "setid" : "rw";
        assert_int_equal(result(rmdir(roots[i])), -EBUSY);
        assert_int_equal(result(rename(roots[i], thing(other, "elsewhere"))), -EBUSY);
        assert_int_equal(result(rename(thing(other, "dir"), roots[i])), -EBUSY);
        assert_refused(m, before, OP_RMDIR, roots[i], EBUSY, "root of a zone");
        assert_refused(m, before, OP_RENAME, roots[i], EBUSY, "root of a zone");
    }
}

static void zones_are_like_different_disks(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    assert_int_equal(result(rename("rw/file", "setid/moved")), -EXDEV);
    assert_int_equal(result(rename("rw/dir", "wo/moved")), -EXDEV);
    assert_int_equal(result(link("rw/file", "setid/linked")), -EXDEV);
    assert_int_equal(
        result(renameat2(AT_FDCWD, "rw/file", AT_FDCWD, "setid/file", RENAME_EXCHANGE)), -EXDEV);
    struct seen *s = mount_events(m, before);
    const struct event *e = seen_find(s, OP_RENAME, "rw/file");
    assert_non_null(e);
    assert_int_equal(e->error_code, EXDEV);
    assert_string_equal(e->path2, "setid/moved");
    seen_free(&s);
    assert_int_equal(result(rename("ro/file", "rw/moved")), -EROFS);
    assert_int_equal(result(rename("rw/file", "ro/moved")), -EROFS);
    assert_int_equal(result(rename("rw/file", "rw/locked/moved")), -EROFS);
    assert_int_equal(result(rename("rw/file", "hidden/moved")), -ENOENT);
}

/* ---- what is refused everywhere
 * ---------------------------------------------------------------------- */

static void device_nodes_are_refused(void **state)
{
    struct mount *m = *state;
    if (getuid() != 0) {
        print_message("SKIP: only root may ask for device nodes\n");
        skip();
    }
    uint64_t before = mount_last_event(m);
    assert_int_equal(result(mknod("rw/null", S_IFCHR | 0666, makedev(1, 3))), -EPERM);
    assert_int_equal(result(mknod("setid/disk", S_IFBLK | 0666, makedev(254, 0))), -EPERM);
    assert_refused(m, before, OP_MKNOD, "rw/null", EPERM, "device nodes");
    assert_refused(m, before, OP_MKNOD, "setid/disk", EPERM, "device nodes");
}

static void attributes_that_grant_power_are_refused(void **state)
{
    struct mount *m = *state;
    static const char caps[20] = {1, 0, 0, 2, (char)0x80};
    uint64_t before = mount_last_event(m);
    assert_int_equal(result(setxattr("rw/file", "security.capability", caps, sizeof caps, 0)),
                     -EPERM);
    if (getuid() == 0) { /* others the kernel itself turns away */
        assert_int_equal(result(setxattr("rw/file", "trusted.a", "1", 1, 0)), -EPERM);
        assert_int_equal(result(setxattr("setid/file", "security.evil", "1", 1, 0)), -EPERM);
        assert_int_equal(result(removexattr("rw/file", "trusted.a")), -EPERM);
        assert_refused(m, before, OP_SETXATTR, "rw/file", EPERM, "are refused");
        assert_refused(m, before, OP_REMOVEXATTR, "rw/file", EPERM, "are refused");
    }
}

static void setuid_is_refused_unless_the_zone_allows_it(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    assert_int_equal(result(chmod("rw/file", 04755)), -EPERM);
    assert_int_equal(result(chmod("rw/program", 02755)), -EPERM);
    assert_refused(m, before, OP_CHMOD, "rw/file", EPERM, "setuid");
    assert_int_equal(result(mknod("rw/born", S_IFREG | 04755, 0)), -EPERM);
    assert_refused(m, before, OP_CREATE, "rw/born", EPERM, "setuid");
    int fd = open("rw/opened", O_WRONLY | O_CREAT | O_CLOEXEC, 06755);
    assert_int_equal(result(fd), -EPERM);
    assert_int_equal(result(chmod("rw/dir", 02755)), 0); /* ordinary for folders */
    assert_int_equal(result(chmod("setid/program", 06755)), 0);
    struct stat st;
    assert_int_equal(stat("setid/program", &st), 0);
    assert_int_equal(st.st_mode & 07777, 06755);
}

/* ---- who
 * ------------------------------------------------------------------------------------------- */

static void a_refusal_names_the_process_that_asked(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(unlink("ro/to unlink") < 0 ? errno : 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), EROFS);
    char self[4096] = {0};
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    struct seen *s = mount_events(m, before);
    const struct event *e = seen_find(s, OP_UNLINK, "ro/to unlink");
    assert_non_null(e);
    assert_int_equal(e->actor.pid, pid);
    assert_string_equal(e->actor.exe, self);
    assert_non_null(e->actor.cmdline);
    assert_int_equal(e->actor.uid, getuid());
    assert_int_equal(e->actor.gid, getgid());
    seen_free(&s);
}

static void a_burst_of_refusals_is_one_event_with_a_count(void **state)
{
    struct mount *m = *state;
    uint64_t before = mount_last_event(m);
    for (int i = 0; i < 100; i++)
        assert_int_equal(do_chmod("ro"), -EROFS);
    struct seen *s = mount_events(m, before);
    uint32_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->list[i].op == OP_CHMOD ? s->list[i].count : 0;
    assert_int_equal(count, 100);
    assert_true(s->count < 20);
    seen_free(&s);
}

/* ---- roads around
 * ------------------------------------------------------------------------------------ */

static void symlinks_are_the_callers_affair_and_lead_nowhere_new(void **state)
{
    (void)state;
    assert_int_equal(result(symlink("../ro/file", "rw/to ro")), 0);
    assert_int_equal(result(symlink("../.ccfs/journal.db", "rw/to state")), 0);
    assert_int_equal(opened("rw/to ro", O_WRONLY), -EROFS);
    assert_int_equal(opened("rw/to ro", O_RDONLY), 0);
    assert_int_equal(opened("rw/to state", O_RDONLY), -ENOENT);
    assert_int_equal(result(unlink("rw/to ro")), 0);
    assert_int_equal(result(unlink("rw/to state")), 0);
}

/* A hard link that the host's user made leads into another zone; each name keeps its zone's rule.
 */
static void a_hard_link_over_two_zones_obeys_the_name_that_is_used(void **state)
{
    struct mount *m = *state;
    assert_int_equal(linkat(m->root, "rw/file", m->root, "ro/twin", 0), 0);
    assert_int_equal(opened("ro/twin", O_WRONLY), -EROFS);
    assert_int_equal(opened("rw/file", O_WRONLY), 0);
    assert_int_equal(opened("ro/twin", O_WRONLY), -EROFS);
    assert_int_equal(result(truncate("ro/twin", 0)), -EROFS);
    assert_int_equal(unlinkat(m->root, "ro/twin", 0), 0);
}

/* A handle that was opened for one thing cannot be turned into another. */
static void a_reader_in_a_write_only_zone_is_refused_however_it_asks(void **state)
{
    (void)state;
    char byte;
    int fd = open("wo/file", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(result(read(fd, &byte, 1)), -EBADF);
    void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_equal(map, MAP_FAILED);
    char again[64];
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    assert_int_equal(opened(again, O_RDONLY), -EACCES);
    close(fd);
    int path = open("wo/file", O_PATH | O_CLOEXEC);
    snprintf(again, sizeof again, "/proc/self/fd/%d", path);
    assert_int_equal(opened(again, O_RDONLY), -EACCES);
    assert_int_equal(opened(again, O_WRONLY), 0);
    close(path);
}

#define IN_ZONES(test) cmocka_unit_test_setup_teardown(test, given_zones, end_of_zones)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ZONES(every_operation_in_a_read_only_zone_is_as_the_table_says),
        IN_ZONES(a_read_only_zone_inside_a_writable_one_wins),
        IN_ZONES(every_operation_in_a_write_only_zone_is_as_the_table_says),
        IN_ZONES(every_operation_in_a_writable_zone_works),
        IN_ZONES(nothing_of_a_hidden_zone_is_there),
        IN_ZONES(a_zone_may_refuse_to_be_listed),
        IN_ZONES(the_root_is_read_only_and_shows_what_is_to_be_seen),
        IN_ZONES(the_state_of_ccfs_does_not_exist),
        IN_ZONES(a_name_like_the_state_of_ccfs_cannot_be_made),
        IN_ZONES(below_the_root_the_name_is_like_any_other),
        IN_ZONES(roots_of_zones_stay_where_they_are),
        IN_ZONES(zones_are_like_different_disks),
        IN_ZONES(device_nodes_are_refused),
        IN_ZONES(attributes_that_grant_power_are_refused),
        IN_ZONES(setuid_is_refused_unless_the_zone_allows_it),
        IN_ZONES(a_refusal_names_the_process_that_asked),
        IN_ZONES(a_burst_of_refusals_is_one_event_with_a_count),
        IN_ZONES(symlinks_are_the_callers_affair_and_lead_nowhere_new),
        IN_ZONES(a_hard_link_over_two_zones_obeys_the_name_that_is_used),
        IN_ZONES(a_reader_in_a_write_only_zone_is_refused_however_it_asks),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
