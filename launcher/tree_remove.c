/* tree_remove.c - see tree_remove.h. */
#include "launcher/tree_remove.h"

#include <ftw.h>
#include <stdio.h>

#include "journal/base/compiler.h"

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void tree_remove(const char *path)
{
    (void)nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
