/* checksum.c - prints the CRC32C of each file: what the tour builds, from journal/base alone. */
#include <stdio.h>
#include <string.h>

#include "journal/base/crc.h"
#include "journal/base/strbuf.h"
#include "journal/base/text.h"

static int print_checksum(const char *path)
{
    char buffer[65536];
    uint32_t sum = 0;
    size_t n;
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 1;
    }
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0)
        sum = crc32c(sum, buffer, n);
    int failed = ferror(file);
    fclose(file);
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    text_escape(&shown, path, strlen(path));
    printf("%08x  %s\n", (unsigned)sum, strbuf_text(&shown));
    return failed != 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= print_checksum(argv[i]);
    return failed;
}
