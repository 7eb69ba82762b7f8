/* many.c - one operation on each of many small files, a hundred in a folder.
 *
 *     many VERB FOLDER COUNT      prints seconds for all of them */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/src/bench.h"

#define IN_A_FOLDER 100
#define BYTES 4096

static char bytes[BYTES];

static void name_of(long i, char *out, size_t room)
{
    snprintf(out, room, "d%03ld/f%06ld", i / IN_A_FOLDER, i);
}

static void make_one(const char *name, int flags)
{
    int fd = (int)MUST(open(name, O_WRONLY | O_CLOEXEC | flags, 0644));
    bench_must_equal(write(fd, bytes, BYTES), BYTES, "write");
    MUST(close(fd));
}

static void create(const char *name)
{
    make_one(name, O_CREAT | O_EXCL);
}

static void overwrite(const char *name)
{
    make_one(name, O_TRUNC);
}

static void look(const char *name)
{
    struct stat st;
    MUST(lstat(name, &st));
}

static void read_all(const char *name)
{
    int fd = (int)MUST(open(name, O_RDONLY | O_CLOEXEC));
    bench_must_equal(read(fd, bytes, BYTES), BYTES, "read");
    MUST(close(fd));
}

static void rename_it(const char *name)
{
    char other[64];
    snprintf(other, sizeof other, "%s~", name);
    MUST(rename(name, other));
}

static void remove_it(const char *name)
{
    char other[64];
    snprintf(other, sizeof other, "%s~", name);
    MUST(unlink(other));
}

static const struct {
    const char *name;
    void (*run)(const char *name);
} verbs[] = {
    {"create", create},       {"stat", look},        {"read", read_all},
    {"overwrite", overwrite}, {"rename", rename_it}, {"remove", remove_it},
};

static double timed(void (*run)(const char *), long count)
{
    double began = bench_now();
    for (long i = 0; i < count; i++) {
        char name[64];
        name_of(i, name, sizeof name);
        run(name);
    }
    return bench_now() - began;
}

static void make_folders(long count)
{
    for (long i = 0; i * IN_A_FOLDER < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "d%03ld", i);
        MUST(mkdir(name, 0755));
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: many VERB FOLDER COUNT\n");
        return 2;
    }
    long count = bench_number(argv[3]);
    MUST(chdir(argv[2]));
    if (strcmp(argv[1], "create") == 0)
        make_folders(count);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            printf("%.9f\n", timed(verbs[i].run, count));
            return 0;
        }
    fprintf(stderr, "many: no verb \"%s\"\n", argv[1]);
    return 2;
}
