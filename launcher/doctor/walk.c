/* walk.c - see walk.h. */
#include "launcher/doctor/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/dir.h"
#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/journal.h"

#define DEEPEST 24
#define MOST_SEEN 200000
#define PATIENCE (20 * NS_PER_S)

static const char *const passed_by[] = {"node_modules", ".venv", "__pycache__", ".cache", ".tox"};

struct walker {
    struct walk *walk;
    struct strbuf path;
    int64_t end;
};

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_passed_by(const struct walker *w, const char *name)
{
    if (w->path.bytes == 0 && strcmp(name, STATE_FOLDER) == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(passed_by); i++)
        if (strcmp(name, passed_by[i]) == 0)
            return true;
    return false;
}

static bool is_enough(struct walker *w)
{
    if (w->walk->seen < MOST_SEEN && clock_now_ns() < w->end)
        return false;
    w->walk->cut_short = true;
    return true;
}

static enum walk_wish enter(struct walker *w, int folder, const char *name, unsigned depth);

static enum walk_wish look_at(struct walker *w, int folder, const char *name, unsigned depth)
{
    struct walk_place place = {.folder = folder, .name = name};
    size_t before = w->path.bytes;
    enum walk_wish wish = WALK_ON;
    if (is_dots(name) || is_passed_by(w, name) ||
        fstatat(folder, name, &place.st, AT_SYMLINK_NOFOLLOW) < 0)
        return WALK_ON;
    if (is_enough(w))
        return WALK_END;
    w->walk->seen++;
    strbuf_add_format(&w->path, "%s%s", before ? "/" : "", name);
    place.path = strbuf_text(&w->path);
    wish = w->walk->visit(w->walk->context, &place);
    if (wish == WALK_ON && S_ISDIR(place.st.st_mode))
        wish = enter(w, folder, name, depth + 1);
    if (!w->path.failed) {
        w->path.bytes = before;
        w->path.data[before] = '\0';
    }
    return wish == WALK_END || w->path.failed ? WALK_END : WALK_ON;
}

static enum walk_wish enter(struct walker *w, int folder, const char *name, unsigned depth)
{
    enum walk_wish wish = WALK_ON;
    if (depth > DEEPEST) {
        w->walk->cut_short = true;
        return WALK_ON;
    }
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    CLEANUP(dir_close) DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        fd_close(&fd);
        return WALK_ON; /* gone, or closed to us */
    }
    for (const struct dirent *e = readdir(list); e && wish != WALK_END; e = readdir(list))
        wish = look_at(w, dirfd(list), e->d_name, depth);
    return wish;
}

int walk_tree(int root, struct walk *walk, struct error *err)
{
    struct walker w = {.walk = walk, .end = clock_now_ns() + PATIENCE};
    (void)enter(&w, root, ".", 0);
    bool failed = w.path.failed;
    strbuf_release(&w.path);
    return failed ? error_say(err, ENOMEM, "no memory for a path") : 0;
}
