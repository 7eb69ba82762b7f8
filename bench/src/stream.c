/* stream.c - one file: written, read, overwritten, appended to.
 *
 *     stream VERB FILE COUNT      prints seconds; the last close is part of what is measured */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/src/bench.h"

#define PIECE (1024 * 1024)
#define BLOCK 4096

static char bytes[PIECE];

static void fill(void)
{
    uint64_t random = 42;
    for (size_t i = 0; i + 8 <= sizeof bytes; i += 8) {
        uint64_t x = bench_random(&random);
        memcpy(bytes + i, &x, sizeof x);
    }
}

static off_t some_block(uint64_t *random, long blocks)
{
    return (off_t)(bench_random(random) % (uint64_t)blocks) * BLOCK;
}

static long blocks_of(int fd)
{
    struct stat st;
    MUST(fstat(fd, &st));
    return (long)(st.st_size / BLOCK);
}

static void write_pieces(int fd, long count)
{
    for (long i = 0; i < count; i++)
        bench_must_equal(write(fd, bytes, PIECE), PIECE, "write");
}

static void read_pieces(int fd, long count)
{
    for (long i = 0; i < count; i++)
        bench_must_equal(read(fd, bytes, PIECE), PIECE, "read");
}

static void read_random(int fd, long count)
{
    uint64_t random = 1;
    long blocks = blocks_of(fd);
    for (long i = 0; i < count; i++)
        bench_must_equal(pread(fd, bytes, BLOCK, some_block(&random, blocks)), BLOCK, "pread");
}

static void write_random(int fd, long count)
{
    uint64_t random = 2;
    long blocks = blocks_of(fd);
    for (long i = 0; i < count; i++)
        bench_must_equal(pwrite(fd, bytes, BLOCK, some_block(&random, blocks)), BLOCK, "pwrite");
}

/* Every other block, so that no two of them can be captured as one. */
static void write_blocks(int fd, long count)
{
    for (long i = 0; i < count; i++)
        bench_must_equal(pwrite(fd, bytes, BLOCK, (off_t)i * 2 * BLOCK), BLOCK, "pwrite");
}

static void append(int fd, long count)
{
    for (long i = 0; i < count; i++)
        bench_must_equal(write(fd, bytes, BLOCK), BLOCK, "write");
}

struct verb {
    const char *name;
    int flags;
    void (*run)(int fd, long count);
};

static const struct verb verbs[] = {
    {"write", O_WRONLY | O_CREAT | O_EXCL, write_pieces},
    {"read", O_RDONLY, read_pieces},
    {"read-random", O_RDONLY, read_random},
    {"write-random", O_WRONLY, write_random},
    {"write-blocks", O_WRONLY, write_blocks},
    {"append", O_WRONLY | O_CREAT | O_APPEND, append},
};

static double timed(const struct verb *verb, const char *path, long count)
{
    double began = bench_now();
    int fd = (int)MUST(open(path, verb->flags | O_CLOEXEC, 0644));
    verb->run(fd, count);
    MUST(close(fd));
    return bench_now() - began;
}

/* The same blocks twice through one descriptor: what the first time costs, and what is left of it.
 */
static void blocks_twice(const char *path, long count)
{
    int fd = (int)MUST(open(path, O_WRONLY | O_CLOEXEC));
    for (int again = 0; again < 2; again++) {
        double began = bench_now();
        write_blocks(fd, count);
        printf("%s %.9f\n", again ? "again" : "first", bench_now() - began);
    }
    MUST(close(fd));
}

/* A file of that many blocks, and then as many writes into it by whoever made it. */
static void make_and_overwrite(const char *path, long count)
{
    int fd = (int)MUST(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    append(fd, count);
    double began = bench_now();
    write_random(fd, count);
    printf("%.9f\n", bench_now() - began);
    MUST(close(fd));
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: stream VERB FILE COUNT\n");
        return 2;
    }
    fill();
    if (strcmp(argv[1], "blocks-twice") == 0) {
        blocks_twice(argv[2], bench_number(argv[3]));
        return 0;
    }
    if (strcmp(argv[1], "make-and-overwrite") == 0) {
        make_and_overwrite(argv[2], bench_number(argv[3]));
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            printf("%.9f\n", timed(&verbs[i], argv[2], bench_number(argv[3])));
            return 0;
        }
    fprintf(stderr, "stream: no verb \"%s\"\n", argv[1]);
    return 2;
}
