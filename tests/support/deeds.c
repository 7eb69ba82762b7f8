/* deeds.c - see deeds.h. */
#include "tests/support/deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "journal/base/compiler.h"
#include "journal/base/fd.h"

#define OPEN_ALWAYS (O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)

unsigned dice_roll(struct dice *dice, unsigned sides)
{
    dice->state = dice->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(dice->state >> 33) % sides;
}

static int result(int r)
{
    return r < 0 ? -errno : 0;
}

/* ---- contents ---- */

static char text[1 << 18];

static const char *text_of(const struct deed *deed)
{
    struct dice dice = {deed->seed};
    for (uint32_t i = 0; i < deed->bytes && i < sizeof text; i += 16)
        snprintf(text + i, 17 < sizeof text - i ? 17 : sizeof text - i, "%08x %06x;",
                 dice_roll(&dice, 1U << 31), i);
    return text;
}

static uint32_t bytes_of(const struct deed *deed)
{
    return deed->bytes < sizeof text ? deed->bytes : sizeof text;
}

static int put(const struct deed *deed, int flags)
{
    CLEANUP(fd_close) int fd = open(deed->path, flags | OPEN_ALWAYS, 0644);
    if (fd < 0)
        return -errno;
    return result((int)pwrite(fd, text_of(deed), bytes_of(deed), deed->offset));
}

static int create(const struct deed *deed)
{
    return put(deed, O_WRONLY | O_CREAT | O_EXCL);
}

static int replace(const struct deed *deed)
{
    return put(deed, O_WRONLY | O_CREAT | O_TRUNC);
}

static int overwrite(const struct deed *deed)
{
    return put(deed, O_RDWR);
}

static int append(const struct deed *deed)
{
    return put(deed, O_WRONLY | O_APPEND);
}

static int shorten(const struct deed *deed)
{
    return result(truncate(deed->path, deed->bytes));
}

static int allocate(const struct deed *deed, int mode)
{
    CLEANUP(fd_close) int fd = open(deed->path, O_RDWR | OPEN_ALWAYS);
    return fd < 0 ? -errno : result(fallocate(fd, mode, deed->offset, deed->bytes));
}

static int punch(const struct deed *deed)
{
    return allocate(deed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static int zero(const struct deed *deed)
{
    return allocate(deed, FALLOC_FL_ZERO_RANGE);
}

static int extend(const struct deed *deed)
{
    return allocate(deed, 0);
}

static int copy_range(const struct deed *deed)
{
    CLEANUP(fd_close) int from = open(deed->path, O_RDONLY | OPEN_ALWAYS);
    CLEANUP(fd_close) int to = open(deed->path2, O_WRONLY | OPEN_ALWAYS);
    off_t at = deed->offset;
    if (from < 0 || to < 0)
        return -errno;
    return result((int)copy_file_range(from, NULL, to, &at, deed->bytes, 0));
}

static int map_through(int fd, const struct deed *deed)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return -EINVAL;
    size_t bytes = (size_t)st.st_size;
    size_t from = deed->offset % bytes;
    size_t count = bytes_of(deed) < bytes - from ? bytes_of(deed) : bytes - from;
    char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    memcpy(map + from, text_of(deed), count);
    munmap(map, bytes);
    return 0;
}

static int map(const struct deed *deed)
{
    CLEANUP(fd_close) int fd = open(deed->path, O_RDWR | OPEN_ALWAYS);
    return fd < 0 ? -errno : map_through(fd, deed);
}

/* ---- through handles that stay open ---- */

static int held[DEED_HANDLES] = {-1, -1, -1};

static int *handle_of(const struct deed *deed)
{
    return &held[deed->seed % DEED_HANDLES];
}

static int hold(const struct deed *deed)
{
    int *fd = handle_of(deed);
    fd_close(fd);
    *fd = open(deed->path, O_RDWR | OPEN_ALWAYS);
    return result(*fd);
}

static int held_write(const struct deed *deed)
{
    return result((int)pwrite(*handle_of(deed), text_of(deed), bytes_of(deed), deed->offset));
}

static int held_map(const struct deed *deed)
{
    return *handle_of(deed) < 0 ? -EBADF : map_through(*handle_of(deed), deed);
}

static int held_shorten(const struct deed *deed)
{
    return result(ftruncate(*handle_of(deed), deed->bytes));
}

static int held_sync(const struct deed *deed)
{
    return result(fsync(*handle_of(deed)));
}

static int let_go(const struct deed *deed)
{
    fd_close(handle_of(deed));
    return 0;
}

bool deed_holds(void)
{
    for (size_t i = 0; i < DEED_HANDLES; i++)
        if (held[i] >= 0)
            return true;
    return false;
}

void deed_release_all(void)
{
    for (size_t i = 0; i < DEED_HANDLES; i++)
        fd_close(&held[i]);
}

/* ---- names ---- */

static int make_folder(const struct deed *deed)
{
    return result(mkdir(deed->path, 0755));
}

static int make_fifo(const struct deed *deed)
{
    return result(mkfifo(deed->path, 0640));
}

static int make_symlink(const struct deed *deed)
{
    return result(symlink(deed->path2, deed->path));
}

static int make_link(const struct deed *deed)
{
    return result(link(deed->path, deed->path2));
}

static int remove_name(const struct deed *deed)
{
    return result(unlink(deed->path));
}

static int remove_folder(const struct deed *deed)
{
    return result(rmdir(deed->path));
}

static int move(const struct deed *deed)
{
    return result(rename(deed->path, deed->path2));
}

static int exchange(const struct deed *deed)
{
    return result(renameat2(AT_FDCWD, deed->path, AT_FDCWD, deed->path2, RENAME_EXCHANGE));
}

static int move_aside(const struct deed *deed)
{
    return result(renameat2(AT_FDCWD, deed->path, AT_FDCWD, deed->path2, RENAME_NOREPLACE));
}

/* ---- metadata ---- */

static int change_mode(const struct deed *deed)
{
    return result(fchmodat(AT_FDCWD, deed->path, 0700 | (deed->seed & 0077), 0));
}

static int change_owner(const struct deed *deed)
{
    return result(lchown(deed->path, deed->seed % 5, deed->seed / 5 % 5));
}

static int change_times(const struct deed *deed)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = deed->seed, .tv_nsec = deed->offset}};
    return result(utimensat(AT_FDCWD, deed->path, times, AT_SYMLINK_NOFOLLOW));
}

