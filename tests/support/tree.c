/* tree.c - see tree.h. */
#include "tests/support/tree.h"

#include <dirent.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/journal.h"
#include "journal/xattr.h"
#include "tests/support/test.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint64_t hash_file(int dir, const char *name)
{
    CLEANUP(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    unsigned char buffer[4096];
    uint64_t hash = 14695981039346656037U;
    ssize_t n;
    if (fd < 0)
        fail_msg("read %s: %s", name, strerror(errno));
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < n; i++)
            hash = (hash ^ buffer[i]) * 1099511628211U;
    return hash;
}

/* Sorted: a filesystem may list them in any order. */
static void tell_xattrs(int dir, const char *name, struct strbuf *out)
{
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char *list[32];
    size_t count = 0;
    struct xattr x;
    size_t at = 0;
    assert_int_equal(xattr_read_all(fd, &blob), 0);
    while (xattr_next(blob.data, blob.bytes, &at, &x) == 1 && count < COUNT_OF(list))
        assert_true(asprintf(&list[count++], " %.*s=%.*s", (int)x.name_bytes, x.name,
                             (int)x.value_bytes, (const char *)x.value) > 0);
    qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(out, list[i]);
        free(list[i]);
    }
}

/* Which names are one file: each tells the first of them. */
struct seen_file {
    uint64_t ino;
    char *path;
};
static struct seen_file *seen;
static size_t seen_count;

static const char *first_name(uint64_t ino, const char *folder, const char *name)
{
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].ino == ino)
            return seen[i].path;
    seen = realloc(seen, (seen_count + 1) * sizeof *seen);
    assert_non_null(seen);
    seen[seen_count].ino = ino;
    assert_true(asprintf(&seen[seen_count].path, "%s/%s", folder, name) > 0);
    return seen[seen_count++].path;
}

static void forget_names(void)
{
    while (seen_count > 0)
        free(seen[--seen_count].path);
    free(seen);
    seen = NULL;
}

static void tell_entry(int dir, const char *folder, const char *name, struct strbuf *out)
{
    struct attr a;
    char target[4096] = "";
    assert_int_equal(attr_read(dir, name, &a), 0);
    strbuf_add_format(out, "%s/%s %o %u:%u links %u mtime %lld", folder, name, a.mode, a.uid, a.gid,
                      S_ISDIR(a.mode) ? 0 : a.nlink, (long long)a.mtime);
    if (!S_ISDIR(a.mode) && a.nlink > 1)
        strbuf_add_format(out, " = %s", first_name(a.ino, folder, name));
    if (S_ISREG(a.mode))
        strbuf_add_format(out, " size %llu hash %llx", (unsigned long long)a.size,
                          (unsigned long long)hash_file(dir, name));
    if (S_ISLNK(a.mode) && readlinkat(dir, name, target, sizeof target - 1) > 0)
        strbuf_add_format(out, " -> %s", target);
    tell_xattrs(dir, name, out);
    strbuf_add_text(out, "\n");
}

static size_t list_names(int dir, char **names, size_t room)
{
    DIR *stream = fdopendir(dup(dir));
    size_t count = 0;
    rewinddir(stream);
    for (const struct dirent *e; (e = readdir(stream));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && count < room)
            names[count++] = strdup(e->d_name);
    closedir(stream);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static void tell_folder(int dir, const char *folder, struct strbuf *out)
{
    enum {
        ROOM = 4096
    };
    char **names = calloc(ROOM, sizeof *names);
    size_t count = list_names(dir, names, ROOM);
    for (size_t i = 0; i < count; i++) {
        bool hidden = folder[0] == '\0' && strcmp(names[i], STATE_FOLDER) == 0;
        CLEANUP(fd_close)
        int below = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        char *path = NULL;
        assert_true(asprintf(&path, "%s/%s", folder, names[i]) > 0);
        if (!hidden)
            tell_entry(dir, folder, names[i], out);
        if (!hidden && below >= 0)
            tell_folder(below, path, out);
        free(path);
        free(names[i]);
    }
    free(names);
}

char *tree_text(int root)
{
    struct strbuf out = STRBUF_EMPTY;
    struct attr top;
    assert_int_equal(attr_read(root, "", &top), 0);
    strbuf_add_format(&out, "/ %o mtime %lld\n", top.mode, (long long)top.mtime);
    tell_folder(root, "", &out);
    forget_names();
    return strbuf_take(&out);
}

static bool has_line(const char *text, const char *line, size_t bytes)
{
    for (const char *at = text; (at = strstr(at, "\n")); at++)
        if (strncmp(at + 1, line, bytes) == 0 && at[1 + bytes] == '\n')
            return true;
    return strncmp(text, line, bytes) == 0;
}

static void show_lines_not_in(const char *other, const char *text, char sign)
{
    for (const char *line = text; *line;) {
        size_t bytes = strcspn(line, "\n");
        if (!has_line(other, line, bytes))
            print_message("%c %.*s\n", sign, (int)bytes, line);
        line += bytes + (line[bytes] == '\n');
    }
}

bool tree_text_same(const char *expected, const char *found)
{
    if (strcmp(expected, found) == 0)
        return true;
    show_lines_not_in(found, expected, '-');
    show_lines_not_in(expected, found, '+');
    return false;
}
