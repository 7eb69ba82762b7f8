/* attributes_like_raw.c - modes, owners, times and extended attributes in the mount are those of an
 * ordinary folder, whoever asks. */
#include <sys/xattr.h>

#include "tests/support/tale.h"

#define ALICE 1001
#define BOB 1002
#define GROUP 1500

/* ---- who owns what is made
 * ---------------------------------------------------------------------------- */

static void make_things(void)
{
    umask(027);
    DID(close((int)DID(open("file", O_WRONLY | O_CREAT, 0666))));
    DID(mkdir("folder", 0777));
    DID(symlink("a", "symlink"));
    DID(mkfifo("fifo", 0666));
    LOOK("file");
    LOOK("folder");
    LOOK("symlink");
    LOOK("fifo");
    FILL("file", 5, 'a');
    DID(chmod("file", 0640));
    DID(rename("file", "renamed"));
    LIST(".");
}

static void disturb_things(void)
{
    DID(open("renamed", O_RDONLY));
    DID(open("renamed", O_WRONLY));
    DID(unlink("renamed"));
    DID(rename("renamed", "stolen"));
    DID(chmod("renamed", 0666));
    DID(chown("renamed", BOB, BOB));
    DID(truncate("renamed", 0));
    DID(utimensat(AT_FDCWD, "renamed", NULL, 0));
    DID(rmdir("folder"));
    DID(access("renamed", R_OK));
    LOOK("renamed");
}

static void tell_owners(void)
{
    DID(mkdir("open", 0777));
    DID(chmod("open", 0777));
    DID(chdir("open"));
    AS(ALICE, ALICE, make_things);
    AS(BOB, BOB, disturb_things);
    LIST(".");
}

static void tell_sticky_folders(void)
{
    DID(mkdir("sticky", 0777));
    DID(chmod("sticky", 01777));
    LOOK("sticky");
    DID(chdir("sticky"));
    AS(ALICE, ALICE, make_things);
    AS(BOB, BOB, disturb_things);
    LIST(".");
}

static void tell_setgid_folders(void)
{
    DID(mkdir("shared", 0777));
    DID(chown("shared", 0, GROUP));
    DID(chmod("shared", 02777));
    LOOK("shared");
    DID(chdir("shared"));
    AS(ALICE, ALICE, make_things);
    LOOK("folder");
    LOOK("renamed");
    AS(ALICE, GROUP, make_things);
    LIST(".");
}

static void enter_closed(void)
{
    DID(open("closed/file", O_RDONLY));
    DID(open("closed", O_RDONLY | O_DIRECTORY));
    DID(open("closed/new", O_WRONLY | O_CREAT, 0644));
    DID(chdir("closed"));
    LOOK("closed/file");
    DID(open("unreadable", O_RDONLY));
    DID(open("unreadable", O_WRONLY));
    DID(open("readable", O_RDWR));
    DID(access("readable", R_OK | W_OK));
    READ("readable");
}

static void tell_permissions(void)
{
    DID(mkdir("closed", 0700));
    FILL("closed/file", 1, 'c');
    FILL("unreadable", 1, 'u');
    FILL("readable", 1, 'r');
    DID(chmod("unreadable", 0600));
    enter_closed();
    DID(chdir("."));
    AS(ALICE, ALICE, enter_closed);
}

/* ---- modes and owners change
 * ---------------------------------------------------------------------------- */

static void tell_modes(void)
{
    FILL("f", 1, 'f');
    DID(mkdir("d", 0755));
    static const mode_t modes[] = {0, 0777, 0421, 0644};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        DID(chmod("f", modes[i]));
        LOOK("f");
    }
    DID(chmod("d", 01750));
    LOOK("d");
    DID(chmod("d", 02750));
    LOOK("d");
    int fd = open("f", O_RDONLY);
    DID(fchmod(fd, 0600));
    LOOK_FD("f", fd);
    DID(chmod("missing", 0600));
    DID(chmod("f/below", 0600));
}

static void change_owners(void)
{
    DID(chown("mine", BOB, (gid_t)-1));
    DID(chown("mine", (uid_t)-1, BOB));
    DID(chown("mine", ALICE, ALICE));
    DID(chown("mine", (uid_t)-1, (gid_t)-1));
    LOOK("mine");
}

