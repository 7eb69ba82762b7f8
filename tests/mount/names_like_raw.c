/* names_like_raw.c - names appear, vanish and move in the mount as they do in an ordinary folder.
 */
#include <dirent.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/support/tale.h"

/* ---- something new and something less
 * -------------------------------------------------------------- */

static void tell_creating(void)
{
    DID(close((int)DID(open("a", O_WRONLY | O_CREAT | O_EXCL, 0666))));
    LOOK("a");
    DID(open("a", O_WRONLY | O_CREAT | O_EXCL, 0666));
    DID(close(open("read only", O_WRONLY | O_CREAT, 0400)));
    LOOK("read only");
    DID(close(open("nobody", O_RDWR | O_CREAT, 0)));
    LOOK("nobody");
    umask(077);
    DID(close(open("private", O_RDWR | O_CREAT, 0666)));
    LOOK("private");
    DID(mkdir("d", 0777));
    LOOK("d");
    DID(mkdir("d", 0777));
    DID(mkdir("missing/d", 0777));
    DID(mkdir("a/d", 0777));
    DID(open("d", O_WRONLY));
    DID(open("missing", O_RDONLY));
    DID(open("a", O_RDONLY | O_DIRECTORY));
    DID(mknod("node", S_IFREG | 0640, 0));
    LOOK("node");
    LIST(".");
}

static void tell_removing(void)
{
    DID(mkdir("d", 0755));
    DID(mkdir("d/e", 0755));
    FILL("f", 10, 'x');
    DID(unlink("d"));
    DID(rmdir("f"));
    DID(rmdir("d"));
    DID(unlink("missing"));
    DID(rmdir("missing"));
    DID(unlink("f/below"));
    DID(rmdir("d/e"));
    DID(rmdir("d"));
    DID(rmdir("."));
    DID(unlink("f"));
    DID(unlink("f"));
    LOOK("f");
    LIST(".");
}

static void tell_symlinks(void)
{
    static char longest[4096];
    memset(longest, 'x', 4095);
    char target[4200] = {0};
    DID(symlink("target", "link"));
    LOOK("link");
    DID(readlink("link", target, 4200));
    say("%s", target);
    DID(symlink("target", "link"));
    DID(open("link", O_RDONLY));
    DID(open("link", O_WRONLY | O_CREAT | O_EXCL, 0644));
    DID(close(open("link", O_WRONLY | O_CREAT, 0644)));
    LOOK("target");
    DID(open("link", O_RDONLY | O_NOFOLLOW));
    DID(symlink(longest, "longest"));
    LOOK("longest");
    DID(readlink("longest", target, 4200));
    say("%zu", strspn(target, "x"));
    DID(symlink("", "empty"));
    DID(symlink("loop", "loop"));
    DID(open("loop", O_RDONLY));
    DID(chmod("loop", 0600));
    DID(lchown("link", getuid(), getgid()));
    DID(unlink("link"));
    LOOK("target");
    LIST(".");
}

static void tell_names(void)
{
    static char name[300];
    memset(name, 'n', 255);
    DID(close(open(name, O_WRONLY | O_CREAT, 0644)));
    LOOK(name);
    DID(link(name, "short"));
    DID(unlink(name));
    name[255] = 'n';
    DID(open(name, O_WRONLY | O_CREAT, 0644));
    DID(mkdir(name, 0755));
    DID(symlink("a", name));
    DID(rename("short", name));
    DID(link("short", name));
    DID(unlink(name));
    LOOK(name);
    static const char *const odd[] = {
        "new\nline", "\xff\xfe not utf-8", "tab\t", " ",   "%n%s",
        "\\",        "\x1b[31m",           "...",   "-rf", "\x01\x02"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        FILL(odd[i], i, 'o');
        LOOK(odd[i]);
    }
    LIST(".");
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        DID(unlink(odd[i]));
    LIST(".");
}

