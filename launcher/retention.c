/* retention.c - see retention.h. */
#include "launcher/retention.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/control_client.h"

#define DAY 86400

bool retention_parse_age(const char *text, uint64_t *seconds)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {
        {"s", 1},       {"m", 60},       {"h", 3600},     {"d", DAY},
        {"w", 7 * DAY}, {"mo", 2629800}, {"y", 31557600},
    };
    size_t digits = strspn(text, "0123456789");
    if (strcmp(text, "none") == 0) {
        *seconds = 0;
        return true;
    }
    if (digits == 0 || digits > 9)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strcmp(units[i].unit, text + digits) == 0) {
            *seconds = strtoull(text, NULL, 10) * units[i].seconds;
            return *seconds > 0;
        }
    return false;
}

void retention_add(struct strbuf *request, const struct gc_limits *limits)
{
    control_add_number(request, "events_age", limits->events_age_s);
    control_add_number(request, "events_count", limits->events_count);
    control_add_number(request, "vault_age", limits->vault_age_s);
    control_add_number(request, "vault_bytes", limits->vault_bytes);
    control_add_number(request, "vault_count", limits->vault_count);
    control_add_number(request, "keep_sessions", limits->keep_sessions);
    control_add_number(request, "keep_age", limits->keep_age_s);
    control_add_number(request, "pack_after", limits->pack_after_s);
}
