/* plan.c - see plan.h.
 *
 * Neighbours are told together: what lies below one folder of a zone is one line. */
#include "launcher/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/burst.h"

#define LINES_MOST 20
#define GROUP_DEPTH 2 /* names in a path that make a group: the zone, and a folder in it */
#define FEW 2         /* so many are listed by name, in one line when short */

enum {
    VERB,
    COUNT,
    NOUN,
    SIZE,
    WHAT
};

static const struct table_column columns[TABLE_COLUMNS] = {
    [COUNT] = {.right = true},
    [SIZE] = {.right = true},
    [WHAT] = {.flexible = true},
};

static const struct word {
    const char *verb;
    const char *adjective; /* of what it was; "" when the verb says it */
    bool has_size;
    const char *key;
} words[] = {
    [UNDO_BRING_BACK] = {"bring back", "deleted ", true, "bring_back"},
    [UNDO_PUT_BACK] = {"put back", "changed ", true, "put_back"},
    [UNDO_RENAME] = {"rename back", "", false, "rename"},
    [UNDO_REMOVE] = {"remove", "created ", false, "remove"},
    [UNDO_RESET] = {"reset", "", false, "reset"},
};

/* An undo that is taken back itself: what was created or deleted then is a matter of where one stands. */
static const struct word redo_words[] = {
    [UNDO_BRING_BACK] = {"bring back", "", true, "bring_back"},
    [UNDO_PUT_BACK] = {"put back", "", true, "put_back"},
    [UNDO_RENAME] = {"rename", "", false, "rename"},
    [UNDO_REMOVE] = {"remove", "", false, "remove"},
    [UNDO_RESET] = {"reset", "", false, "reset"},
};

/* Who tells, in which words. */
struct teller {
    struct table *table;
    const struct screen *screen;
    const struct word *words;
};

struct list {
    const struct undo_item **items; /* owned array, borrowed items */
    size_t count;
};

static void list_release(struct list *list)
{
    free(list->items);
    *list = (struct list){0};
}

/* '/' sorts before every other byte, so that a folder's content follows it at once. */
static int compare_paths(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
    int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
    return x - y;
}

static int compare_items(const void *a, const void *b)
{
    const struct undo_item *x = *(const struct undo_item *const *)a;
    const struct undo_item *y = *(const struct undo_item *const *)b;
    if (x->verb != y->verb)
        return x->verb < y->verb ? -1 : 1;
    return compare_paths(x->path, y->path);
}

static int list_make(const struct undo_plan *plan, struct list *list)
{
    const struct undo_item *items = NULL;
    list->count = undo_plan_items(plan, &items);
    list->items = calloc(list->count + 1, sizeof *list->items);
    if (!list->items)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++)
        list->items[i] = &items[i];
    qsort(list->items, list->count, sizeof *list->items, compare_items);
    return 0;
}

/* Bytes of the first names of a path. */
static size_t group_bytes(const char *path)
{
    size_t bytes = 0;
    for (int depth = 0; path[bytes]; bytes++)
        if (path[bytes] == '/' && ++depth == GROUP_DEPTH)
            break;
    return bytes;
}

static bool same_group(const struct undo_item *a, const struct undo_item *b)
{
    size_t bytes = group_bytes(a->path);
    return a->verb == b->verb && a->verb != UNDO_RENAME && bytes == group_bytes(b->path) &&
           memcmp(a->path, b->path, bytes) == 0;
}

static size_t group_end(const struct list *list, size_t from)
{
    size_t end = from + 1;
    while (end < list->count && same_group(list->items[from], list->items[end]))
        end++;
    return end;
}

static size_t verb_end(const struct list *list, size_t from)
{
    size_t end = from + 1;
    while (end < list->count && list->items[end]->verb == list->items[from]->verb)
        end++;
    return end;
}

static size_t folder_of(const struct undo_item *item)
{
    const char *slash = strrchr(item->path, '/');
    if (S_ISDIR(item->mode))
        return strlen(item->path);
    return slash ? (size_t)(slash - item->path) : 0;
}

static void add_path(struct strbuf *out, const struct undo_item *item)
{
    render_name(out, item->path);
    strbuf_add_text(out, S_ISDIR(item->mode) ? "/" : "");
}