static void tell_owners_that_change(void)
{
    FILL("f", 1, 'f');
    DID(chown("f", ALICE, GROUP));
    LOOK("f");
    DID(chown("f", (uid_t)-1, BOB));
    LOOK("f");
    DID(chown("f", BOB, (gid_t)-1));
    LOOK("f");
    DID(symlink("f", "s"));
    DID(lchown("s", ALICE, ALICE));
    LOOK("s");
    LOOK("f");
    FILL("mine", 1, 'm');
    DID(chown("mine", ALICE, ALICE));
    AS(ALICE, ALICE, change_owners);
}

/* ---- setuid and setgid, in a zone that allows them
 * -------------------------------------------------------- */

static void write_one_byte(void)
{
    int fd = (int)DID(open("f", O_WRONLY));
    DID(pwrite(fd, "x", 1, 0));
    DID(close(fd));
}

static void truncate_it(void)
{
    DID(truncate("f", 2));
}

static void open_truncating(void)
{
    DID(close(open("f", O_WRONLY | O_TRUNC)));
}

static void allocate_it(void)
{
    int fd = open("f", O_WRONLY);
    DID(fallocate(fd, 0, 0, 100));
    DID(close(fd));
}

static void copy_into_it(void)
{
    int from = open("source", O_RDONLY);
    int fd = open("f", O_WRONLY);
    DID(copy_file_range(from, NULL, fd, NULL, 4, 0));
    DID(close(fd));
    DID(close(from));
}

static void own_it(void)
{
    DID(chown("f", (uid_t)-1, ALICE));
}

static void with_setid(uid_t who, mode_t mode, const char *what, story *fn)
{
    unlink("f");
    FILL("f", 4, 'f');
    DID(chown("f", ALICE, ALICE));
    DID(chmod("f", mode));
    say("%s of a %04o by %u", what, mode, who);
    AS(who, who, fn);
    LOOK("f");
}

static void tell_setuid_that_must_not_survive(void)
{
    static const struct {
        const char *what;
        story *fn;
    } all[] = {
        {"a write", write_one_byte},    {"a truncation", truncate_it}, {"an open", open_truncating},
        {"an allocation", allocate_it}, {"a copy", copy_into_it},      {"a chown", own_it},
    };
    FILL("source", 100, 's');
    DID(chmod(".", 0777));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        with_setid(BOB, 06777, all[i].what, all[i].fn);
        with_setid(ALICE, 06777, all[i].what, all[i].fn);
        with_setid(ALICE, 06767, all[i].what, all[i].fn);
        with_setid(0, 06777, all[i].what, all[i].fn);
    }
}

static void tell_setuid_files(void)
{
    DID(close(open("born", O_WRONLY | O_CREAT, 06755)));
    LOOK("born");
    FILL("f", 1, 'f');
    DID(chmod("f", 04755));
    LOOK("f");
    DID(chmod("f", 02755));
    LOOK("f");
    DID(chown("f", ALICE, GROUP));
    LOOK("f");
    DID(chmod("f", 06755));
    DID(rename("f", "g"));
    LOOK("g");
    DID(link("g", "h"));
    LOOK("h");
}

static void chmod_foreign_group(void)
{
    DID(chmod("f", 02755));
    LOOK("f");
}

static void tell_setgid_for_strangers_to_the_group(void)
{
    FILL("f", 1, 'f');
    DID(chown("f", ALICE, GROUP));
    AS(ALICE, ALICE, chmod_foreign_group);
    AS(ALICE, GROUP, chmod_foreign_group);
}

/* ---- times
 * --------------------------------------------------------------------------------------------------
 */

#define MOVES(name, call)                                                                          \
    do {                                                                                           \
        SETTLE_TIMES(name);                                                                        \
        DID(call);                                                                                 \
        MOVED(name);                                                                               \
    } while (0)

