/* variable.h - NAME=VALUE, as --env wants it. */
#ifndef LAUNCHER_VARIABLE_H
#define LAUNCHER_VARIABLE_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static inline bool is_variable(const char *item)
{
    size_t n = strspn(item, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && n < 100 && !isdigit((unsigned char)item[0]) && item[n] == '=';
}

#endif
