/* append_writers.c - processes that append lines to one file at once: none is lost, none torn. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void append_lines(const char *path, int who, int lines)
{
    char line[64];
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        perror(path);
        _exit(1);
    }
    for (int i = 0; i < lines; i++) {
        int bytes = snprintf(line, sizeof line, "writer %d line %d\n", who, i);
        if (write(fd, line, (size_t)bytes) != bytes) {
            perror("write");
            _exit(1);
        }
    }
    _exit(close(fd) < 0);
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc != 4) {
        fputs("usage: append_writers FILE WRITERS LINES\n", stderr);
        return 2;
    }
    for (int who = 0; who < atoi(argv[2]); who++) {
        pid_t child = fork();
        if (child == 0)
            append_lines(argv[1], who, atoi(argv[3]));
        failed |= child < 0;
    }
    for (int status = 0; wait(&status) > 0;)
        failed |= status != 0;
    return failed;
}
