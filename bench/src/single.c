/* single.c - one operation at a time: what a caller waits for.
 *
 *     single FOLDER COUNT         prints "name seconds" for each, seconds of one operation (the
 * mean) */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/src/bench.h"

#define BYTES 4096

static char bytes[BYTES];

static const char *name_of(char kind, long i)
{
    static char name[32];
    snprintf(name, sizeof name, "%c%06ld", kind, i);
    return name;
}

static void lookup_missing(long i)
{
    struct stat st;
    if (stat(name_of('m', i), &st) == 0)
        bench_must_equal(0, -1, "stat of what is not there");
}

static void create_close(long i)
{
    MUST(close((int)MUST(open(name_of('c', i), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644))));
}

static void create_write_close(long i)
{
    int fd = (int)MUST(open(name_of('w', i), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    bench_must_equal(write(fd, bytes, BYTES), BYTES, "write");
    MUST(close(fd));
}

static void open_close(long i)
{
    MUST(close((int)MUST(open(name_of('w', i), O_RDONLY | O_CLOEXEC))));
}

static void open_read_close(long i)
{
    int fd = (int)MUST(open(name_of('w', i), O_RDONLY | O_CLOEXEC));
    bench_must_equal(read(fd, bytes, BYTES), BYTES, "read");
    MUST(close(fd));
}

static void change_mode(long i)
{
    MUST(chmod(name_of('w', i), 0600));
}

static void rename_it(long i)
{
    char from[32];
    snprintf(from, sizeof from, "%s", name_of('w', i));
    MUST(rename(from, name_of('r', i)));
}

static void unlink_it(long i)
{
    MUST(unlink(name_of('r', i)));
}

/* In this order: each finds what the ones before it left. */
static const struct {
    const char *name;
    void (*run)(long i);
} operations[] = {
    {"lookup-missing", lookup_missing},
    {"create-close", create_close},
    {"create-write-close", create_write_close},
    {"open-close", open_close},
    {"open-read-close", open_read_close},
    {"chmod", change_mode},
    {"rename", rename_it},
    {"unlink", unlink_it},
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: single FOLDER COUNT\n");
        return 2;
    }
    MUST(chdir(argv[1]));
    long count = bench_number(argv[2]);
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        double began = bench_now();
        for (long n = 0; n < count; n++)
            operations[i].run(n);
        printf("%s %.9f\n", operations[i].name, (bench_now() - began) / (double)count);
    }
    return 0;
}
