/* vault_walk.c - all that is in the vault, folder by folder.
 *
 * Whatever has another name than a version's, or lies in another folder than its number says, is
 * none: copies that were cut off, versions that were set aside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/vault.h"
#include "journal/vault_sync.h"

#define NAME_DIGITS (VAULT_NAME - 1)

/* With which a name begins; 0: with none. */
static uint64_t number_of(const char *name)
{
    bool is_number = strspn(name, "0123456789abcdef") == NAME_DIGITS;
    return is_number ? strtoull(name, NULL, 16) : 0;
}

/* The version that a name in folder `folder` stands for; 0: it is none. */
static uint64_t version_of(int dir, const char *name, unsigned folder)
{
    char plain[NAME_DIGITS + 1] = "";
    const char *rest = name + strnlen(name, NAME_DIGITS);
    uint64_t version = number_of(name);
    if (version == 0 || (*rest && strcmp(rest, ".zst") != 0))
        return 0;
    memcpy(plain, name, NAME_DIGITS);
    if (*rest && faccessat(dir, plain, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* packing was cut off */
    return version % VAULT_FOLDERS == folder ? version : 0;
}

typedef void folder_entry(int folder, const char *name, uint64_t version, void *context);

static int walk_folder(struct vault *v, unsigned i, folder_entry *each, void *context)
{
    char unused[VAULT_NAME];
    int folder = vault_place(v, i, unused);
    CLEANUP(fd_close) int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return -errno;
    fd = -1; /* closedir() closes it */
    for (const struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(folder, e->d_name, version_of(folder, e->d_name, i), context);
    closedir(dir);
    return 0;
}

static int walk(struct vault *v, folder_entry *each, void *context)
{
    for (unsigned i = 0; i < VAULT_FOLDERS; i++)
        TRY(walk_folder(v, i, each, context));
    return 0;
}

/* One that was set aside keeps its number: whoever gave that again would set aside a second one. */
static uint64_t version_aside(const char *name)
{
    uint64_t version = number_of(name);
    bool is_aside = version && strncmp(name + NAME_DIGITS, VAULT_ASIDE, strlen(VAULT_ASIDE)) == 0;
    return is_aside && version <= INT64_MAX / 4 ? version : 0; /* beyond any that was ever given */
}

static void keep_highest(int folder, const char *name, uint64_t version, void *context)
{
    uint64_t *highest = context;
    uint64_t given = version ? version : version_aside(name);
    (void)folder;
    if (given > *highest)
        *highest = given;
}

uint64_t vault_highest(struct vault *v)
{
    uint64_t highest = 0;
    (void)walk(v, keep_highest, &highest); /* what cannot be read cannot be met either */
    return highest;
}

struct visit {
    vault_each *each;
    void *context;
};

static void visit_one(int folder, const char *name, uint64_t version, void *context)
{
    const struct visit *visit = context;
    (void)folder;
    (void)name;
    if (version)
        visit->each(visit->context, version);
}

int vault_walk(struct vault *v, vault_each *each, void *context)
{
    struct visit visit = {.each = each, .context = context};
    return walk(v, visit_one, &visit);
}

struct usage {
    uint64_t bytes;
    uint64_t versions;
};

static void add_usage(int folder, const char *name, uint64_t version, void *context)
{
    struct usage *usage = context;
    struct stat st;
    if (version == 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    usage->bytes += (uint64_t)st.st_blocks * 512;
    usage->versions++;
}

int vault_usage(struct vault *v, uint64_t *bytes, uint64_t *versions)
{
    struct usage usage = {0};
    TRY(walk(v, add_usage, &usage));
    *bytes = usage.bytes;
    *versions = usage.versions;
    return 0;
}
