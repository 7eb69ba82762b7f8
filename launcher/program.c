/* program.c - see program.h. */
#include "launcher/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool find_in(const char *path, const char *name, char *out, size_t bytes)
{
    while (*path) {
        size_t n = strcspn(path, ":");
        if (n > 0 && path[0] == '/') {
            int length = snprintf(out, bytes, "%.*s/%s", (int)n, path, name);
            if (length > 0 && (size_t)length < bytes && access(out, X_OK) == 0)
                return true;
        }
        path += n;
        path += *path == ':';
    }
    return false;
}

bool program_find(const char *name, char *out, size_t bytes)
{
    const char *path = getenv("PATH");
    return find_in(path ? path : "/usr/local/bin:/usr/bin:/bin", name, out, bytes) ||
           find_in("/usr/local/sbin:/usr/sbin:/sbin", name, out, bytes);
}