/* The folder they have in common, or the one. */
static void say_place(struct strbuf *out, const struct undo_item **items, size_t count)
{
    size_t bytes = folder_of(items[0]);
    for (size_t i = 1; i < count; i++)
        bytes = burst_common_folder(items[0]->path, bytes, items[i]->path, folder_of(items[i]));
    if (count == 1) {
        add_path(out, items[0]);
    } else if (bytes == 0) {
        strbuf_add_text(out, ".");
    } else {
        text_escape(out, items[0]->path, bytes);
        strbuf_add_text(out, "/");
    }
}

static void say_noun(struct strbuf *out, const struct word *word, const struct undo_item **items,
                     size_t count)
{
    size_t folders = 0;
    for (size_t i = 0; i < count; i++)
        folders += S_ISDIR(items[i]->mode);
    bool many = count > 1;
    strbuf_add_text(out, word->adjective);
    if (folders == 0)
        strbuf_add_text(out, many ? "files" : "file");
    else if (folders == count)
        strbuf_add_text(out, many ? "folders" : "folder");
    else
        strbuf_add_text(out, "items");
}

static void say_bytes(struct strbuf *out, const struct undo_item **items, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += items[i]->bytes;
    if (bytes)
        render_size(out, bytes);
}

static void add_line(const struct teller *t, const struct undo_item **items, size_t count,
                     const char *place)
{
    const struct word *word = &t->words[items[0]->verb];
    CLEANUP(strbuf_release) struct strbuf number = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf noun = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf size = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf to = STRBUF_EMPTY;
    render_count(&number, count);
    say_noun(&noun, word, items, count);
    if (word->has_size)
        say_bytes(&size, items, count);
    if (items[0]->verb == UNDO_RENAME)
        render_name(&to, items[0]->path2);
    struct cell cells[TABLE_COLUMNS] = {
        [VERB] = {.text = word->verb},
        [COUNT] = {.text = strbuf_text(&number)},
        [NOUN] = {.text = strbuf_text(&noun)},
        [SIZE] = {.text = strbuf_text(&size)},
        [WHAT] = {.text = place, .to = to.bytes ? strbuf_text(&to) : NULL},
    };
    table_add(t->table, cells);
}

/* "shared/x  shared/y": two short names in one line. */
static bool add_few(const struct teller *t, const struct undo_item **items, size_t count)
{
    CLEANUP(strbuf_release) struct strbuf names = STRBUF_EMPTY;
    if (count < 2 || count > FEW || items[0]->verb == UNDO_RENAME)
        return false;
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(&names, i ? "  " : "");
        add_path(&names, items[i]);
    }
    if (text_columns(strbuf_text(&names)) > t->screen->columns / 3)
        return false;
    add_line(t, items, count, strbuf_text(&names));
    return true;
}

static void add_group(const struct teller *t, const struct undo_item **items, size_t count)
{
    CLEANUP(strbuf_release) struct strbuf place = STRBUF_EMPTY;
    say_place(&place, items, count);
    add_line(t, items, count, strbuf_text(&place));
}

int plan_print(const struct undo_plan *plan, const struct screen *screen, bool redo)
{
    CLEANUP(list_release) struct list list = {0};
    CLEANUP(table_free) struct table *table = table_new(columns);
    TRY(table ? list_make(plan, &list) : -ENOMEM);
    const struct teller t = {table, screen, redo ? redo_words : words};
    size_t at = 0;
    while (at < list.count && table_lines(table) < LINES_MOST) {
        size_t end = verb_end(&list, at);
        bool first = at == 0 || list.items[at - 1]->verb != list.items[at]->verb;
        if (!first || !add_few(&t, list.items + at, end - at)) {
            end = group_end(&list, at);
            add_group(&t, list.items + at, end - at);
        }
        at = end;
    }
    TRY(table_print(table, screen, 2));
    if (at < list.count)
        fprintf(screen->out, "  … and %zu more\n", list.count - at);
    return 0;
}

/* ---- conflicts ---- */

static const struct table_column conflict_columns[TABLE_COLUMNS] = {{.flexible = true}};

