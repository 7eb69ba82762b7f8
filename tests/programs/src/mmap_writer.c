/* mmap_writer.c - changes a file through a shared mapping: every page once, some twice, and what it
 * reads through another descriptor must be what it wrote. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void scribble(unsigned char *map, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 4096)
        map[at] = (unsigned char)(map[at] ^ 0xa5);
    if (msync(map, bytes, MS_SYNC) < 0)
        die("msync");
    for (size_t at = 100; at + 16 <= bytes; at += 65536)
        memcpy(map + at, "sixteen bytes...", 16);
}

static void check(const char *path, const unsigned char *map, size_t bytes)
{
    unsigned char *seen = malloc(bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !seen)
        die(path);
    for (size_t have = 0; have < bytes;) {
        ssize_t n = read(fd, seen + have, bytes - have);
        if (n <= 0)
            die("read");
        have += (size_t)n;
    }
    if (memcmp(seen, map, bytes) != 0) {
        fprintf(stderr, "%s: a reader sees something else than the mapping\n", path);
        exit(1);
    }
    close(fd);
    free(seen);
}

int main(int argc, char **argv)
{
    struct stat st;
    int fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
        die("usage: mmap_writer FILE");
    size_t bytes = (size_t)st.st_size;
    unsigned char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        die("mmap");
    close(fd); /* the mapping lives on, and writes later */
    scribble(map, bytes);
    check(argv[1], map, bytes);
    if (munmap(map, bytes) < 0)
        die("munmap");
    return 0;
}