static void tell_links(void)
{
    FILL("a", 3, 'a');
    DID(link("a", "b"));
    DID(mkdir("d", 0755));
    DID(link("b", "d/c"));
    LOOK("a");
    LOOK("d/c");
    DID(link("a", "b"));
    DID(link("d", "e"));
    DID(link("missing", "e"));
    FILL("d/c", 10, 'c');
    READ("a");
    DID(unlink("a"));
    LOOK("b");
    READ("b");
    DID(chmod("b", 0600));
    LOOK("d/c");
    DID(rename("b", "d/c"));
    LIST(".");
    LIST("d");
    DID(unlink("d/c"));
    LOOK("b");
    DID(symlink("b", "s"));
    DID(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
    LOOK("s2");
    int fd = open("b", O_RDWR);
    DID(unlink("b"));
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    DID(linkat(AT_FDCWD, self, AT_FDCWD, "reborn", AT_SYMLINK_FOLLOW));
    LOOK_FD("unlinked", fd);
}

/* ---- something elsewhere
 * ------------------------------------------------------------------------------ */

static void tell_renaming(void)
{
    FILL("a", 1, 'a');
    FILL("b", 2, 'b');
    DID(mkdir("d", 0755));
    DID(mkdir("full", 0755));
    FILL("full/x", 1, 'x');
    DID(rename("a", "c"));
    DID(rename("c", "b"));
    LOOK("b");
    READ("b");
    DID(rename("b", "d"));
    DID(rename("d", "b"));
    DID(rename("d", "full"));
    DID(rename("full", "d"));
    LIST("d");
    DID(rename("d", "d/e"));
    DID(rename("missing", "x"));
    DID(rename("b", "missing/x"));
    DID(rename("b", "b"));
    DID(link("b", "same"));
    DID(rename("b", "same"));
    LIST(".");
    LOOK("same");
    DID(rename("d/x", "x"));
    LIST("d");
    DID(mkdir("empty", 0755));
    DID(mkdir("over", 0700));
    DID(rename("over", "empty"));
    LOOK("empty");
    DID(symlink("x", "s"));
    DID(rename("s", "x"));
    LOOK("x");
    DID(rename(".", "y"));
    LIST(".");
}

static void tell_renaming_with_flags(void)
{
    FILL("a", 1, 'a');
    FILL("b", 2, 'b');
    DID(mkdir("d", 0755));
    FILL("d/x", 3, 'x');
    DID(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
    DID(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    DID(renameat2(AT_FDCWD, "c", AT_FDCWD, "d/x", RENAME_EXCHANGE));
    LOOK("c");
    LOOK("d/x");
    DID(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE));
    LOOK("b");
    LOOK("b/x");
    LOOK("d");
    READ("b/x");
    DID(renameat2(AT_FDCWD, "b", AT_FDCWD, "missing", RENAME_EXCHANGE));
    DID(renameat2(AT_FDCWD, "b", AT_FDCWD, "b/x", RENAME_EXCHANGE));
    DID(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE | RENAME_NOREPLACE));
    DID(renameat2(AT_FDCWD, "c", AT_FDCWD, "c", RENAME_NOREPLACE));
    LIST(".");
    LIST("b");
}

static void tell_renaming_below_open_things(void)
{
    DID(mkdir("p", 0755));
    DID(mkdir("p/q", 0755));
    FILL("p/q/f", 4, 'f');
    int file = open("p/q/f", O_RDWR);
    int folder = open("p/q", O_RDONLY | O_DIRECTORY);
    DID(chdir("p/q"));
    DID(rename("../../p", "../../moved"));
    LOOK("f");
    DID(pwrite(file, "1234", 4, 4));
    LOOK_FD("f", file);
    DID(close(openat(folder, "new", O_WRONLY | O_CREAT, 0644)));
    DID(mkdir("here", 0755));
    DID(rename("../../moved", "../../again"));
    DID(chdir("../.."));
    READ("again/q/f");
    LIST("again/q");
    DID(renameat(folder, "f", AT_FDCWD, "f"));
    LOOK_FD("f", file);
    READ("f");
}

/* ---- open and gone
 * -------------------------------------------------------------------------------------- */

static void tell_unlinking_what_is_open(void)
{
    char text[32] = {0};
    FILL("f", 8, 'f');
    int fd = open("f", O_RDWR);
    int reader = open("f", O_RDONLY);
    DID(unlink("f"));
    LOOK("f");
    LOOK_FD("gone", fd);
    DID(pread(reader, text, 31, 0));
    DID(pwrite(fd, "0123456789", 10, 4));
    DID(pread(reader, text, 31, 0));
    say("%s", text);
    LOOK_FD("gone", reader);
    DID(ftruncate(fd, 2));
    DID(fchmod(fd, 0600));
    DID(fallocate(fd, 0, 0, 100));
    LOOK_FD("gone", fd);
    FILL("f", 3, 'n');
    LOOK("f");
    LOOK_FD("gone", fd);
    DID(fsync(fd));
    DID(close(fd));
    DID(close(reader));
    READ("f");
}

static void tell_replacing_what_is_open(void)
{
    char text[32] = {0};
    FILL("old", 8, 'o');
    FILL("new", 4, 'n');
    int fd = open("old", O_RDWR);
    DID(rename("new", "old"));
    LOOK_FD("replaced", fd);
    DID(pwrite(fd, "!", 1, 0));
    DID(pread(fd, text, 31, 0));
    say("%s", text);
    READ("old");
    FILL("twin", 2, 't');
    DID(link("twin", "twin 2"));
    int twin = open("twin", O_RDWR);
    DID(rename("old", "twin"));
    LOOK_FD("twin", twin);
    DID(pwrite(twin, "xyz", 3, 0));
    READ("twin 2");
    DID(unlink("twin 2"));
    LOOK_FD("twin", twin);
    DID(pwrite(twin, "uvw", 3, 3));
    LOOK_FD("twin", twin);
}

static void tell_a_lost_working_directory(void)
{
    struct stat st;
    char path[4096];
    DID(mkdir("d", 0755));
    DID(chdir("d"));
    DID(rmdir("../d"));
    DID(stat(".", &st));
    say("nlink %u", (unsigned)st.st_nlink);
    DID(open("f", O_WRONLY | O_CREAT, 0644));
    DID(mkdir("e", 0755));
    DID(symlink("a", "s"));
    DID(getcwd(path, sizeof path) ? 0 : -1);
    LIST(".");
    DID(chdir(".."));
}

/* ---- other kinds
 * ---------------------------------------------------------------------------------------- */

static void tell_fifos(void)
{
    char text[8] = {0};
    DID(mkfifo("fifo", 0640));
    LOOK("fifo");
    int reader = (int)DID(open("fifo", O_RDONLY | O_NONBLOCK));
    int writer = (int)DID(open("fifo", O_WRONLY));
    DID(write(writer, "hello", 5));
    DID(read(reader, text, 7));
    say("%s", text);
    DID(close(writer));
    DID(read(reader, text, 7));
    DID(rename("fifo", "other"));
    DID(unlink("other"));
    DID(mknod("node", S_IFIFO | 0600, 0));
    LOOK("node");
}

static void tell_sockets(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    DID(bind(listener, (struct sockaddr *)&address, sizeof address));
    DID(listen(listener, 1));
    LOOK("sock");
    DID(connect(client, (struct sockaddr *)&address, sizeof address));
    int peer = accept(listener, NULL, NULL);
    char text[8] = {0};
    DID(write(client, "hi", 2));
    DID(read(peer, text, 7));
    say("%s", text);
    DID(open("sock", O_RDONLY));
    DID(unlink("sock"));
}

/* ---- many
 * ------------------------------------------------------------------------------------------------
 */

#define MANY 3000

static void tell_a_large_folder(void)
{
    char name[32];
    DID(mkdir("many", 0755));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/%06d", i);
        close(open(name, O_WRONLY | O_CREAT, 0644));
    }
    DIR *dir = opendir("many");
    long middle = 0;
    int count = 0;
    char next[256] = "";
    for (const struct dirent *d; (d = readdir(dir)); count++)
        if (count == 1000)
            middle = telldir(dir);
        else if (count == 1001)
            snprintf(next, sizeof next, "%s", d->d_name);
    say("%d entries", count);
    seekdir(dir, middle);
    const struct dirent *again = readdir(dir);
    say("seekdir leads to where telldir was: %d", again && strcmp(again->d_name, next) == 0);
    rewinddir(dir);
    int removed = 0;
    for (const struct dirent *d; (d = readdir(dir));)
        if (d->d_name[0] != '.' && unlinkat(dirfd(dir), d->d_name, 0) == 0)
            removed++;
    say("%d removed on the way", removed);
    rewinddir(dir);
    count = 0;
    while (readdir(dir))
        count++;
    say("%d entries", count);
    closedir(dir);
    DID(rmdir("many"));
}

