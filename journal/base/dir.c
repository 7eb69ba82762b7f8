/* dir.c - see dir.h. */
#include "journal/base/dir.h"

#include <errno.h>
#include <stddef.h>

void dir_close(DIR **dir)
{
    if (!*dir)
        return;
    int saved = errno;
    closedir(*dir);
    *dir = NULL;
    errno = saved;
}
