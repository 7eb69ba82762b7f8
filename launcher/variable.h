/* variable.h - names of variables, and NAME=VALUE as --env wants it. */
#ifndef LAUNCHER_VARIABLE_H
#define LAUNCHER_VARIABLE_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define VARIABLE_NAME_LIMIT 100

/* Bytes of the name that item begins with; 0: no name that every shell takes. */
static inline size_t variable_name(const char *item)
{
    size_t n = strspn(item, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n < VARIABLE_NAME_LIMIT && !isdigit((unsigned char)item[0]) ? n : 0;
}

static inline bool is_variable(const char *item)
{
    size_t n = variable_name(item);
    return n > 0 && item[n] == '=';
}

#endif