static int print_conflicts(const struct undo_conflict *conflicts, size_t count,
                           const struct screen *screen)
{
    CLEANUP(table_free) struct table *table = table_new(conflict_columns);
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < count && i < LINES_MOST; i++) {
        CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
        CLEANUP(strbuf_release) struct strbuf reason = STRBUF_EMPTY;
        render_name(&path, conflicts[i].path);
        render_name(&reason, conflicts[i].reason);
        struct cell cells[TABLE_COLUMNS] = {{.text = strbuf_text(&path)},
                                            {.text = strbuf_text(&reason)}};
        table_add(table, cells);
    }
    TRY(table_print(table, screen, 2));
    if (count > LINES_MOST)
        fprintf(screen->out, "  … and %zu more\n", count - LINES_MOST);
    return 0;
}

static bool has_obstacle(const struct undo_conflict *conflicts, size_t count,
                         enum undo_obstacle obstacle)
{
    for (size_t i = 0; i < count; i++)
        if (conflicts[i].obstacle == obstacle)
            return true;
    return false;
}

/* What to do: what helps with what is there. */
static void print_ways(const struct undo_conflict *conflicts, size_t count,
                       const struct screen *screen)
{
    uint64_t event = conflicts[0].event ? conflicts[0].event : conflicts[0].by;
    fputs("  ", screen->out);
    if (event)
        fprintf(screen->out, "see it: ccfs diff '#%" PRIu64 "'    ", event);
    fputs("leave it: --skip-conflicts", screen->out);
    if (has_obstacle(conflicts, count, UNDO_BY_OUTSIDE))
        fputs("    replace it (a copy is kept): --force", screen->out);
    if (has_obstacle(conflicts, count, UNDO_BY_EVENT))
        fputs("    undo that too: --with-dependents", screen->out);
    fputc('\n', screen->out);
}

int plan_print_conflicts(const struct undo_plan *plan, const struct screen *screen)
{
    const struct undo_conflict *conflicts = NULL;
    const struct undo_conflict *skipped = NULL;
    size_t left_out = undo_plan_skipped(plan, &skipped);
    size_t count = undo_plan_conflicts(plan, &conflicts);
    if (count) {
        log_line("nothing was undone: %zu %s in the way", count,
                 count == 1 ? "thing is" : "things are");
        TRY(print_conflicts(conflicts, count, screen));
        print_ways(conflicts, count, screen);
        return 0;
    }
    if (left_out == 0)
        return 0;
    log_line("%zu %s as %s", left_out, left_out == 1 ? "thing is left" : "things are left",
             left_out == 1 ? "it is" : "they are");
    return print_conflicts(skipped, left_out, screen);
}

/* ---- for programs ---- */

static void items_json(const struct undo_plan *plan, struct json *j)
{
    const struct undo_item *items = NULL;
    size_t count = undo_plan_items(plan, &items);
    json_begin_array(j, "items");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(j, NULL);
        json_text(j, "does", words[items[i].verb].key);
        json_text(j, "path", items[i].path);
        json_text(j, "to", items[i].path2);
        json_text(j, "type", type_name(items[i].mode));
        json_uint(j, "bytes", items[i].bytes);
        json_uint(j, "event", items[i].event);
        json_end(j);
    }
    json_end(j);
}

static const char *const obstacle_keys[] = {
    [UNDO_BY_EVENT] = "event",
    [UNDO_BY_OUTSIDE] = "outside",
    [UNDO_IMPOSSIBLE] = "impossible",
};

static void conflicts_json(struct json *j, const char *key, const struct undo_conflict *conflicts,
                           size_t count)
{
    json_begin_array(j, key);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(j, NULL);
        json_text(j, "path", conflicts[i].path);
        json_text(j, "reason", conflicts[i].reason);
        json_text(j, "obstacle", obstacle_keys[conflicts[i].obstacle]);
        json_uint(j, "event", conflicts[i].event);
        json_uint(j, "by", conflicts[i].by);
        json_end(j);
    }
    json_end(j);
}

void plan_json(const struct undo_plan *plan, struct json *j)
{
    const uint64_t *events = NULL;
    size_t count = undo_plan_events(plan, &events);
    json_begin_array(j, "events");
    for (size_t i = 0; i < count; i++)
        json_uint(j, NULL, events[i]);
    json_end(j);
    items_json(plan, j);
    const struct undo_conflict *list = NULL;
    count = undo_plan_conflicts(plan, &list);
    conflicts_json(j, "conflicts", list, count);
    count = undo_plan_skipped(plan, &list);
    conflicts_json(j, "skipped", list, count);
}
