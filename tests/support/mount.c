/* mount.c - see mount.h. */
#include "tests/support/mount.h"

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/history.h"
#include "journal/journal.h"
#include "journal/vault.h"

#define FUSE_MAGIC 0x65735546
#define PATIENCE_S 60

static const struct zone test_zones[] = {
    {"rw", ZONE_RW, true, false},        {"ro", ZONE_RO, true, false},
    {"wo", ZONE_WO, true, false},        {"hidden", ZONE_NONE, true, false},
    {"setid", ZONE_RW, true, true},      {"wolist", ZONE_WO, false, false},
    {"rw/locked", ZONE_RO, true, false},
};

void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) < 0)
        ;
}

const char *path_in(const char *base, const char *name)
{
    static char paths[8][8192];
    static unsigned at;
    char *path = paths[at++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

bool mount_is_possible(void)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        print_message("SKIP: /dev/fuse cannot be opened: %s\n", strerror(errno));
        return false;
    }
    close(fd);
    if (getuid() == 0 || access("/usr/bin/fusermount3", X_OK) == 0 ||
        access("/bin/fusermount3", X_OK) == 0)
        return true;
    print_message("SKIP: a normal user needs fusermount3 (package fuse3)\n");
    return false;
}

/* ---- its folders --------------------------------------------------------------------------------
 */

static void make_folder(char *out, size_t bytes, const char *base, const char *name)
{
    snprintf(out, bytes, "%s/%s", base, name);
    assert_int_equal(mkdir(out, 0755), 0);
}

static void make_zones(struct mount *m)
{
    struct error err = ERROR_NONE;
    for (size_t i = 0; i < COUNT_OF(test_zones); i++)
        assert_int_equal(mkdirat(m->root, test_zones[i].path, 0755), 0);
    if (zones_make(test_zones, COUNT_OF(test_zones), &m->zones, &err) < 0)
        fail_msg("%s", err.message);
}