static void tell_times_of_files(void)
{
    FILL("f", 10, 'f');
    int fd = open("f", O_RDWR);
    MOVES("f", pwrite(fd, "x", 1, 0));
    MOVES("f", pwrite(fd, "x", 1, 100));
    MOVES("f", pwrite(fd, "x", 0, 0));
    MOVES("f", ftruncate(fd, 5));
    MOVES("f", ftruncate(fd, 5));
    MOVES("f", truncate("f", 5));
    MOVES("f", truncate("f", 7));
    MOVES("f", truncate("f", 0));
    MOVES("f", close(open("f", O_WRONLY | O_TRUNC)));
    MOVES("f", close(open("f", O_WRONLY)));
    MOVES("f", chmod("f", 0600));
    MOVES("f", chown("f", (uid_t)-1, getgid()));
    MOVES("f", rename("f", "g") + rename("g", "f"));
    MOVES("f", link("f", "l"));
    MOVES("f", unlink("l"));
    MOVES("f", setxattr("f", "user.a", "1", 1, 0));
    MOVES("f", removexattr("f", "user.a"));
    MOVES("f", fallocate(fd, 0, 0, 1000));
    MOVES("f", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 500));
    MOVES("f", utimensat(AT_FDCWD, "f", NULL, 0));
}

static void tell_times_of_folders(void)
{
    DID(mkdir("d", 0755));
    MOVES("d", close(open("d/f", O_WRONLY | O_CREAT, 0644)));
    MOVES("d", rename("d/f", "d/g"));
    MOVES("d", link("d/g", "d/h"));
    MOVES("d", unlink("d/h"));
    MOVES("d", unlink("d/g"));
    MOVES("d", mkdir("d/e", 0755));
    MOVES("d", rmdir("d/e"));
    MOVES("d", symlink("x", "d/s"));
    MOVES("d", open("d/s", O_WRONLY | O_CREAT | O_EXCL, 0644));
    MOVES("d", rename("d/s", "s"));
    MOVES("d", rename("d", "e") + rename("e", "d"));
    MOVES("d", chmod("d", 0700));
    FILL("d/large", 300000, 'l');
    MOVES("d", truncate("d/large", 0)); /* though the daemon may have swapped the inode */
    FILL("d/large", 300000, 'l');
    MOVES("d", close(open("d/large", O_WRONLY | O_TRUNC)));
}

