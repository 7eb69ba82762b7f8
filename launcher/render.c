/* render.c - see render.h. */
#include "launcher/render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/list.h"
#include "journal/base/text.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_NO_SCREEN 10000 /* for programs that search lines, nothing is shortened */
#define FLEXIBLE_LEAST 24       /* below that other columns are dropped */
#define FLEXIBLE_FLOOR 12       /* below that the line may be too long */
#define GAP 2                   /* spaces between columns */
#define BAR 30

/* ---- the screen ---- */

static size_t terminal_columns(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

/* A file or a pipe is as wide as it takes, or as whoever reads it says. */
static size_t wished_columns(void)
{
    const char *wish = getenv("COLUMNS");
    long columns = wish ? strtol(wish, NULL, 10) : 0;
    return columns > 0 && columns < COLUMNS_NO_SCREEN ? (size_t)columns : COLUMNS_NO_SCREEN;
}

struct screen screen_of(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    int fd = fileno(out);
    bool terminal = isatty(fd) == 1;
    return (struct screen){
        .out = out,
        .columns = terminal ? terminal_columns(fd) : wished_columns(),
        .terminal = terminal,
        .colour = terminal && (!no_colour || !*no_colour),
    };
}

void render_toned(const struct screen *screen, enum tone tone, const char *text)
{
    static const char *const starts[] = {
        [TONE_PLAIN] = "", [TONE_RED] = "\33[31m", [TONE_GREEN] = "\33[32m", [TONE_DIM] = "\33[2m"};
    bool coloured = screen->colour && tone != TONE_PLAIN && *text;
    fprintf(screen->out, "%s%s%s", coloured ? starts[tone] : "", text, coloured ? "\33[0m" : "");
}

/* ---- numbers and names ---- */

void render_count(struct strbuf *out, uint64_t count)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            strbuf_add_text(out, ",");
        strbuf_add(out, &digits[i], 1);
    }
}

void render_plural(struct strbuf *out, uint64_t count, const char *one, const char *many)
{
    render_count(out, count);
    strbuf_add_format(out, " %s", count == 1 ? one : many);
}