static int set_attribute(const struct deed *deed)
{
    const char *name = deed->seed & 1 ? "user.one" : "user.two";
    return result(lsetxattr(deed->path, name, text_of(deed), bytes_of(deed) % 60, 0));
}

static int remove_attribute(const struct deed *deed)
{
    return result(lremovexattr(deed->path, deed->seed & 1 ? "user.one" : "user.two"));
}

/* ---- all of them ---- */

enum needs {
    PATH2 = 1,
    NUMBERS = 2, /* offset and bytes */
    HANDLE = 4,
    NO_PATH = 8,
};

static const struct {
    const char *name;
    int (*run)(const struct deed *deed);
    unsigned needs;
    unsigned often; /* compared to the others */
} kinds[] = {
    {"create", create, NUMBERS, 8},
    {"replace", replace, NUMBERS, 3},
    {"overwrite", overwrite, NUMBERS, 5},
    {"append", append, NUMBERS, 3},
    {"truncate", shorten, NUMBERS, 2},
    {"punch", punch, NUMBERS, 1},
    {"zero", zero, NUMBERS, 1},
    {"allocate", extend, NUMBERS, 1},
    {"copy-range", copy_range, PATH2 | NUMBERS, 1},
    {"map", map, NUMBERS, 2},
    {"hold", hold, HANDLE, 3},
    {"held-write", held_write, NUMBERS | HANDLE | NO_PATH, 3},
    {"held-map", held_map, NUMBERS | HANDLE | NO_PATH, 1},
    {"held-truncate", held_shorten, NUMBERS | HANDLE | NO_PATH, 1},
    {"held-fsync", held_sync, HANDLE | NO_PATH, 1},
    {"let-go", let_go, HANDLE | NO_PATH, 3},
    {"mkdir", make_folder, 0, 8},
    {"mkfifo", make_fifo, 0, 1},
    {"symlink", make_symlink, PATH2, 2},
    {"link", make_link, PATH2, 4},
    {"unlink", remove_name, 0, 6},
    {"rmdir", remove_folder, 0, 3},
    {"rename", move, PATH2, 8},
    {"exchange", exchange, PATH2, 3},
    {"rename-noreplace", move_aside, PATH2, 1},
    {"chmod", change_mode, 0, 1},
    {"chown", change_owner, 0, 1},
    {"utimens", change_times, 0, 1},
    {"setxattr", set_attribute, NUMBERS, 1},
    {"removexattr", remove_attribute, 0, 1},
};

int deed_do(const struct deed *deed)
{
    return kinds[deed->kind].run(deed);
}

void deed_tell(const struct deed *deed, FILE *out)
{
    unsigned needs = kinds[deed->kind].needs;
    fprintf(out, "%u: %s", deed->who, kinds[deed->kind].name);
    if (!(needs & NO_PATH))
        fprintf(out, " %s", deed->path);
    if (needs & PATH2)
        fprintf(out, " %s", deed->path2);
    if (needs & HANDLE)
        fprintf(out, " handle %u", deed->seed % DEED_HANDLES);
    if (needs & NUMBERS)
        fprintf(out, " offset %u bytes %u", deed->offset, deed->bytes);
    fputc('\n', out);
}

/* ---- by chance ---- */

static unsigned kind_random(struct dice *dice)
{
    unsigned total = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        total += kinds[i].often;
    unsigned at = dice_roll(dice, total);
    unsigned kind = 0;
    while (at >= kinds[kind].often)
        at -= kinds[kind++].often;
    return kind;
}

/* One to three of four names: collisions are the point. */
static void path_random(struct dice *dice, const char *base, char path[DEED_PATH_BYTES])
{
    size_t at = (size_t)snprintf(path, DEED_PATH_BYTES - 8, "%s", base);
    for (unsigned depth = dice_roll(dice, 3) + 1; depth > 0; depth--) {
        path[at++] = (char)('a' + dice_roll(dice, 4));
        path[at++] = '/';
    }
    path[at - 1] = '\0';
}

/* Mostly within few blocks, sometimes beyond what is copied whole. */
static uint32_t size_random(struct dice *dice)
{
    static const unsigned most[] = {1, 20, 5000, 20000, 20000, 200000};
    return dice_roll(dice, most[dice_roll(dice, COUNT_OF(most))] + 1);
}

struct deed deed_random(struct dice *dice, const char *base)
{
    struct deed deed = {.kind = kind_random(dice)};
    path_random(dice, base, deed.path);
    path_random(dice, base, deed.path2);
    deed.offset = size_random(dice);
    deed.bytes = size_random(dice);
    deed.seed = dice_roll(dice, 1U << 30);
    return deed;
}

struct deed deed_named(const char *kind)
{
    struct deed deed = {0};
    while (strcmp(kinds[deed.kind].name, kind) != 0)
        deed.kind++;
    return deed;
}