static void tell_times_that_are_set(void)
{
    const struct timespec exact[2] = {{123456789, 987654321}, {1, 1}};
    const struct timespec one[2] = {{5, 5}, {0, UTIME_OMIT}};
    const struct timespec far[2] = {{-5, 0}, {INT64_C(4000000000), 999999999}};
    const struct timespec *const all[] = {exact, one, far};
    struct stat st;
    FILL("f", 1, 'f');
    DID(symlink("f", "s"));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        DID(utimensat(AT_FDCWD, "f", all[i], 0));
        DID(stat("f", &st));
        say("%ld.%09ld %ld.%09ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
            (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    DID(utimensat(AT_FDCWD, "s", exact, AT_SYMLINK_NOFOLLOW));
    DID(lstat("s", &st));
    say("%ld.%09ld", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* A time that was set stays through what was written before it. */
static void tell_times_after_writes(void)
{
    const struct timespec then[2] = {{1000, 0}, {2000, 0}};
    struct stat st;
    int fd = open("f", O_WRONLY | O_CREAT, 0644);
    DID(write(fd, "hello", 5));
    DID(futimens(fd, then));
    DID(close(fd));
    sleep_ms(20);
    DID(stat("f", &st));
    say("%ld", (long)st.st_mtim.tv_sec);
}

/* ---- extended attributes
 * -------------------------------------------------------------------------------------- */

static void list_attributes(const char *name)
{
    char names[4096];
    ssize_t n = listxattr(name, names, sizeof names);
    say("listxattr %s: %zd", name, n);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
        say("  %s", names + i);
}

static void tell_extended_attributes(void)
{
    static char big[60000];
    char value[64] = {0};
    FILL("f", 1, 'f');
    DID(mkdir("d", 0755));
    DID(symlink("f", "s"));
    DID(setxattr("f", "user.a", "value", 5, 0));
    DID(setxattr("f", "user.a", "again", 5, XATTR_CREATE));
    DID(setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
    DID(setxattr("f", "user.a", "other", 5, XATTR_REPLACE));
    DID(setxattr("f", "user.empty", "", 0, 0));
    DID(getxattr("f", "user.a", value, sizeof value));
    say("%s", value);
    DID(getxattr("f", "user.a", NULL, 0));
    DID(getxattr("f", "user.a", value, 2));
    DID(getxattr("f", "user.empty", value, sizeof value));
    DID(getxattr("f", "user.missing", value, sizeof value));
    DID(listxattr("f", NULL, 0));
    DID(listxattr("f", value, 3));
    list_attributes("f");
    DID(setxattr("d", "user.folder", "1", 1, 0));
    list_attributes("d");
    DID(lsetxattr("s", "user.link", "1", 1, 0));
    DID(setxattr("f", "nonsense", "1", 1, 0));
    DID(setxattr("f", "user.", "1", 1, 0));
    DID(setxattr("f", "user.big", big, sizeof big, 0));
    DID(setxattr("f", "user.quite", big, 2000, 0));
    DID(removexattr("f", "user.a"));
    DID(removexattr("f", "user.a"));
    list_attributes("f");
    int fd = open("f", O_RDONLY);
    DID(fsetxattr(fd, "user.fd", "1", 1, 0));
    DID(unlink("f"));
    DID(fsetxattr(fd, "user.gone", "1", 1, 0));
    DID(fgetxattr(fd, "user.gone", value, sizeof value));
}

static void use_attributes(void)
{
    char value[8];
    DID(setxattr("f", "user.a", "1", 1, 0));
    DID(getxattr("f", "user.root", value, sizeof value));
    list_attributes("f");
}

static void tell_attributes_of_others(void)
{
    FILL("f", 1, 'f');
    DID(setxattr("f", "user.root", "1", 1, 0));
    AS(ALICE, ALICE, use_attributes);
    DID(chmod("f", 0600));
    AS(ALICE, ALICE, use_attributes);
}

/* ---- the tests
 * --------------------------------------------------------------------------------------------------
 */

#define TALE_IN(zone, name)                                                                        \
    static void name##_are_as_in_a_raw_folder(void **state)                                        \
    {                                                                                              \
        assert_same_tale(*state, zone, tell_##name);                                               \
    }
#define TALE(name) TALE_IN("rw", name)
#define ROOTS_TALE_IN(zone, name)                                                                  \
    static void name##_are_as_in_a_raw_folder(void **state)                                        \
    {                                                                                              \
        if (getuid() != 0) {                                                                       \
            print_message("SKIP: needs root, to act as several users\n");                          \
            skip();                                                                                \
        }                                                                                          \
        assert_same_tale(*state, zone, tell_##name);                                               \
    }

ROOTS_TALE_IN("rw", owners)
ROOTS_TALE_IN("rw", sticky_folders)
ROOTS_TALE_IN("rw", setgid_folders)
ROOTS_TALE_IN("rw", permissions)
ROOTS_TALE_IN("rw", owners_that_change)
ROOTS_TALE_IN("rw", attributes_of_others)
ROOTS_TALE_IN("setid", setuid_that_must_not_survive)
ROOTS_TALE_IN("setid", setgid_for_strangers_to_the_group)
ROOTS_TALE_IN("setid", setuid_files)
TALE(modes)
TALE(times_of_files)
TALE(times_of_folders)
TALE(times_that_are_set)
TALE(times_after_writes)
TALE(extended_attributes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_as_in_a_raw_folder),
        cmocka_unit_test(sticky_folders_are_as_in_a_raw_folder),
        cmocka_unit_test(setgid_folders_are_as_in_a_raw_folder),
        cmocka_unit_test(permissions_are_as_in_a_raw_folder),
        cmocka_unit_test(owners_that_change_are_as_in_a_raw_folder),
        cmocka_unit_test(attributes_of_others_are_as_in_a_raw_folder),
        cmocka_unit_test(setuid_that_must_not_survive_are_as_in_a_raw_folder),
        cmocka_unit_test(setgid_for_strangers_to_the_group_are_as_in_a_raw_folder),
        cmocka_unit_test(setuid_files_are_as_in_a_raw_folder),
        cmocka_unit_test(modes_are_as_in_a_raw_folder),
        cmocka_unit_test(times_of_files_are_as_in_a_raw_folder),
        cmocka_unit_test(times_of_folders_are_as_in_a_raw_folder),
        cmocka_unit_test(times_that_are_set_are_as_in_a_raw_folder),
        cmocka_unit_test(times_after_writes_are_as_in_a_raw_folder),
        cmocka_unit_test(extended_attributes_are_as_in_a_raw_folder),
    };
    if (!mount_is_possible())
        return 77;
    int failed =
        cmocka_run_group_tests_name("over /dev/fuse", tests, given_mount_over_dev, end_of_mount);
    if (transport_is_here(TRANSPORT_URING))
        failed += cmocka_run_group_tests_name("over io_uring", tests, given_mount_over_uring,
                                              end_of_mount);
    return failed;
}