struct mount *mount_make(const char *parent)
{
    struct mount *m = calloc(1, sizeof *m);
    assert_non_null(m);
    const char *tmp = parent ? parent : getenv("TMPDIR");
    snprintf(m->base, sizeof m->base, "%s/ccfs-mount-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    assert_non_null(mkdtemp(m->base));
    assert_int_equal(chmod(m->base, 0755), 0); /* other users take part in some stories */
    make_folder(m->raw, sizeof m->raw, m->base, "ws");
    make_folder(m->at, sizeof m->at, m->base, "mnt");
    make_folder(m->plain, sizeof m->plain, m->base, "plain");
    m->root = open(m->raw, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(m->root >= 0);
    make_zones(m);
    struct error err = ERROR_NONE;
    if (journal_create(m->root, &err) < 0)
        fail_msg("%s", err.message);
    m->options = (struct fusefs_options){
        .workspace = m->raw,
        .mountpoint = m->at,
        .zones = m->zones,
        .passthrough = true,
    };
    return m;
}

static uid_t heir;

static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return lchown(path, heir, heir);
}

void mount_give_to(struct mount *m, uid_t user)
{
    heir = user;
    m->user = user;
    assert_int_equal(nftw(m->base, give_one, 16, FTW_PHYS), 0);
}

/* ---- its daemon ---------------------------------------------------------------------------------
 */

static void serve(struct mount *m, int ready)
{
    struct error err = ERROR_NONE;
    const struct rlimit limit = {m->descriptors, m->descriptors};
    if (m->descriptors)
        setrlimit(RLIMIT_NOFILE, &limit);
    if (m->user && (setgroups(0, NULL) < 0 || setresgid(m->user, m->user, m->user) < 0 ||
                    setresuid(m->user, m->user, m->user) < 0))
        exit(errno);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* not before: a change of user takes it back */
    m->options.ready_fd = ready;
    int r = fusefs_serve(&m->options, &err);
    if (r < 0 && r != -EBUSY)
        log_error(&err);
    exit(r < 0 ? -r : 0); /* not _exit(): the leak checker has its say */
}

int mount_try(struct mount *m)
{
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    fflush(NULL);
    m->daemon = fork();
    assert_true(m->daemon >= 0);
    if (m->daemon == 0) {
        close(ready[0]);
        serve(m, ready[1]);
    }
    close(ready[1]);
    char plus = 0;
    ssize_t n = read(ready[0], &plus, 1);
    close(ready[0]);
    if (n == 1 && plus == '+')
        return 0;
    int status = mount_wait(m);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

void mount_start(struct mount *m)
{
    int r = mount_try(m);
    if (r < 0)
        fail_msg("the daemon did not start: %s", strerror(-r));
}

int mount_wait(struct mount *m)
{
    int status = 0;
    for (int waited = 0; waited < PATIENCE_S * 100; waited++) {
        pid_t pid = waitpid(m->daemon, &status, WNOHANG);
        if (pid == m->daemon) {
            m->daemon = 0;
            return status;
        }
        sleep_ms(10);
    }
    kill(m->daemon, SIGKILL);
    waitpid(m->daemon, &status, 0);
    m->daemon = 0;
    fail_msg("the daemon did not end within %d s", PATIENCE_S);
    return status;
}

bool mount_is_there(const struct mount *m)
{
    struct statfs s;
    return statfs(m->at, &s) < 0 || s.f_type == FUSE_MAGIC; /* ENOTCONN: a dead one */
}

void mount_clear(struct mount *m)
{
    char command[256];
    snprintf(command, sizeof command, "fusermount3 -u -q -z -- '%s'", m->at);
    for (int i = 0; i < PATIENCE_S * 100 && mount_is_there(m); i++) {
        if (umount2(m->at, MNT_DETACH) < 0 && errno == EPERM && system(command) != 0)
            return;
        sleep_ms(10);
    }
}

void mount_stop(struct mount *m)
{
    char *reply = mount_ask(m, "umount");
    assert_string_equal(reply, "ok");
    free(reply);
    int status = mount_wait(m);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(mount_is_there(m));
}

void mount_remove(struct mount **at)
{
    struct mount *m = *at;
    if (m->daemon) {
        kill(m->daemon, SIGKILL);
        mount_wait(m);
    }
    mount_clear(m);
    close(m->root);
    zones_free(&m->zones);
    if (!mount_is_there(m))
        test_folder_remove(m->base);
    free(m);
    *at = NULL;
}

static int given_mount_over(enum transport transport, void **state)
{
    struct mount *m = mount_make(NULL);
    *state = m;
    m->options.transport = transport;
    mount_start(m);
    return 0;
}

int given_mount(void **state)
{
    return given_mount_over(TRANSPORT_AUTO, state);
}

int given_mount_over_dev(void **state)
{
    return given_mount_over(TRANSPORT_DEV, state);
}

int given_mount_over_uring(void **state)
{
    return given_mount_over(TRANSPORT_URING, state);
}

int given_unmounted(void **state)
{
    *state = mount_make(NULL);
    return 0;
}

bool transport_is_here(enum transport transport)
{
    char value = 'N';
    if (transport != TRANSPORT_URING)
        return true;
    CLEANUP(fd_close)
    int fd = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, &value, 1) == 1 && (value == 'Y' || value == '1'))
        return true;
    print_message("SKIP: FUSE over io_uring is off in this kernel\n");
    return false;
}

int end_of_mount(void **state)
{
    struct mount *m = *state;
    if (m->daemon)
        mount_stop(m);
    mount_remove(&m);
    return 0;
}

/* ---- its control socket -------------------------------------------------------------------------
 */

int mount_connect(struct mount *m)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/.ccfs/control.sock",
             m->root);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; connect(fd, (struct sockaddr *)&address, sizeof address) < 0; i++) {
        if (i == 100)
            fail_msg("control socket: %s", strerror(errno));
        sleep_ms(10);
    }
    return fd;
}

static bool is_last_line(const char *line)
{
    return strncmp(line, "ok", 2) == 0 || strncmp(line, "err ", 4) == 0;
}

char *mount_ask_on(int control, const char *request)
{
    assert_true(dprintf(control, "%s\n", request) > 0);
    FILE *in = fdopen(dup(control), "r");
    assert_non_null(in);
    char *line = NULL;
    size_t room = 0;
    do {
        if (getline(&line, &room, in) <= 0)
            fail_msg("the daemon did not answer \"%s\"", request);
    } while (!is_last_line(line));
    line[strcspn(line, "\n")] = '\0';
    fclose(in);
    return line;
}

char *mount_ask(struct mount *m, const char *request)
{
    int control = mount_connect(m);
    char *reply = mount_ask_on(control, request);
    close(control);
    return reply;
}

void mount_drain(struct mount *m)
{
    char *reply = mount_ask(m, "drain");
    assert_string_equal(reply, "ok");
    free(reply);
}

/* ---- events -------------------------------------------------------------------------------------
 */