void render_size(struct strbuf *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        strbuf_add_format(out, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.5 && unit + 1 < COUNT_OF(units)) {
        value /= 1024;
        unit++;
    }
    strbuf_add_format(out, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void render_name(struct strbuf *out, const char *bytes)
{
    if (bytes)
        text_escape(out, bytes, strlen(bytes));
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the first `columns` characters. */
static size_t head_bytes(const char *text, size_t columns)
{
    size_t at = 0;
    while (text[at]) {
        if (!is_continuation(text[at]) && columns-- == 0)
            break;
        at++;
    }
    return at;
}

void render_shortened(struct strbuf *out, const char *text, size_t columns)
{
    size_t have = text_columns(text);
    if (have <= columns) {
        strbuf_add_text(out, text);
        return;
    }
    if (columns == 0)
        return;
    const char *slash = strrchr(text, '/');
    size_t last = slash && slash[1] ? text_columns(slash) : 0;
    size_t tail = (columns - 1) * 2 / 3; /* the end says what it is */
    if (last > tail && last < columns)
        tail = last;
    size_t head = columns - 1 - tail;
    strbuf_add(out, text, head_bytes(text, head));
    strbuf_add_text(out, "…");
    strbuf_add_text(out, text + head_bytes(text, have - tail));
}

/* ---- times ---- */

static struct tm local_time(int64_t ns)
{
    struct tm tm = {0};
    time_t seconds = clock_timespec(ns).tv_sec;
    localtime_r(&seconds, &tm);
    return tm;
}

static bool same_day(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_yday == b->tm_yday;
}

bool render_same_day(int64_t a, int64_t b)
{
    struct tm one = local_time(a);
    struct tm other = local_time(b);
    return same_day(&one, &other);
}

void render_clock(struct strbuf *out, int64_t ns)
{
    struct tm tm = local_time(ns);
    strbuf_add_format(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void render_day(struct strbuf *out, int64_t ns, int64_t now)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    struct tm day = local_time(ns);
    struct tm today = local_time(now);
    struct tm yesterday = today;
    yesterday.tm_mday--;
    yesterday.tm_hour = 12; /* not where a day lacks or repeats an hour */
    yesterday.tm_isdst = -1;
    mktime(&yesterday);
    if (same_day(&day, &today))
        strbuf_add_text(out, "today");
    else if (same_day(&day, &yesterday))
        strbuf_add_text(out, "yesterday");
    else if (day.tm_year == today.tm_year)
        strbuf_add_format(out, "%d %s", day.tm_mday, months[day.tm_mon]);
    else
        strbuf_add_format(out, "%d-%02d-%02d", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

void render_moment(struct strbuf *out, int64_t ns, int64_t now)
{
    struct tm tm = local_time(ns);
    render_day(out, ns, now);
    strbuf_add_format(out, " %02d:%02d", tm.tm_hour, tm.tm_min);
}

void render_stamp(struct strbuf *out, int64_t ns)
{
    struct tm tm = local_time(ns);
    char text[48];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    strbuf_add_format(out, "%s.%09ld", text, clock_timespec(ns).tv_nsec);
    strftime(text, sizeof text, " %z", &tm);
    strbuf_add_text(out, text);
}

/* ---- columns ---- */

struct line {
    char *texts[TABLE_COLUMNS];
    char *tos[TABLE_COLUMNS];
    enum tone tones[TABLE_COLUMNS];
};

struct table {
    const struct table_column *columns;
    struct line *lines;
    size_t count;
    size_t room;
    bool failed;
};

struct table *table_new(const struct table_column *columns)
{
    struct table *table = calloc(1, sizeof *table);
    if (table)
        table->columns = columns;
    return table;
}

static void line_release(struct line *line)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        free(line->texts[i]);
        free(line->tos[i]);
    }
    *line = (struct line){0};
}

static void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        line_release(&table->lines[i]);
    table->count = 0;
    table->failed = false;
}

void table_free(struct table **table)
{
    if (!*table)
        return;
    table_clear(*table);
    free((*table)->lines);
    free(*table);
    *table = NULL;
}

static bool line_fill(struct line *line, const struct cell *cells)
{
    bool whole = true;
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        line->texts[i] = strdup(cells[i].text ? cells[i].text : "");
        line->tos[i] = cells[i].to ? strdup(cells[i].to) : NULL;
        line->tones[i] = cells[i].tone;
        whole = whole && line->texts[i] && (!cells[i].to || line->tos[i]);
    }
    return whole;
}

void table_add(struct table *table, const struct cell *cells)
{
    struct line *lines = list_grown(table->lines, table->count, &table->room, sizeof *lines);
    if (!lines) {
        table->failed = true;
        return;
    }
    table->lines = lines;
    struct line line = {0};
    if (line_fill(&line, cells)) {
        table->lines[table->count++] = line;
        return;
    }
    line_release(&line);
    table->failed = true;
}

size_t table_lines(const struct table *table)
{
    return table->count;
}

static size_t cell_columns(const struct line *line, size_t at)
{
    size_t to = line->tos[at] ? text_columns(line->tos[at]) + 3 : 0;
    return text_columns(line->texts[at]) + to;
}

struct layout {
    size_t widths[TABLE_COLUMNS];
    bool dropped[TABLE_COLUMNS];
    size_t flexible; /* TABLE_COLUMNS: none */
};

static void measure(const struct table *table, struct layout *layout)
{
    layout->flexible = TABLE_COLUMNS;
    for (size_t c = 0; c < TABLE_COLUMNS; c++) {
        for (size_t i = 0; i < table->count; i++) {
            size_t columns = cell_columns(&table->lines[i], c);
            if (columns > layout->widths[c])
                layout->widths[c] = columns;
        }
        if (table->columns[c].flexible)
            layout->flexible = c;
    }
}

/* What the columns take, the flexible one and those that are dropped aside. */
static size_t fixed_columns(const struct layout *layout)
{
    size_t sum = 0;
    for (size_t c = 0; c < TABLE_COLUMNS; c++)
        if (c != layout->flexible && !layout->dropped[c] && layout->widths[c])
            sum += layout->widths[c] + GAP;
    return sum;
}

static bool drop_one(const struct table *table, struct layout *layout)
{
    size_t highest = TABLE_COLUMNS;
    for (size_t c = 0; c < TABLE_COLUMNS; c++) {
        bool may = table->columns[c].drop && !layout->dropped[c] && layout->widths[c];
        if (may &&
            (highest == TABLE_COLUMNS || table->columns[c].drop > table->columns[highest].drop))
            highest = c;
    }
    if (highest == TABLE_COLUMNS)
        return false;
    layout->dropped[highest] = true;
    return true;
}

static void fit(const struct table *table, struct layout *layout, size_t columns)
{
    if (layout->flexible == TABLE_COLUMNS)
        return;
    size_t *width = &layout->widths[layout->flexible];
    size_t least = *width < FLEXIBLE_LEAST ? *width : FLEXIBLE_LEAST;
    while (fixed_columns(layout) + least > columns && drop_one(table, layout))
        ;
    size_t fixed = fixed_columns(layout);
    size_t left = columns > fixed + FLEXIBLE_FLOOR ? columns - fixed : FLEXIBLE_FLOOR;
    if (*width > left)
        *width = left;
}

/* "a → b" in so many columns: a short one leaves its room to the other. */
static void shorten_pair(struct strbuf *out, const char *from, const char *to, size_t columns)
{
    size_t room = columns > 3 ? columns - 3 : 0;
    size_t a = text_columns(from);
    size_t b = text_columns(to);
    size_t half = room / 2;
    if (a + b > room) {
        a = a <= half ? a : b < room - half ? room - b : half;
        b = room - a;
    }
    render_shortened(out, from, a);
    strbuf_add_text(out, " → ");
    render_shortened(out, to, b);
}

static void cell_text(struct strbuf *out, const struct line *line, size_t at, size_t columns)
{
    strbuf_clear(out);
    if (line->tos[at])
        shorten_pair(out, line->texts[at], line->tos[at], columns);
    else
        render_shortened(out, line->texts[at], columns);
}

static void put_spaces(const struct screen *screen, size_t count)
{
    fprintf(screen->out, "%*s", (int)count, "");
}

/* Is anything to be printed at or behind this column? */
static bool rest_is_empty(const struct line *line, const struct layout *layout, size_t at)
{
    for (; at < TABLE_COLUMNS; at++)
        if (!layout->dropped[at] && cell_columns(line, at))
            return false;
    return true;
}

/* Empty cells that follow the flexible one give it their room: a long rename stays whole. */
static size_t flexible_room(const struct line *line, const struct layout *layout)
{
    size_t room = layout->widths[layout->flexible];
    for (size_t c = layout->flexible + 1; c < TABLE_COLUMNS && !cell_columns(line, c); c++)
        if (!layout->dropped[c] && layout->widths[c])
            room += layout->widths[c] + GAP;
    return room;
}

static void print_line(const struct table *table, const struct line *line,
                       const struct layout *layout, const struct screen *screen,
                       struct strbuf *text)
{
    size_t borrowed = 0; /* columns that the flexible cell took from the empty ones behind it */
    for (size_t c = 0; c < TABLE_COLUMNS && !rest_is_empty(line, layout, c); c++) {
        size_t width = layout->widths[c];
        if (layout->dropped[c] || !width)
            continue;
        size_t room = c == layout->flexible ? flexible_room(line, layout) : width;
        if (borrowed && !cell_columns(line, c)) {
            borrowed = borrowed > width + GAP ? borrowed - width - GAP : 0;
            continue;
        }
        cell_text(text, line, c, room);
        size_t pad = room - text_columns(strbuf_text(text));
        borrowed = c == layout->flexible ? room - width : 0;
        if (table->columns[c].right)
            put_spaces(screen, pad);
        enum tone tone = line->tones[c] != TONE_PLAIN ? line->tones[c] : table->columns[c].tone;
        render_toned(screen, tone, strbuf_text(text));
        if (rest_is_empty(line, layout, c + 1))
            break;
        put_spaces(screen, (table->columns[c].right ? 0 : pad) + GAP);
    }
    fputc('\n', screen->out);
}

int table_print(struct table *table, const struct screen *screen, size_t indent)
{
    struct layout layout = {0};
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    measure(table, &layout);
    fit(table, &layout, screen->columns > indent ? screen->columns - indent : 0);
    for (size_t i = 0; i < table->count; i++) {
        put_spaces(screen, indent);
        print_line(table, &table->lines[i], &layout, screen, &text);
    }
    bool failed = table->failed || text.failed;
    table_clear(table);
    return failed ? -ENOMEM : 0;
}

/* ---- progress ---- */

void render_progress(const struct screen *screen, uint64_t done, uint64_t total)
{
    if (!screen->terminal || total == 0)
        return;
    if (done > total)
        done = total;
    char bar[BAR + 1] = "";
    double part = (double)done / (double)total;
    for (int i = 0; i < BAR; i++)
        bar[i] = (double)i < part * BAR ? '#' : ' ';
    CLEANUP(strbuf_release) struct strbuf counts = STRBUF_EMPTY;
    render_count(&counts, done);
    strbuf_add_text(&counts, "/");
    render_count(&counts, total);
    fprintf(screen->out, "\r[%s] %s%s", bar, strbuf_text(&counts), done == total ? "\n" : "");
    fflush(screen->out);
}
