/* power_load.c - destroys each of many files once, and writes into a ledger what was acknowledged.
 *
 * A file's bytes tell what they are: at each multiple of 16 stands "FILE:CELL:GENERATION\n", so that
 * whoever looks at them later needs no copy to compare with.
 *
 *   power_load prepare DIR FILES         makes them, generation 0
 *   power_load run DIR FILES LEDGER SEED PACE_US   three processes, each its third, until all are done
 *
 * A line of the ledger: FILE NANOSECONDS(UTC, after the last call returned) fsynced|not KIND */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CELL 16
#define WORKERS 3
#define LARGE 200000

static int folder = -1;
static int ledger = -1;

static void die(const char *what)
{
    perror(what);
    _exit(1);
}

/* Some small, some too large to be copied whole. */
static size_t size_of(int file)
{
    return file % 4 == 3 ? LARGE : (size_t)(1000 + file * 977 % 50000);
}

static void name_of(int file, char name[16])
{
    snprintf(name, 16, "f%06d", file);
}

static void content(int file, int generation, char *out, size_t bytes)
{
    char cell[CELL + 1];
    for (size_t at = 0; at < bytes; at += CELL) {
        snprintf(cell, sizeof cell, "%06u:%06u:%c\n", (unsigned)file % 1000000,
                 (unsigned)(at / CELL) % 1000000, '0' + generation % 10);
        memcpy(out + at, cell, bytes - at < CELL ? bytes - at : CELL);
    }
}

static char data[LARGE];

static void write_content(const char *name, int flags, int file, int generation, size_t from,
                          size_t bytes, bool sync)
{
    int fd = openat(folder, name, flags | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        die(name);
    content(file, generation, data, from + bytes);
    if (pwrite(fd, data + from, bytes, (off_t)from) != (ssize_t)bytes || (sync && fsync(fd) < 0) ||
        close(fd) < 0)
        die(name);
}

static void prepare(int files)
{
    char name[16];
    for (int file = 0; file < files; file++) {
        name_of(file, name);
        write_content(name, O_CREAT | O_EXCL, file, 0, 0, size_of(file), false);
    }
    sync();
}

/* ---- the ways to destroy ---- */

static void overwrite(const char *name, int file, bool sync)
{
    write_content(name, 0, file, 1, 0, size_of(file), sync);
}

static void overwrite_part(const char *name, int file, bool sync)
{
    size_t from = size_of(file) / 3 / CELL * CELL;
    write_content(name, 0, file, 1, from, size_of(file) / 4, sync);
}

static void rewrite(const char *name, int file, bool sync)
{
    write_content(name, O_TRUNC, file, 1, 0, size_of(file) / 2, sync);
}

static void shorten(const char *name, int file, bool sync)
{
    int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(size_of(file) / 2)) < 0 || (sync && fsync(fd) < 0) ||
        close(fd) < 0)
        die(name);
}

static void removes(const char *name, int file, bool sync)
{
    (void)file;
    if (unlinkat(folder, name, 0) < 0 || (sync && fsync(folder) < 0))
        die(name);
}

static void replace(const char *name, int file, bool sync)
{
    char other[24];
    snprintf(other, sizeof other, "%s.new", name);
    write_content(other, O_CREAT, file, 1, 0, 1000, true);
    if (renameat(folder, other, folder, name) < 0 || (sync && fsync(folder) < 0))
        die(name);
}

static const struct {
    const char *name;
    void (*run)(const char *name, int file, bool sync);
} kinds[] = {
    {"overwrite", overwrite}, {"part", overwrite_part}, {"overwrite", overwrite},
    {"part", overwrite_part}, {"rewrite", rewrite},     {"shorten", shorten},
    {"remove", removes},      {"replace", replace},
};

/* ---- running ---- */

static uint64_t dice;

static unsigned roll(unsigned sides)
{
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(dice >> 33) % sides;
}

static void acknowledge(int file, bool synced, const char *kind)
{
    char line[80];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int n = snprintf(line, sizeof line, "%d %lld%09ld %s %s\n", file, (long long)t.tv_sec,
                     t.tv_nsec, synced ? "fsynced" : "not", kind);
    if (write(ledger, line, (size_t)n) != n)
        die("ledger");
}

static void work(int worker, int files, unsigned pace_us)
{
    char name[16];
    for (int file = worker; file < files; file += WORKERS) {
        unsigned kind = roll(sizeof kinds / sizeof kinds[0]);
        bool sync = roll(2);
        name_of(file, name);
        kinds[kind].run(name, file, sync);
        acknowledge(file, sync, kinds[kind].name);
        usleep(roll(2 * pace_us + 1));
    }
    _exit(0);
}

static int run(int files, const char *ledger_path, uint64_t seed, unsigned pace_us)
{
    int failed = 0;
    ledger = open(ledger_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger < 0)
        die(ledger_path);
    for (int worker = 0; worker < WORKERS; worker++) {
        dice = seed * 77 + (uint64_t)worker;
        pid_t child = fork();
        if (child == 0)
            work(worker, files, pace_us);
        failed |= child < 0;
    }
    for (int status = 0; wait(&status) > 0;)
        failed |= status != 0;
    return failed;
}

int main(int argc, char **argv)
{
    if (argc >= 4)
        folder = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || (argc != 4 && argc != 7)) {
        fputs("usage: power_load prepare DIR FILES | run DIR FILES LEDGER SEED PACE_US\n", stderr);
        return 2;
    }
    if (argc == 7)
        return run(atoi(argv[3]), argv[4], strtoull(argv[5], NULL, 10), (unsigned)atoi(argv[6]));
    prepare(atoi(argv[3]));
    return 0;
}