static void copy_blob(struct arena *a, const void **at, size_t bytes)
{
    *at = bytes ? arena_copy(a, *at, bytes) : NULL;
}

static int keep_event(const struct event *event, void *context)
{
    struct seen *s = context;
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->list = realloc(s->list, s->room * sizeof *s->list);
        assert_non_null(s->list);
    }
    struct event *e = &s->list[s->count++];
    *e = *event;
    e->reason = arena_copy_text(&s->arena, e->reason);
    e->path = arena_copy_text(&s->arena, e->path ? e->path : "");
    e->path2 = arena_copy_text(&s->arena, e->path2);
    e->actor.exe = arena_copy_text(&s->arena, e->actor.exe);
    e->actor.cmdline = arena_copy_text(&s->arena, e->actor.cmdline);
    e->actor.container = arena_copy_text(&s->arena, e->actor.container);
    const void *ranges = e->ranges;
    copy_blob(&s->arena, &ranges, e->range_count * sizeof *e->ranges);
    e->ranges = ranges;
    copy_blob(&s->arena, &e->xattrs, e->xattr_bytes);
    return 0;
}

/* A test that fails leaves its events behind: the daemons of the next ones must not count them as
 * theirs. */
static struct seen *newest;

struct seen *mount_events(struct mount *m, uint64_t after)
{
    struct seen *s = calloc(1, sizeof *s);
    struct history *h = NULL;
    struct error err = ERROR_NONE;
    struct history_filter filter = HISTORY_ALL;
    assert_non_null(s);
    s->older = newest;
    newest = s;
    filter.first_id = after + 1;
    if (m->daemon)
        mount_drain(m);
    int r = history_open(m->root, &h, &err);
    if (r == 0)
        r = history_events(h, &filter, keep_event, s, &err);
    history_close(&h);
    if (r < 0)
        fail_msg("%s", err.message);
    return s;
}

struct seen *mount_events_ended(struct mount *m, uint64_t after)
{
    for (int i = 0; i < PATIENCE_S * 100; i++) {
        struct seen *s = mount_events(m, after);
        bool open = false;
        for (size_t k = 0; k < s->count; k++)
            open |= s->list[k].outcome == OUTCOME_OPEN;
        if (!open)
            return s;
        seen_free(&s);
        sleep_ms(10);
    }
    fail_msg("a write session does not end");
    return NULL;
}

void seen_free(struct seen **s)
{
    struct seen **at = &newest;
    while (*at && *at != *s)
        at = &(*at)->older;
    if (!*s || !*at)
        return;
    *at = (*s)->older;
    arena_release(&(*s)->arena);
    free((*s)->list);
    free(*s);
    *s = NULL;
}

uint64_t mount_last_event(struct mount *m)
{
    struct seen *s = mount_events(m, 0);
    uint64_t last = s->count ? s->list[s->count - 1].id : 0;
    seen_free(&s);
    return last;
}

const struct event *seen_find(const struct seen *s, enum op op, const char *path)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->list[i].op == op && strcmp(s->list[i].path, path) == 0)
            return &s->list[i];
    return NULL;
}

size_t seen_count(const struct seen *s, enum op op, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->list[i].op == op && strcmp(s->list[i].path, path) == 0;
    return n;
}

/* ---- versions -----------------------------------------------------------------------------------
 */

static char *read_whole(int fd, size_t *bytes)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char *data = malloc((size_t)st.st_size + 1);
    assert_non_null(data);
    assert_int_equal(fd_pread_all(fd, data, (size_t)st.st_size, 0), 0);
    *bytes = (size_t)st.st_size;
    return data;
}