/* Deeper than any path that one system call takes. */
static void tell_deep_folders(void)
{
    static char name[100];
    memset(name, 'd', 99);
    int depth = 0;
    while (depth < 60 && mkdir(name, 0755) == 0 && chdir(name) == 0)
        depth++;
    say("depth %d", depth);
    FILL("leaf", 5, 'l');
    LOOK("leaf");
    READ("leaf");
    DID(unlink("leaf"));
    int up = 0;
    while (depth > up && chdir("..") == 0 && rmdir(name) == 0)
        up++;
    say("removed %d", up);
}

static void tell_statvfs(void)
{
    struct statvfs s;
    DID(statvfs(".", &s));
    say("%lu %lu %lu %lu", s.f_bsize, s.f_frsize, (unsigned long)s.f_blocks, s.f_namemax);
}

/* ---- the tests
 * -------------------------------------------------------------------------------------------- */

#define TALE(name)                                                                                 \
    static void name##_is_as_in_a_raw_folder(void **state)                                         \
    {                                                                                              \
        assert_same_tale(*state, "rw", tell_##name);                                               \
    }

TALE(creating)
TALE(removing)
TALE(symlinks)
TALE(names)
TALE(links)
TALE(renaming)
TALE(renaming_with_flags)
TALE(renaming_below_open_things)
TALE(unlinking_what_is_open)
TALE(replacing_what_is_open)
TALE(a_lost_working_directory)
TALE(fifos)
TALE(sockets)
TALE(a_large_folder)
TALE(deep_folders)
TALE(statvfs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating_is_as_in_a_raw_folder),
        cmocka_unit_test(removing_is_as_in_a_raw_folder),
        cmocka_unit_test(symlinks_is_as_in_a_raw_folder),
        cmocka_unit_test(names_is_as_in_a_raw_folder),
        cmocka_unit_test(links_is_as_in_a_raw_folder),
        cmocka_unit_test(renaming_is_as_in_a_raw_folder),
        cmocka_unit_test(renaming_with_flags_is_as_in_a_raw_folder),
        cmocka_unit_test(renaming_below_open_things_is_as_in_a_raw_folder),
        cmocka_unit_test(unlinking_what_is_open_is_as_in_a_raw_folder),
        cmocka_unit_test(replacing_what_is_open_is_as_in_a_raw_folder),
        cmocka_unit_test(a_lost_working_directory_is_as_in_a_raw_folder),
        cmocka_unit_test(fifos_is_as_in_a_raw_folder),
        cmocka_unit_test(sockets_is_as_in_a_raw_folder),
        cmocka_unit_test(a_large_folder_is_as_in_a_raw_folder),
        cmocka_unit_test(deep_folders_is_as_in_a_raw_folder),
        cmocka_unit_test(statvfs_is_as_in_a_raw_folder),
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
