/* when.c - see when.h. */
#include "launcher/when.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "journal/base/clock.h"
#include "journal/base/text.h"

#define LATEST_YEAR 2261 /* the last whole year that nanoseconds in 64 bits reach */

/* Exactly `digits` digits at *at, which moves behind them. */
static bool take_number(const char **at, int digits, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += digits;
    *out = value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static struct tm local_day(int64_t now)
{
    struct tm tm;
    time_t seconds = clock_timespec(now).tv_sec;
    localtime_r(&seconds, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    return tm;
}

static bool parse_ago(const char *text, int64_t now, int64_t *out)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || strlen(text) != digits + 1)
        return false;
    int64_t count = 0;
    for (size_t i = 0; i < digits; i++)
        count = count * 10 + (text[i] - '0');
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (units[i].unit != text[digits])
            continue;
        if (count > now / NS_PER_S / units[i].seconds)
            *out = 1; /* before the beginning: everything */
        else
            *out = now - count * units[i].seconds * NS_PER_S;
        return true;
    }
    return false;
}

static bool parse_word(const char *text, int64_t now, int64_t *out)
{
    bool yesterday = strcmp(text, "yesterday") == 0;
    if (strcmp(text, "now") == 0) {
        *out = now;
        return true;
    }
    if (!yesterday && strcmp(text, "today") != 0)
        return false;
    struct tm tm = local_day(now);
    tm.tm_mday -= yesterday; /* mktime() puts it right */
    *out = (int64_t)mktime(&tm) * NS_PER_S;
    return true;
}

static bool take_date(const char **at, struct tm *tm)
{
    int year;
    int month;
    int day;
    if (!take_number(at, 4, &year) || !take_char(at, '-') || !take_number(at, 2, &month) ||
        !take_char(at, '-') || !take_number(at, 2, &day))
        return false;
    if (year < 1970 || year > LATEST_YEAR || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

static void take_fraction(const char **at, int64_t *ns)
{
    int64_t worth = NS_PER_S / 10;
    for (; **at >= '0' && **at <= '9'; ++*at, worth /= 10)
        *ns += (**at - '0') * worth;
}

static bool take_time(const char **at, struct tm *tm, int64_t *ns)
{
    if (!take_number(at, 2, &tm->tm_hour) || !take_char(at, ':') ||
        !take_number(at, 2, &tm->tm_min))
        return false;
    if (take_char(at, ':')) {
        if (!take_number(at, 2, &tm->tm_sec))
            return false;
        if (take_char(at, '.'))
            take_fraction(at, ns);
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* "Z", "+01:00", or nothing: local. */
static bool take_offset(const char **at, bool *local, int64_t *offset)
{
    int hours = 0;
    int minutes = 0;
    *local = **at == '\0';
    if (*local || take_char(at, 'Z') || take_char(at, 'z'))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_number(at, 2, &hours) || !take_char(at, ':') || !take_number(at, 2, &minutes))
        return false;
    *offset = sign * (hours * 60 + minutes) * 60;
    return hours < 24 && minutes < 60;
}

static bool same_day(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday;
}

/* Whoever types 30 February is asked again rather than given 2 March. */
static bool finish(struct tm tm, bool local, int64_t offset, int64_t ns, int64_t *out)
{
    struct tm wished = tm;
    tm.tm_isdst = -1;
    time_t seconds = local ? mktime(&tm) : timegm(&tm);
    if (!same_day(&wished, &tm) && wished.tm_sec < 60)
        return false;
    *out = ((int64_t)seconds - offset) * NS_PER_S + ns;
    if (*out <= 0)
        *out = 1;
    return true;
}

static bool parse_stamp(const char *text, int64_t now, int64_t *out)
{
    const char *at = text;
    struct tm tm = {0};
    int64_t ns = 0;
    int64_t offset = 0;
    bool local = true;
    bool dated = strlen(text) >= 10 && text[4] == '-';
    if (dated && !take_date(&at, &tm))
        return false;
    if (!dated)
        tm = local_day(now);
    if (dated && *at == '\0')
        return finish(tm, true, 0, 0, out);
    if (dated && !take_char(&at, 'T') && !take_char(&at, ' '))
        return false;
    if (!take_time(&at, &tm, &ns) || (dated && !take_offset(&at, &local, &offset)))
        return false;
    return *at == '\0' && finish(tm, local, offset, ns, out);
}

int when_parse(const char *text, int64_t now, int64_t *out, struct error *err)
{
    if (parse_ago(text, now, out) || parse_word(text, now, out) || parse_stamp(text, now, out))
        return 0;
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    text_escape(&shown, text, strlen(text));
    return error_say(
        err, EINVAL,
        "\"%.60s\" is no time; say 10m, 2h, 3d, today, yesterday, 14:02, 2026-01-02 or "
        "2026-01-02T10:00",
        strbuf_text(&shown));
}