/* The old content: what is there now with the kept blocks over it, cut to the old length. */
static char *rebuild(struct vault *v, const struct event *e, const char *present, size_t *bytes)
{
    struct error err = ERROR_NONE;
    CLEANUP(fd_close) int to = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CLEANUP(fd_close) int from = open(present, O_RDONLY | O_CLOEXEC);
    assert_true(to >= 0 && from >= 0);
    struct stat st;
    assert_int_equal(fstat(from, &st), 0);
    assert_int_equal(fd_copy(from, to, st.st_size), 0);
    if (vault_blocks_restore(v, e->version, to, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(ftruncate(to, (off_t)e->before.size), 0);
    return read_whole(to, bytes);
}

char *version_bytes(struct mount *m, const struct event *e, const char *present, size_t *bytes)
{
    CLEANUP(vault_close) struct vault *v = NULL;
    CLEANUP(fd_close) int state = openat(m->root, STATE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error err = ERROR_NONE;
    assert_int_equal(vault_open(state, &v, &err), 0);
    assert_true(e->version != 0);
    if (e->kept == KEPT_BLOCKS)
        return rebuild(v, e, present, bytes);
    CLEANUP(fd_close) int fd = vault_open_version(v, e->version, O_RDONLY);
    assert_true(fd >= 0);
    return read_whole(fd, bytes);
}

/* ---- trees --------------------------------------------------------------------------------------
 */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **names_in(const char *path, size_t *count)
{
    char **names = calloc(1, sizeof *names);
    size_t room = 1;
    DIR *dir = opendir(path);
    *count = 0;
    if (!dir)
        fail_msg("%s: %s", path, strerror(errno));
    for (const struct dirent *d; (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (*count == room)
            names = realloc(names, (room *= 2) * sizeof *names);
        assert_non_null(names);
        names[(*count)++] = strdup(d->d_name);
    }
    closedir(dir);
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

static void names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void assert_same_content(const char *left, const char *right)
{
    CLEANUP(fd_close) int a = open(left, O_RDONLY | O_CLOEXEC);
    bool unreadable = a < 0 && errno == EACCES;
    CLEANUP(fd_close) int b = open(right, O_RDONLY | O_CLOEXEC);
    if (unreadable && b < 0 && errno == EACCES)
        return;
    if (a < 0 || b < 0)
        fail_msg("%s: %s", left, strerror(errno));
    size_t left_bytes;
    size_t right_bytes;
    char *l = read_whole(a, &left_bytes);
    char *r = read_whole(b, &right_bytes);
    if (left_bytes != right_bytes || memcmp(l, r, left_bytes) != 0)
        fail_msg("%s and %s differ", left, right);
    free(l);
    free(r);
}

static void assert_same_stat(const char *left, const struct stat *l, const struct stat *r)
{
    if (l->st_mode != r->st_mode || l->st_uid != r->st_uid || l->st_gid != r->st_gid ||
        l->st_nlink != r->st_nlink || l->st_size != r->st_size || l->st_ino != r->st_ino ||
        l->st_mtim.tv_sec != r->st_mtim.tv_sec || l->st_mtim.tv_nsec != r->st_mtim.tv_nsec)
        fail_msg("%s: mode %o/%o uid %u/%u nlink %u/%u size %lld/%lld ino %lu/%lu mtime "
                 "%ld.%09ld/%ld.%09ld",
                 left, l->st_mode, r->st_mode, l->st_uid, r->st_uid, (unsigned)l->st_nlink,
                 (unsigned)r->st_nlink, (long long)l->st_size, (long long)r->st_size,
                 (unsigned long)l->st_ino, (unsigned long)r->st_ino, (long)l->st_mtim.tv_sec,
                 l->st_mtim.tv_nsec, (long)r->st_mtim.tv_sec, r->st_mtim.tv_nsec);
}

static void assert_same_thing(const char *left, const char *right)
{
    struct stat l;
    struct stat r;
    if (lstat(left, &l) < 0 || lstat(right, &r) < 0)
        fail_msg("%s: %s", left, strerror(errno));
    assert_same_stat(left, &l, &r);
    if (S_ISREG(l.st_mode))
        assert_same_content(left, right);
    if (!S_ISLNK(l.st_mode))
        return;
    char one[4097] = {0};
    char other[4097] = {0};
    assert_true(readlink(left, one, sizeof one - 1) >= 0);
    assert_true(readlink(right, other, sizeof other - 1) >= 0);
    assert_string_equal(one, other);
}

void assert_same_trees(const char *left, const char *right)
{
    size_t count;
    size_t other_count;
    char **names = names_in(left, &count);
    char **others = names_in(right, &other_count);
    if (count != other_count)
        fail_msg("%s: %zu entries, %s: %zu", left, count, right, other_count);
    for (size_t i = 0; i < count; i++) {
        char l[8192];
        char r[8192];
        assert_string_equal(names[i], others[i]);
        snprintf(l, sizeof l, "%s/%s", left, names[i]);
        snprintf(r, sizeof r, "%s/%s", right, names[i]);
        assert_same_thing(l, r);
        struct stat st;
        if (lstat(l, &st) == 0 && S_ISDIR(st.st_mode))
            assert_same_trees(l, r);
    }
    names_free(names, count);
    names_free(others, other_count);
}
